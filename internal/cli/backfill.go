package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/state"
)

// backfilling is a backfill as it was asked for.
type backfilling struct {
	*env

	order     control.Backfill
	customers string
	yes       bool
	output    string
}

func newBackfill(e *env) *cobra.Command {
	b := &backfilling{env: e}
	cmd := &cobra.Command{
		Use:   "backfill",
		Short: "Mirror history in one go, after showing what that means",
		Long: "backfill polls everybody once and mirrors what it finds: the same plan and journal as a cycle's, without the fuse.\n" +
			"It first shows what it would do, and asks; it then acts on no more preauthorizations than it has shown. Interrupted\n" +
			"anywhere, another backfill goes on where the ledger is. While a daemon runs it is the daemon that does it, and its\n" +
			"cycles go before.\n\n" +
			"--charged also creates and captures what was charged before it was first read: the baseline, and what is parked as\n" +
			"first_seen_charged. Only for guests whose money v4 has not collected in another way. What it has begun cycles go on with.\n\n" +
			"Exit codes: 0 done; 1 something could not be read or sent, is newly parked for an outcome, or without a definite\n" +
			"answer; 3 configuration refused; 4 state file locked; 6 state file refused; 130 interrupted.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("limit") && b.order.Limit < 1 {
				return fmt.Errorf("--limit %d: give the most preauthorizations to act on, or leave it out", b.order.Limit)
			}
			return b.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&b.order.Property, "property", "", "only the property with this `NAME`")
	flags.StringVar(&b.customers, "customers", "", "instead of the configured customers those in this `FILE`, one id a line")
	flags.BoolVar(&b.order.Charged, "charged", false, "also create and capture what was charged before it was first read")
	flags.IntVar(&b.order.Limit, "limit", 0, "act on `N` preauthorizations at most")
	flags.BoolVar(&b.order.DryRun, "dry-run", false, "only show what it would do")
	flags.BoolVarP(&b.yes, "yes", "y", false, "begin without showing and asking first; needed without a terminal")
	addOutput(cmd, &b.output)
	return cmd
}

func (b *backfilling) run(ctx context.Context) error {
	if err := b.check(); err != nil {
		return err
	}
	cfg, err := b.load()
	if err != nil {
		return err
	}
	reporter, err := b.reporter(cfg)
	if err != nil {
		return err
	}
	mode := state.ReadWrite
	if b.order.DryRun {
		mode = state.ReadOnly
	}
	return operateOn(ctx, reporter.cfg, mode, reporter.logs, func(o control.Operator) error {
		if b.order.DryRun {
			_, err := b.show(ctx, o)
			return err
		}
		if !b.yes {
			shown, err := b.ask(ctx, o)
			if err != nil || shown == 0 {
				return err
			}
			b.order.Agreed = shown // what has come since was not agreed to
		}
		account, err := o.Backfill(ctx, b.order, reporter.progress)
		reporter.done()
		return b.close(account, err)
	})
}

// check reads the flags, before anything is opened.
func (b *backfilling) check() error {
	if err := checkOutput(b.output); err != nil {
		return err
	}
	if !b.yes && !b.order.DryRun && !b.Terminals.Stdin {
		return errors.New("there is no terminal to ask on: look at what `backfill --dry-run` shows, then say --yes")
	}
	if b.customers == "" {
		return nil
	}
	var err error
	b.order.Customers, err = readCustomers(b.customers)
	return err
}

// readCustomers reads a customers file of which every line must be good: somebody
// is there to mend it.
func readCustomers(path string) ([]preauth.ID, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--customers: %w", err)
	}
	defer func() { _ = file.Close() }() // opened for reading
	ids, bad, err := connector.ParseCustomers(file)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--customers %s: %w", path, err)
	case len(bad) > 0:
		return nil, fmt.Errorf("--customers %s: %s not a UUID, the first in line %d: %q; nothing was done",
			path, plural(len(bad), "line is", "lines are"), bad[0].Number, bad[0].Text)
	case len(ids) == 0:
		return nil, fmt.Errorf("--customers %s: it names no customer", path)
	}
	return ids, nil
}

// show prints what would be done.
func (b *backfilling) show(ctx context.Context, o control.Operator) (control.Plan, error) {
	order := b.order
	order.DryRun = true
	account, err := o.Backfill(ctx, order, func(control.Progress) {})
	if err != nil {
		return control.Plan{}, err
	}
	if b.output == outputJSON {
		return *account.Plan, errors.Join(writeJSON(b.Stdout, account.Plan), planFailed(*account.Plan))
	}
	return *account.Plan, errors.Join(summary(b.page(), *account.Plan), planFailed(*account.Plan))
}

// ask shows what would be done, and asks whether it shall be. It gives how many
// preauthorizations were shown, and 0 when it shall not be.
func (b *backfilling) ask(ctx context.Context, o control.Operator) (int, error) {
	plan, err := b.show(ctx, o)
	if err != nil {
		return 0, err
	}
	requests, shown := 0, map[string]bool{}
	for _, p := range plan.Properties {
		requests += len(p.Actions)
		for _, action := range p.Actions {
			shown[action.ID] = true
		}
	}
	if requests == 0 {
		_, err := fmt.Fprintln(b.Stdout, "There is nothing to send.")
		return 0, err
	}
	agreed, err := b.confirm(ctx, fmt.Sprintf("Send %s to v4? [y/N] ", plural(requests, "request", "requests")))
	if err != nil {
		return 0, err
	}
	if !agreed {
		_, err := fmt.Fprintln(b.Stdout, "Nothing was sent.")
		return 0, err
	}
	return len(shown), nil
}

// confirm asks a question on the terminal, which anything but yes answers with no.
func (e *env) confirm(ctx context.Context, question string) (bool, error) {
	fmt.Fprint(e.Stderr, question)
	answer, err := readLine(ctx, e)
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	default:
		return false, nil
	}
}

// readLine reads a line from stdin, or until ctx ends.
func readLine(ctx context.Context, e *env) (string, error) {
	type read struct {
		line string
		err  error
	}
	got := make(chan read, 1)
	go func() {
		line, err := bufio.NewReader(e.Stdin).ReadString('\n')
		got <- read{strings.TrimSpace(line), err}
	}()
	select {
	case r := <-got:
		if r.err != nil && r.line == "" {
			return "", errors.New("there was no answer, so nothing was sent")
		}
		return r.line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
