package simulator

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// inlineCustomers is how many customers a configuration names in itself.
const inlineCustomers = 50

// ConfigOptions are what ConfigYAML cannot know.
type ConfigOptions struct {
	// Address is where the world is served, such as http://127.0.0.1:8080, for both
	// APIs; ConnectorAddress and V4Address go before it where they are set.
	Address, ConnectorAddress, V4Address string
	// StatePath is state.path.
	StatePath string
	// CustomersDir is where WriteCustomers put the lists of customers, needed for a
	// property with more than 50.
	CustomersDir string
	// UpdatedWithin and ReservationsWithin let each property find its customers by when
	// they were updated or by when they stay, in place of listing them; 0 for both lists them.
	UpdatedWithin, ReservationsWithin time.Duration
	// Schedule is "@every 10s" when empty.
	Schedule string
	// Timeout and Settle are v4's; the product's own when 0.
	Timeout, Settle time.Duration
	// Mode, FirstRun and NewCustomers are mirror's; the product's own when empty.
	Mode, FirstRun, NewCustomers string
	// Lookup is the field by which every property looks its payment methods up; without
	// one it has a default only.
	Lookup string
	// PaymentMethod is every property's default; the first active method of its tenant when 0.
	PaymentMethod int64
	// Extra is appended as it is, such as further top-level keys.
	Extra string
}

// ConfigYAML gives a configuration with which the worker runs against this
// world, with the control socket and the metrics off. It contains the world's
// tokens: they open nothing else. The v4 login is that of the first property's
// tenant; properties whose money goes to another one have a v4 section of their own.
func (w *World) ConfigYAML(options ConfigOptions) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	connector, v4 := options.Address, options.Address
	if options.ConnectorAddress != "" {
		connector = options.ConnectorAddress
	}
	if options.V4Address != "" {
		v4 = options.V4Address
	}
	y := &yaml{}
	y.line(0, "schedule", quote(orText(options.Schedule, "@every 10s")))
	y.line(0, "state", "")
	y.line(1, "path", quote(options.StatePath))
	y.line(0, "control", "")
	y.line(1, "socket", `""`)
	y.line(0, "metrics", "")
	y.line(1, "listen", `""`)
	y.line(0, "connector", "")
	y.line(1, "address", quote(connector))
	y.line(1, "client_token", quote(w.clientToken))
	w.yamlV4(y, v4, options)
	if options.Mode+options.FirstRun+options.NewCustomers != "" {
		y.line(0, "mirror", "")
		y.maybe(1, "mode", options.Mode)
		y.maybe(1, "first_run", options.FirstRun)
		y.maybe(1, "new_customers", options.NewCustomers)
	}
	y.line(0, "properties", "")
	for _, e := range w.enterprises {
		w.yamlProperty(y, e, options)
	}
	return y.String() + options.Extra
}

func (w *World) yamlV4(y *yaml, address string, options ConfigOptions) {
	y.line(0, "v4", "")
	y.line(1, "address", quote(address+"/ResourceServer"))
	if t := w.billing(); t != nil {
		y.line(1, "auth", "")
		y.line(2, "login_address", quote(address+loginPath))
		y.line(2, "client_id", quote(t.ClientID))
		y.line(2, "username", quote(t.Username))
		y.line(2, "password", quote(t.Password))
	}
	y.lasts(1, "timeout", options.Timeout)
	y.lasts(1, "settle", options.Settle)
	if w.settings.CaptureField != "identity" {
		y.line(1, "capture_field", quote(w.settings.CaptureField))
	}
}

// billing is the tenant whose login the configuration names.
func (w *World) billing() *tenant {
	for _, e := range w.enterprises {
		if t, err := w.tenant(e.Tenant); err == nil {
			return t
		}
	}
	return nil
}

func (w *World) yamlProperty(y *yaml, e *enterprise, options ConfigOptions) {
	fmt.Fprintf(y, "  - name: %s\n", quote(e.Name))
	y.line(2, "access_token", quote(e.AccessToken))
	y.line(2, "currency", quote(e.Currency))
	y.line(2, "customers", "")
	switch {
	case options.UpdatedWithin > 0 || options.ReservationsWithin > 0:
		y.line(3, "discover", "")
		y.lasts(4, "updated_within", options.UpdatedWithin)
		y.lasts(4, "reservations_within", options.ReservationsWithin)
	case len(e.customers) > inlineCustomers:
		y.line(3, "file", quote(customersFile(options.CustomersDir, e.Name)))
	default:
		ids := make([]string, 0, len(e.customers))
		for _, g := range e.customers {
			ids = append(ids, quote(g.id.String()))
		}
		y.line(3, "ids", "["+strings.Join(ids, ", ")+"]")
	}
	t, err := w.tenant(e.Tenant)
	y.line(2, "payment_methods", "")
	y.maybe(3, "lookup", options.Lookup)
	method := "none"
	if id := w.defaultMethod(t, options); id > 0 {
		method = fmt.Sprint(id)
	}
	y.line(3, "default", method)
	if err == nil && t != w.billing() {
		y.line(2, "v4", "")
		y.line(3, "auth", "")
		y.line(4, "client_id", quote(t.ClientID))
		y.line(4, "username", quote(t.Username))
		y.line(4, "password", quote(t.Password))
	}
}

// defaultMethod gives a method of a tenant, or 0.
func (w *World) defaultMethod(t *tenant, options ConfigOptions) int64 {
	if options.PaymentMethod > 0 || options.Lookup != "" || t == nil {
		return options.PaymentMethod
	}
	for _, m := range t.methods {
		if !m.Inactive && !m.Declines {
			return m.Identity
		}
	}
	return 0
}

// WriteCustomers writes into a folder the customers files that ConfigYAML
// names: one for each property with more than 50 customers.
func (w *World) WriteCustomers(dir string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.enterprises {
		if len(e.customers) <= inlineCustomers {
			continue
		}
		if err := e.writeCustomers(customersFile(dir, e.Name)); err != nil {
			return fmt.Errorf("the customers of %s cannot be written: %w", e.Name, err)
		}
	}
	return nil
}

func (e *enterprise) writeCustomers(path string) (err error) {
	const private = 0o600
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, private)
	if err != nil {
		return err
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	out := bufio.NewWriter(file)
	fmt.Fprintf(out, "# %d customers of the simulated property %s\n", len(e.customers), e.Name)
	for _, g := range e.customers {
		fmt.Fprintln(out, g.id)
	}
	return out.Flush()
}

func customersFile(dir, property string) string {
	return filepath.Join(dir, property+"-customers.txt")
}

// yaml collects lines.
type yaml struct{ strings.Builder }

func (y *yaml) line(depth int, key, value string) {
	indent := strings.Repeat("  ", depth)
	if value != "" {
		value = " " + value
	}
	fmt.Fprintf(y, "%s%s:%s\n", indent, key, value)
}

func (y *yaml) maybe(depth int, key, value string) {
	if value != "" {
		y.line(depth, key, quote(value))
	}
}

func (y *yaml) lasts(depth int, key string, value time.Duration) {
	if value > 0 {
		y.line(depth, key, value.String())
	}
}

// quote writes a string as YAML reads it: every JSON string is one.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(b)
}
