package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a command line that is not understood.
type usageError struct {
	command *cobra.Command
	text    string
}

// Error says what is wrong with it and where to read on.
func (e *usageError) Error() string { return e.text + "; see `" + e.command.CommandPath() + " --help`" }

// sayUsage has a command, and those below it, say their usage errors this way.
func sayUsage(cmd *cobra.Command) {
	for _, each := range cmd.Commands() {
		sayUsage(each)
	}
	check := cmd.Args
	if check == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{cmd, misused(cmd, args, err)}
		}
		return nil
	}
}

// misused names the argument that is missing or too much.
func misused(cmd *cobra.Command, args []string, err error) string {
	_, takes, _ := strings.Cut(cmd.Use, " ")
	switch {
	case cmd.HasSubCommands():
		return err.Error()
	case takes == "":
		return fmt.Sprintf("%s takes no arguments, and got %.200q", cmd.Name(), args)
	case len(args) == 0:
		return fmt.Sprintf("%s needs an argument, %s", cmd.Name(), takes)
	default:
		return fmt.Sprintf("%s takes one argument, %s, and got %.200q", cmd.Name(), takes, args)
	}
}

// oneLine gives cobra's error of an unknown command, whose suggestions are a list.
func oneLine(err error) string {
	unknown, like, _ := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	if like == "" {
		return unknown
	}
	return unknown + ", which is like " + strings.Join(strings.Fields(like), " and ")
}
