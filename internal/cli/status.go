package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newStatus(e *env) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how each property stands",
		Long: "Say how each property stands: its preauthorizations by phase, what is parked, whose outcome is not known yet, what would\n" +
			"have been sent while it is observed, and its last and next cycle. Then the money at risk: what v4 holds, what the PMS has\n" +
			"charged and v4 has not captured yet, and what is parked. A running daemon is asked; without one the state file is read.\n\n" + lookCodes,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			return e.operate(cmd.Context(), state.ReadOnly, func(operator control.Operator) error {
				status, err := operator.Status(cmd.Context())
				if err != nil {
					return err
				}
				if output == outputJSON {
					return writeJSON(e.Stdout, status)
				}
				return statusPage(e.page(), status)
			})
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func statusPage(p *page, status control.Status) error {
	p.table("", head(status)...)
	for _, property := range status.Properties {
		p.line()
		p.line(heading.inked("%s", property.Name))
		p.table("  ", propertyRows(property, status.Daemon != nil)...)
	}
	if rows := riskRows(status.Properties); len(rows) > 0 {
		p.line()
		p.table("", rows...)
	}
	p.line()
	p.table("", sinkRows(status.Sinks)...)
	return p.err
}

// head says who answers, and what holds for all properties.
func head(status control.Status) [][]cell {
	var rows [][]cell
	if d := status.Daemon; d == nil {
		rows = append(rows, []cell{say("daemon"), faint.inked("none runs on this state file")})
	} else {
		rows = append(rows, []cell{say("daemon"), fine.inked("runs since %s, pid %d, version %s", moment(d.Started), d.PID, d.Version)})
		for _, problem := range d.Problems {
			rows = append(rows, []cell{say("problem"), failure.inked("%s", problem)})
		}
	}
	if why := status.Older; why != "" {
		rows = append(rows, []cell{
			say("state file"), warning.inked("older than the world, so that nothing it has inherited is captured by itself: %s", why),
		})
	}
	if said := modeInWords(status.Mode); said != "" {
		rows = append(rows, []cell{say("mode"), warning.inked("%s", said)})
	}
	if since := status.PausedSince; since != nil {
		rows = append(rows, []cell{say("paused"), warning.inked("all writes, since %s: `preauth-sync resume` ends it", moment(*since))})
	}
	return rows
}

func propertyRows(p control.PropertyStatus, daemon bool) [][]cell {
	rows := [][]cell{{say("phases"), say("%s", counts(p.Phases))}, {say("parked"), parkedCell(p)}}
	if p.InDoubt > 0 {
		said := plural(p.InDoubt, "request", "requests") + " without a known outcome"
		if p.Parked[string(plan.UnknownCreate)]+p.Parked[string(plan.UnknownCapture)]+p.Parked[string(plan.DuplicateFound)] > 0 {
			said += ", counting what is parked for that"
		}
		rows = append(rows, []cell{say("in doubt"), warning.inked("%s", said)})
	}
	if o := p.Observed; o != nil {
		rows = append(rows, shadowRows(*o)...)
	}
	if since := p.PausedSince; since != nil {
		rows = append(rows, []cell{
			say("paused"), warning.inked("writes, since %s: `preauth-sync resume --property %s` ends it", moment(*since), p.Name),
		})
	}
	if p.FirstRunOpen && p.LastCycle != nil {
		rows = append(rows, []cell{say("first run"), firstRunCell(p)})
	}
	rows = append(rows, []cell{say("last cycle"), cycleCell(p.LastCycle)})
	return append(rows, []cell{say("next cycle"), nextCell(p.NextCycle, daemon)})
}

func nextCell(next time.Time, daemon bool) cell {
	switch {
	case next.IsZero():
		return warning.inked("never: schedule names no time that is to come")
	case daemon:
		return say("%s", moment(next))
	default:
		return faint.inked("%s, if a daemon runs by then", moment(next))
	}
}

// parkedCell says why, and since when.
func parkedCell(p control.PropertyStatus) cell {
	if len(p.Parked) == 0 {
		return say("none")
	}
	text := counts(p.Parked)
	if p.OldestParked != nil {
		text += "; the oldest since " + moment(*p.OldestParked)
	}
	return warning.inked("%s", text)
}

func cycleCell(c *plan.CycleReport) cell {
	if c == nil {
		return say("never")
	}
	n := c.Counts
	text := say("%s, %d polled, %d created, %d captured, %d failed", moment(c.Finished), n.Polled, n.Created, n.Captured, n.Failed)
	switch {
	case c.Error != "":
		return failure.inked("%s: %s", text.text, c.Error)
	case c.Fuse:
		return failure.inked("%s: the fuse has blown and nothing was sent, see `preauth-sync plan`", text.text)
	case !c.OK:
		return failure.inked("%s", text.text)
	default:
		return text
	}
}

func sinkRows(sinks []control.SinkStatus) [][]cell {
	var rows [][]cell
	for _, sink := range sinks {
		name := say("sink %s", sink.Name)
		rows = append(rows, []cell{name, say("token proof %s", sink.TokenProof)})
		if sink.Outage {
			rows = append(rows, []cell{name, warning.inked("outage: five outcomes in a row were unknown; one write at a time until one is definite")})
		}
		if sink.Error != "" {
			rows = append(rows, []cell{name, failure.inked("could not be used in the last cycle: %s", sink.Error)})
		}
	}
	return rows
}
