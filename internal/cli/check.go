package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sources/connector"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func newCheck(e *env) *cobra.Command {
	var offline bool
	probe := probing{env: e}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check configuration, credentials, reach, state file and clock, one line each",
		Long: "check reads the configuration and the lists that it names, looks at the state file, and asks both APIs: whether the\n" +
			"credentials are taken, whose they are, whether a customer can be read and v4 searched, and whether the clocks agree.\n" +
			"Without --probe it changes nothing. Clocks that differ are a warning, and no failure.\n\n" + aboutProbe +
			"Exit codes: 0 all is well; 1 something failed; " + refusedCodes,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := probe.check(cmd.Flags(), offline); err != nil {
				return err
			}
			cfg, err := e.load()
			if err != nil {
				return err
			}
			if err := probe.prepare(cfg); err != nil {
				return err
			}
			out := &teller{out: e.Stdout}
			c := &checker{out: out, errors: e.Stderr, cfg: cfg}
			c.ok("configuration", "%s, cycles %s", plural(len(cfg.Properties), "property", "properties"), nextIn(cfg))
			c.customers()
			c.methods()
			c.state(cmd.Context())
			if !offline {
				c.network(cmd.Context())
			}
			return out.end(probe.run(cmd.Context(), c))
		},
	}
	probe.add(cmd)
	cmd.Flags().BoolVar(&offline, "offline", false, "leave the network alone")
	return cmd
}

func nextIn(cfg *config.Config) string {
	return "begin next at " + cfg.Schedule.Next(time.Now()).UTC().Format(time.RFC3339)
}

// checkTries is one more than is needed, for a connection that breaks: somebody is
// waiting for the answer.
const checkTries = 2

// checker prints a line for each thing checked and remembers the failures.
type checker struct {
	out     *teller
	errors  io.Writer
	cfg     *config.Config
	verdict error
	// known are the properties of the state file, enterprises those met in this check.
	known       []plan.Property
	enterprises map[preauth.ID]string
	// cards are those that a property's first customer has.
	cards map[string][]string
}

func (c *checker) ok(what, format string, args ...any) {
	fmt.Fprintf(c.out, "ok    %-14s %s\n", what, fmt.Sprintf(format, args...))
}

func (c *checker) warn(what, format string, args ...any) {
	fmt.Fprintf(c.out, "warn  %-14s %s\n", what, fmt.Sprintf(format, args...))
}

func (c *checker) fail(what string, err error) {
	fmt.Fprintf(c.out, "FAIL  %-14s %s\n", what, err)
	// The line says it all; the verdict carries only what the exit code needs.
	c.verdict = &verdict{code: max(exitFailed, exitCode(errors.Join(c.verdict, err), false))}
}

func (c *checker) customers() {
	for _, p := range c.cfg.Properties {
		list, err := app.Customers(p.Customers)
		switch {
		case err != nil:
			c.fail("customers", fmt.Errorf("%s: %w", p.Name, err))
		case len(list.Invalid) > 0:
			first := list.Invalid[0]
			c.fail("customers", fmt.Errorf("%s: %s not a UUID, the first %q (%s); the others go on",
				p.Name, plural(len(list.Invalid), "entry", "entries"), first.Spelled, first.Where))
		default:
			c.ok("customers", "%s: %d listed%s", p.Name, len(list.IDs), discovered(p.Customers.Discover))
		}
	}
}

// methods reads the payment methods as a cycle does.
func (c *checker) methods() {
	for _, p := range c.cfg.Properties {
		cards, err := app.CountCards(p.PaymentMethods)
		if err != nil {
			c.fail("methods", fmt.Errorf("%s: %w", p.Name, err))
			continue
		}
		if p.PaymentMethods.File != "" {
			c.ok("methods", "%s: %s can be used, %s named", p.Name, p.PaymentMethods.File, plural(cards.Named, "card", "cards"))
		}
		if odd := len(cards.Odd); odd > 0 {
			c.warn("methods", "%s: %s no UUID, the first %q: the PMS is not known to give such Ids", p.Name, plural(odd, "card is", "cards are"), cards.Odd[0])
		}
		if m := p.PaymentMethods; m.Lookup != "" && m.Default != (config.DefaultMethod{}) {
			c.warn("methods", "%s: the default %s is never used, since lookup is on", p.Name, m.Default)
		}
	}
}

