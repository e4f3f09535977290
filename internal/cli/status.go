package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newStatus(e *env) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how each property stands",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			cfg, err := e.load()
			if err != nil {
				return err
			}
			status, err := readStatus(cmd.Context(), cfg, time.Now())
			if err != nil {
				return err
			}
			if output == outputJSON {
				return writeJSON(e.Stdout, status)
			}
			return statusTable(e.Stdout, status)
		},
	}
	addOutput(cmd, &output)
	return cmd
}

type statusOutput struct {
	Properties []statusProperty `json:"properties"`
	// TokenProof says whether the sink has shown that it keeps tokens.
	TokenProof string `json:"token_proof"`
	Outage     bool   `json:"outage"`
}

type statusProperty struct {
	Name      string              `json:"name"`
	Phases    map[string]int      `json:"phases"`
	Parked    map[plan.Reason]int `json:"parked"`
	LastCycle *plan.CycleReport   `json:"last_cycle"`
	NextCycle time.Time           `json:"next_cycle"`
}

func readStatus(ctx context.Context, cfg *config.Config, now time.Time) (out statusOutput, err error) {
	next := cfg.Schedule.Next(now)
	for _, p := range cfg.Properties {
		out.Properties = append(out.Properties, statusProperty{
			Name: p.Name, Phases: map[string]int{}, Parked: map[plan.Reason]int{}, NextCycle: next,
		})
	}
	out.TokenProof = plan.ProofOpen.String()
	ledger, err := app.OpenLedger(cfg, state.ReadOnly, app.Outside{})
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	sink, _, err := ledger.Sink(ctx, app.SinkName)
	if err != nil {
		return out, err
	}
	out.TokenProof, out.Outage = sink.Proof.String(), sink.Outage
	return out, out.fill(ctx, ledger)
}

// fill adds what the ledger knows of each configured property.
func (out *statusOutput) fill(ctx context.Context, ledger *state.Ledger) error {
	known, err := ledger.Properties(ctx)
	if err != nil {
		return err
	}
	tallies, err := ledger.Tallies(ctx)
	if err != nil {
		return err
	}
	for _, doc := range known {
		i := slices.IndexFunc(out.Properties, func(p statusProperty) bool { return p.Name == doc.Name })
		if i < 0 {
			continue // no longer configured
		}
		p, tally := &out.Properties[i], tallies[doc.Enterprise]
		p.LastCycle = doc.LastCycle
		for phase, n := range tally.Phases {
			p.Phases[phase.String()] = n
		}
		maps.Copy(p.Parked, tally.Parked)
	}
	return nil
}

func statusTable(w io.Writer, status statusOutput) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for i, p := range status.Properties {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, p.Name)
		fmt.Fprintf(out, "  phases\t%s\n", counts(p.Phases))
		fmt.Fprintf(out, "  parked\t%s\n", counts(p.Parked))
		last := "never"
		if c := p.LastCycle; c != nil {
			last = fmt.Sprintf("%s, %d polled, %d created, %d captured, %d failed", c.Finished.UTC().Format(time.RFC3339),
				c.Counts.Polled, c.Counts.Created, c.Counts.Captured, c.Counts.Failed)
			if c.Error != "" {
				last += ": " + c.Error
			}
		}
		fmt.Fprintf(out, "  last cycle\t%s\n", last)
		fmt.Fprintf(out, "  next cycle\t%s\n", p.NextCycle.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(out, "\nsink: token proof %s, outage %t\n", status.TokenProof, status.Outage)
	return out.Flush()
}

func counts[K ~string](m map[K]int) string {
	if len(m) == 0 {
		return "none"
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", key, m[key]))
	}
	return strings.Join(parts, ", ")
}
