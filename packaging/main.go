// Command packaging builds what is handed out, for each architecture: the binary with
// its pages, completions and units as a deb and an rpm, and SHA256SUMS of them all. It
// is run in the root of a git checkout:
//
//	go run ./packaging
//
// Version and time are those that the go command stamps into the binary. The same
// commit gives the same bytes, wherever and whenever it is built.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/preauth-sync/preauth-sync/internal/cli"
)

func main() {
	out := flag.String("out", "dist", "the `FOLDER` to build in; what an earlier build left there is removed")
	arches := flag.String("arch", "amd64,arm64", "the `ARCHITECTURES`, as Go calls them, with commas")
	fresh := flag.Bool("fresh", false, "compile with an empty build cache, so that nothing comes from an earlier build")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out, strings.Split(*arches, ","), *fresh); err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1) //nolint:forbidigo,gocritic // main is where exit codes leave
	}
}

// run builds into out. The parts of the packages stay in out/parts.
func run(ctx context.Context, out string, arches []string, fresh bool) error {
	if err := clear(out); err != nil {
		return err
	}
	var settings []string
	if fresh {
		cache, err := os.MkdirTemp("", "packaging-cache-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(cache) }()
		settings = append(settings, "GOCACHE="+cache)
	}
	parts := filepath.Join(out, "parts")
	for _, arch := range arches {
		if err := compile(ctx, arch, filepath.Join(parts, arch, "preauth-sync"), settings); err != nil {
			return err
		}
	}
	made, err := readStamps(filepath.Join(parts, arches[0], "preauth-sync"))
	if err != nil {
		return err
	}
	if err := share(ctx, filepath.Join(parts, "share"), made); err != nil {
		return err
	}
	for _, arch := range arches {
		for _, packager := range []string{"deb", "rpm"} {
			if err := pack(ctx, out, packager, arch, made); err != nil {
				return err
			}
		}
	}
	return sums(out)
}

// clear removes what this command has built in a folder, and nothing else.
func clear(out string) error {
	old := []string{filepath.Join(out, "parts"), filepath.Join(out, sumsFile)}
	for _, pattern := range packages {
		found, err := filepath.Glob(filepath.Join(out, pattern))
		if err != nil {
			return err
		}
		old = append(old, found...)
	}
	for _, path := range old {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// compile builds the binary, with nothing in it of the machine or the folder. What
// is not said here, such as GOFLAGS, does not come from the surroundings either.
func compile(ctx context.Context, arch, to string, settings []string) error {
	build := exec.CommandContext(ctx, "go", "build", //nolint:gosec // the architecture is the builder's own choice
		"-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", to, "./cmd/preauth-sync")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch,
		"GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off")
	build.Env = append(build.Env, settings...)
	return do(build)
}

// share writes what is the same for every architecture: pages, completions, licences
// and the changelog.
func share(ctx context.Context, dir string, made stamps) error {
	commands := cli.Commands() //nolint:contextcheck // none of them is run
	err := errors.Join(
		manual{date: made.time}.write(commands, filepath.Join(dir, "man")),
		completions(commands, filepath.Join(dir, "completions")),
	)
	if err != nil {
		return err
	}
	notices, err := licences(ctx, made.modules)
	if err != nil {
		return err
	}
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(dir, "copyright"), notices),
		writeFile(filepath.Join(dir, "changelog.gz"), compressed(changes)),
	)
}

// pack makes one package of the parts, as packaging/nfpm.yaml says.
func pack(ctx context.Context, out, packager, arch string, made stamps) error {
	nfpm := exec.CommandContext(ctx, "go", "tool", //nolint:gosec // so is the folder
		"-modfile=tools/nfpm/go.mod", "nfpm", "package",
		"--config", "packaging/nfpm.yaml", "--packager", packager, "--target", out)
	nfpm.Env = append(os.Environ(), "PARTS="+filepath.Join(out, "parts"), "ARCH="+arch, "SYNOPSIS="+synopses[packager],
		"VERSION="+made.version, "SOURCE_DATE_EPOCH="+strconv.FormatInt(made.time.Unix(), 10))
	return do(nfpm)
}

// synopses are the first lines of the packages' descriptions. An rpm has a summary in
// its place.
var synopses = map[string]string{ //nolint:gochecknoglobals // a constant table
	"deb": "Mirror card preauthorizations from a hotel PMS into a billing platform\n",
}

const sumsFile = "SHA256SUMS"

// packages are the names of what is handed out, as patterns.
var packages = []string{"*.deb", "*.rpm"} //nolint:gochecknoglobals // a constant table

// sums writes the packages' checksums, for sha256sum --check.
func sums(out string) error {
	var names []string
	for _, pattern := range packages {
		found, err := filepath.Glob(filepath.Join(out, pattern))
		if err != nil {
			return err
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	var lines strings.Builder
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(&lines, "%s  %s\n", hex.EncodeToString(sum[:]), filepath.Base(name))
	}
	return writeFile(filepath.Join(out, sumsFile), []byte(lines.String()))
}

// do runs a command that says nothing unless it fails.
func do(command *exec.Cmd) error {
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, said)
	}
	return nil
}

// writeFile writes a part of the packages, and the folders above it.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600) // nfpm.yaml says with what mode it is installed
}
