package cli

import (
	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// completes has a flag completed with what values gives when it is asked.
func completes(cmd *cobra.Command, flag string, values func() []string) {
	// It fails for a flag that is not there, or twice, which a test would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
}

// completeProperties completes --property, where a command, or one below it, has it,
// with the names of the configuration, if that can be read.
func (e *env) completeProperties(cmd *cobra.Command) {
	for _, each := range cmd.Commands() {
		e.completeProperties(each)
	}
	if cmd.Flags().Lookup("property") == nil {
		return
	}
	completes(cmd, "property", func() (names []string) {
		cfg, err := e.load()
		if err != nil {
			return nil
		}
		for _, p := range cfg.Properties {
			names = append(names, p.Name)
		}
		return names
	})
}

// reasons are those that something can be parked for.
func reasons() (all []string) {
	for _, reason := range plan.Reasons() {
		all = append(all, string(reason))
	}
	return all
}
