package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state"
)

func newPause(e *env) *cobra.Command {
	return e.pausing("pause", "Stop all writes, or one property's, until resume",
		"pause keeps everything that writes from being sent to v4: creates and captures, in cycles and backfills. The PMS is polled\n"+
			"and the plan made as ever, and unknown creates are looked up. It holds at once, returns when no such request is under way\n"+
			"any more, and survives a restart.\n\n"+changeCodes,
		func(ctx context.Context, o control.Operator, property string) ([]control.Paused, error) {
			return o.Pause(ctx, property)
		})
}

func newResume(e *env) *cobra.Command {
	return e.pausing("resume", "Let writes be sent again",
		"resume lifts a pause; the next cycle sends what has been held back. The pause of all writes and those of single properties\n"+
			"are lifted separately: what is still paused is said.\n\n"+changeCodes,
		func(ctx context.Context, o control.Operator, property string) ([]control.Paused, error) {
			return o.Resume(ctx, property)
		})
}

// pausing is a command that changes what is paused, and says what is now.
func (e *env) pausing(
	name, short, long string, do func(context.Context, control.Operator, string) ([]control.Paused, error),
) *cobra.Command {
	var property string
	cmd := &cobra.Command{
		Use: name, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("property") && property == "" {
				return errors.New("--property is empty: name a property, or leave it out for all writes")
			}
			return e.operate(cmd.Context(), state.ReadWrite, func(o control.Operator) error {
				paused, err := do(cmd.Context(), o, property)
				if err != nil {
					return err
				}
				return e.sayPaused(paused)
			})
		},
	}
	cmd.Flags().StringVar(&property, "property", "", "only the property with this `NAME`")
	return cmd
}

func (e *env) sayPaused(paused []control.Paused) error {
	p := e.page()
	if len(paused) == 0 {
		p.line(fine.inked("nothing is paused"))
	}
	for _, each := range paused {
		what := "all writes are paused"
		if each.Property != "" {
			what = "writes of " + each.Property + " are paused"
		}
		p.line(warning.inked("%s since %s", what, each.Since.UTC().Format(time.RFC3339)))
	}
	return p.err
}
