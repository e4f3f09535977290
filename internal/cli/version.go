package cli

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersion(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Long: "version prints the version, the commit that it was built from and when that was made, the platform, and the\n" +
			"version of Go. The same commit gives the same binary; \"+dirty\" marks one built from changed files.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := built()
			_, err := fmt.Fprintf(e.Stdout, "preauth-sync %s, commit %s of %s, %s/%s, %s\n",
				b.version, b.commit, b.date, runtime.GOOS, runtime.GOARCH, runtime.Version())
			return err
		},
	}
}

// build is what the go command stamped into the binary.
type build struct {
	version, commit string
	// date is when the commit was made, RFC 3339.
	date string
}

// built reads the stamps. A build outside a checkout has none.
func built() build {
	b := build{version: "devel", commit: "unknown", date: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value[:min(12, len(s.Value))]
		case "vcs.time":
			b.date = s.Value
		}
	}
	return b
}

// program identifies the running build. A build outside a checkout has no stamps, so
// that the file it runs from counts too.
func program() string {
	b := built()
	name := b.version + " " + b.commit
	path, err := os.Executable()
	if err != nil {
		return name
	}
	info, err := os.Stat(path)
	if err != nil {
		return name
	}
	return fmt.Sprintf("%s %d %d", name, info.Size(), info.ModTime().UnixNano())
}

func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "Print a completion script for a shell",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			switch args[0] {
			case "zsh":
				return cmd.Root().GenZshCompletion(out)
			case "fish":
				return cmd.Root().GenFishCompletion(out, true)
			default:
				return cmd.Root().GenBashCompletionV2(out, true)
			}
		},
	}
}
