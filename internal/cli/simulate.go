package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

type simulateFlags struct {
	listen                 string
	customers, perCustomer int
	charged                float64
	tenants                int
	stays                  time.Duration
	lookup                 bool
	seed                   uint64
	chaos                  float64
	timeout, settle        time.Duration
	dir                    string
}

func newSimulate(e *env) *cobra.Command {
	var f simulateFlags
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Serve both APIs on loopback, with faults on request",
		Long: "simulate serves a PMS and a billing platform on a loopback address, writes a configuration for them into a\n" +
			"folder, and prints it. It ends on a signal. Faults, states and what really took effect are asked for meanwhile, such\n" +
			"as with `curl ADDRESS/simulator/account`:\n\n" + simulatorGuide(),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return simulate(cmd.Context(), e, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:0", "loopback `ADDRESS` to serve on")
	flags.IntVar(&f.tenants, "tenants", 1, "how many properties, each with a tenant of its own")
	flags.IntVar(&f.customers, "customers", 20, "how many customers each has")
	flags.IntVar(&f.perCustomer, "per-customer", 2, "preauthorizations of each")
	flags.Float64Var(&f.charged, "charged", 0.2, "fraction of them that is already charged")
	flags.DurationVar(&f.stays, "stays", 0, "`LENGTH` of a reservation of each customer, by which they are found; 0 lists them")
	flags.BoolVar(&f.lookup, "lookup", false, "let v4 say which payment method is which card; without, there is one for all")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of ids, amounts and faults")
	flags.Float64Var(&f.chaos, "chaos", 0, "fraction of requests that meet a random fault")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Second, "v4.timeout of the printed configuration")
	flags.DurationVar(&f.settle, "settle", 2*time.Second, "v4.settle of the printed configuration")
	flags.StringVar(&f.dir, "dir", "", "`FOLDER` for the configuration and its state file (default: a new one, removed at the end)")
	return cmd
}

// simulatorGuide says what can be asked of the simulator's administration.
func simulatorGuide() string {
	var b strings.Builder
	for _, a := range simulator.Addresses() {
		fmt.Fprintf(&b, "  %-6s %-28s  %s\n", a.Method, a.Path, a.Does)
	}
	b.WriteString("\nA fault has one of these kinds, which may end in _before or _after: whether the request has had its effect by then.\n")
	line := " "
	for _, kind := range simulator.RequestedKinds() {
		if len(line)+len(kind) > 110 {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + string(kind)
	}
	b.WriteString(line + "\nOperations: " + strings.Join(simulator.Operations(), ", ") + ".\n\nThe options take:\n")
	for _, knob := range simulator.Knobs() {
		fmt.Fprintf(&b, "  %-22s %s\n", knob.Name, knob.Takes)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func simulate(ctx context.Context, e *env, f simulateFlags) error {
	dir, remove, err := simulateFolder(f.dir)
	if err != nil {
		return err
	}
	defer remove()
	world := simulator.New(simulator.Options{Seed: f.seed})
	defer world.Close()
	if err := furnish(world, f); err != nil {
		return err
	}
	server, err := simulator.Listen(f.listen, world) //nolint:contextcheck // it serves until it is closed
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }() // the process ends
	options := simulator.ConfigOptions{Timeout: f.timeout, Settle: f.settle, ReservationsWithin: f.stays}
	if f.lookup {
		options.Lookup = "paymentMethodIdentifier"
	}
	path, text, err := writeSimulated(world, server.URL(), dir, options)
	if err != nil {
		return err
	}
	if f.chaos > 0 {
		defer world.Chaos(simulator.ChaosOptions{Rate: f.chaos, Seed: f.seed, MaxDelay: f.settle})()
	}
	fmt.Fprintf(e.Stdout, "%s\n# serving %s\n# configuration written to %s\n# try: preauth-sync -c %s run --once\n",
		text, server.URL(), path, path)
	<-ctx.Done()
	return nil
}

// furnish fills a world's first property, and as many more as are asked for.
func furnish(world *simulator.World, f simulateFlags) error {
	for n := 2; n <= f.tenants; n++ {
		tenant, err := world.AddTenant(simulator.Tenant{Name: fmt.Sprintf("tenant-%d", n)})
		if err == nil {
			_, err = world.AddPaymentMethod(simulator.PaymentMethod{Tenant: tenant.Name, Name: "House card"})
		}
		if err == nil {
			_, err = world.AddEnterprise(simulator.Enterprise{Name: fmt.Sprintf("hotel-%d", n), Tenant: tenant.Name})
		}
		if err != nil {
			return err
		}
	}
	for _, property := range world.Enterprises() {
		_, err := world.Populate(simulator.PopulateOptions{
			Enterprise: property.Name, Customers: f.customers, PerCustomer: f.perCustomer, Charged: f.charged,
			Cards: f.lookup, Stay: f.stays,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// simulateFolder makes the folder asked for, or a temporary one that remove removes.
func simulateFolder(asked string) (dir string, remove func(), err error) {
	if asked == "" {
		dir, err = os.MkdirTemp("", "preauth-sync-simulate-")
		return dir, func() { _ = os.RemoveAll(dir) }, err
	}
	// The configuration takes relative paths from its own folder.
	if dir, err = filepath.Abs(asked); err != nil {
		return "", nil, err
	}
	return dir, func() {}, os.MkdirAll(dir, 0o700)
}

// writeSimulated writes a ready configuration for a served world into a folder.
func writeSimulated(
	world *simulator.World, url, dir string, options simulator.ConfigOptions,
) (path, text string, err error) {
	options.Address, options.CustomersDir = url, dir
	options.StatePath = filepath.Join(dir, "state.db")
	if err := world.WriteCustomers(dir); err != nil {
		return "", "", err
	}
	text = world.ConfigYAML(options)
	path = filepath.Join(dir, "config.yaml")
	return path, text, os.WriteFile(path, []byte(text), 0o600)
}
