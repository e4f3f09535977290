package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newDemo(e *env) *cobra.Command {
	var raw bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch the whole job against an embedded simulator of both APIs",
		Long: "demo starts both APIs on loopback, with a hotel's guests in one, and mirrors them into the other: it polls,\n" +
			"plans, creates and captures, loses a reply on the way, and closes with an account that the simulator's own\n" +
			"ledger of effects confirms. It needs no configuration and leaves nothing behind.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			dir, err := os.MkdirTemp("", "preauth-sync-demo-")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			return demo(cmd.Context(), e, dir, raw)
		},
	}
	cmd.Flags().BoolVar(&raw, "logs", false, "show the log lines as they are")
	return cmd
}

// hotel is the demo's world and the program that mirrors it.
type hotel struct {
	out   io.Writer
	world *simulator.World
	app   *app.App
	ids   []string
	// totals are what the program says it did.
	created, captured, baselined int
}

const demoCustomers = 6

func demo(ctx context.Context, e *env, dir string, raw bool) (err error) {
	world := simulator.New(simulator.Options{Seed: 7})
	defer world.Close()
	people, err := world.Populate(simulator.PopulateOptions{Customers: demoCustomers, PerCustomer: 2})
	if err != nil {
		return err
	}
	server, err := simulator.Listen("127.0.0.1:0", world) //nolint:contextcheck // it serves until it is closed
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	path, _, err := writeSimulated(world, server.URL(), dir, simulator.ConfigOptions{
		Timeout: time.Second, Settle: time.Second,
	})
	if err != nil {
		return err
	}
	cfg, err := config.Load(path, config.Options{})
	if err != nil {
		return err
	}
	h := &hotel{out: e.Stdout, world: world, ids: people.Preauthorizations}
	var logs io.Writer = &narrator{out: e.Stdout}
	if raw {
		logs = e.Stdout
	}
	if h.app, err = app.Open(cfg, app.Outside{Logs: logs}); err != nil {
		return err
	}
	err = h.play(ctx)
	if err = errors.Join(err, h.app.Close()); err != nil {
		return err
	}
	return h.account(ctx, filepath.Join(dir, "state.db"))
}

// play tells the story: before, arrival, departure, a lost reply, and nothing.
func (h *hotel) play(ctx context.Context) error {
	if err := h.world.SetState(h.ids[0], simulator.Charged); err != nil {
		return err
	}
	if err := h.world.SetState(h.ids[1], simulator.Cancelled); err != nil {
		return err
	}
	fmt.Fprintf(h.out, "A hotel with %d guests and %d preauthorizations; one was charged before we came, one was cancelled.\n",
		demoCustomers, len(h.ids))
	if err := h.cycle(ctx, "First cycle: holds are created, what was charged before is the baseline"); err != nil {
		return err
	}
	charged := 0
	if _, err := h.world.Charge("", func(simulator.Preauthorization) bool { charged++; return charged <= 4 }); err != nil {
		return err
	}
	if err := h.cycle(ctx, "Four guests check out, and the PMS charges them: their holds are captured"); err != nil {
		return err
	}
	customer, _ := h.world.Preauthorization(h.ids[2])
	if _, err := h.world.AddPreauthorization(simulator.Preauthorization{
		CustomerID: customer.CustomerID, Amount: decimal.RequireFromString("49.90"), Currency: "EUR", State: simulator.Chargeable,
	}); err != nil {
		return err
	}
	h.world.Inject(simulator.Fault{
		API: simulator.APIV4, Operation: simulator.OpCreate, Kind: simulator.KindReset, After: true, Times: 1,
	})
	if err := h.cycle(ctx, "A new hold, and the connection breaks after v4 has made it: it is looked up, not sent again"); err != nil {
		return err
	}
	return h.cycle(ctx, "Nothing has changed: nothing is sent")
}

func (h *hotel) cycle(ctx context.Context, title string) error {
	fmt.Fprintf(h.out, "\n%s\n", title)
	result, err := h.app.Engine.Cycle(ctx, true)
	if err != nil {
		return err
	}
	if err := onceVerdict(result); err != nil {
		return fmt.Errorf("the demo's cycle did not end well: %w", err)
	}
	for _, p := range result.Properties {
		n := p.Report.Counts
		h.created += n.Created
		h.captured += n.Captured
		fmt.Fprintf(h.out, "  = %d polled, %d created, %d captured, %d left as they are\n", n.Polled, n.Created, n.Captured, n.Skipped)
	}
	return nil
}

// account compares what the program says with what the simulator saw, and with
// what the state file holds.
func (h *hotel) account(ctx context.Context, path string) (err error) {
	ledger, err := state.Open(state.Options{Path: path, Mode: state.ReadOnly})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	if _, err := ledger.Verify(ctx); err != nil {
		return err
	}
	err = ledger.Each(ctx, func(rec plan.Record) error {
		if rec.Phase == plan.Baseline {
			h.baselined++
		}
		return nil
	})
	if err != nil {
		return err
	}
	saw, both := h.world.Account(), h.world.Reconcile()
	twice := saw.DuplicateCreates + saw.DuplicateCaptures
	lost := len(both.Without) - h.baselined + len(both.Uncaptured)
	fmt.Fprintf(h.out, "\nThe account              preauth-sync   v4 itself\n")
	fmt.Fprintf(h.out, "  created                %12d   %9d\n", h.created, saw.Creates)
	fmt.Fprintf(h.out, "  captured               %12d   %9d\n", h.captured, saw.Captures)
	fmt.Fprintf(h.out, "  made twice                               %9d\n", twice)
	fmt.Fprintf(h.out, "  lost                                     %9d\n", lost)
	if h.created != saw.Creates || h.captured != saw.Captures || twice+lost+len(both.Wrong)+len(saw.Violations) > 0 {
		return fmt.Errorf("the two accounts differ: %v %v", both, saw)
	}
	fmt.Fprintf(h.out, "\nNone twice, none lost. Next: `preauth-sync simulate` serves the same two APIs to your own configuration.\n")
	return nil
}