// state asks the daemon that has the state file, or looks into it.
func (c *checker) state(ctx context.Context) {
	err := operateOn(ctx, c.cfg, state.ReadOnly, c.errors, func(o control.Operator) error {
		status, err := o.Status(ctx)
		if err != nil {
			return err
		}
		for _, p := range status.Properties {
			if p.Enterprise != "" {
				c.known = append(c.known, plan.Property{Name: p.Name, Enterprise: preauth.ID(p.Enterprise)})
			}
		}
		said := c.cfg.State.Path
		file, alone := o.(*app.Operator)
		switch {
		case status.Daemon != nil:
			said += fmt.Sprintf(", in use by the daemon, pid %d", status.Daemon.PID)
		case alone && file.Ledger == nil:
			said = (&state.Error{Kind: state.Absent, Path: said}).Error()
		case alone && status.Older == "":
			said += fmt.Sprintf(", generation %d", file.Ledger.File().Generation)
		}
		if status.Older != "" {
			said += ", older than the world: " + status.Older
		}
		if alone && file.Ledger != nil {
			if err := app.CheckTenants(ctx, file.Ledger, c.cfg); err != nil {
				return err
			}
		}
		c.ok("state", "%s", said)
		return nil
	})
	if err != nil {
		c.fail("state", err)
	}
}

func (c *checker) network(ctx context.Context) {
	a, err := app.Clients(c.cfg, app.Outside{Logs: c.errors, Tries: checkTries})
	if err != nil {
		c.fail("clients", err)
		return
	}
	defer func() { _ = a.Close() }() // nothing was written
	c.cards = map[string][]string{}
	for i, p := range c.cfg.Properties {
		began := time.Now()
		reply, err := a.Sources[i].Configuration(ctx)
		if err != nil {
			c.fail("connector", fmt.Errorf("%s: %w", p.Name, err))
			continue
		}
		c.ok("connector", "%s: enterprise %s (%s), %d ms", p.Name, reply.EnterpriseID, reply.EnterpriseName,
			time.Since(began).Milliseconds())
		c.enterprise(p.Name, reply.EnterpriseID)
		c.poll(ctx, p, a.Sources[i])
		c.clock("the PMS", reply.Now)
	}
	for _, sink := range a.Sinks {
		c.sink(ctx, sink)
	}
}

// enterprise compares whose a token is with whose the property's was, and with
// whose the other properties' are.
func (c *checker) enterprise(name string, id preauth.ID) {
	if other, ok := c.enterprises[id]; ok {
		c.fail("enterprise", &engine.BindingError{Message: fmt.Sprintf(
			"%s and %s are both enterprise %s: one of their access tokens is wrong", other, name, id)})
	}
	if c.enterprises == nil {
		c.enterprises = map[preauth.ID]string{}
	}
	c.enterprises[id] = name
	if err := engine.CheckBinding(c.known, name, id); err != nil {
		c.fail("enterprise", err)
	}
}

// poll reads one customer's preauthorizations: a token may open the one and not
// the other.
func (c *checker) poll(ctx context.Context, p config.Property, source *connector.Client) {
	ids := c.sample(ctx, p, source)
	if len(ids) == 0 {
		return // there is nobody to ask for
	}
	read := 0
	refused, err := source.Poll(ctx, ids[:1], func(reply engine.Reply) error {
		read += len(reply.Preauthorizations)
		for _, each := range reply.Preauthorizations {
			c.cards[p.Name] = append(c.cards[p.Name], each.CardID)
		}
		return nil
	})
	switch {
	case err != nil:
		c.fail("poll", fmt.Errorf("%s: %w", p.Name, err))
	case len(refused) > 0:
		c.fail("poll", fmt.Errorf("%s: customer %s: %s", p.Name, refused[0].CustomerID, refused[0].Reason))
	default:
		c.ok("poll", "%s: the first customer has %s", p.Name, plural(read, "preauthorization", "preauthorizations"))
	}
}

// clock compares the clocks. Nothing here depends on the wall clock but what
// people read, so a difference is told and is no failure.
func (c *checker) clock(who string, theirs time.Time) {
	if theirs.IsZero() {
		return
	}
	apart := time.Since(theirs).Round(time.Second)
	if apart.Abs() > time.Minute {
		c.warn("clock", "%s apart from %s: times in logs and journal will mislead", apart, who)
		return
	}
	c.ok("clock", "within %s of %s", max(apart.Abs(), 2*time.Second), who)
}
