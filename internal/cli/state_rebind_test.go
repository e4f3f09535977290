package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const (
	sharedV4 = "\nv4: {address: https://v4.test, auth: {token: t}}"
	ownV4    = ", v4: {address: https://own.test, auth: {token: o}}"
)

// rebound says `state rebind` of a file that holds batch, with an own v4 in the
// configuration or without one, and gives what it says and the file's documents.
func rebound(t *testing.T, batch plan.Batch, own string, args ...string) (code int, said string, p plan.Property, s plan.Sink) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	yaml := "state: {path: state.db}\nconnector: {address: https://pms.test, client_token: c}" + sharedV4 +
		"\nproperties:\n  - {name: prague, access_token: a, currency: EUR, customers: {ids: [" + string(ledgertest.ID(1)) + "]}" + own + "}\n"
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code = Main(t.Context(), Process{
		Args: append([]string{"-c", filepath.Join(dir, "config.yaml"), "state", "rebind"}, args...), Stdout: &out, Stderr: &out,
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	ledgertest.Verify(t, path)
	if l, err = state.Open(state.Options{Path: path}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	p, _, errP := l.Property(t.Context(), prague)
	s, _, errS := l.Sink(t.Context(), string(prague))
	if errP != nil || errS != nil {
		t.Fatal(errP, errS)
	}
	return code, out.String(), p, s
}

const prague = preauth.ID("00000009-0000-4000-8000-000000000000")

func TestARebindAcceptsOneThingThatIsNew(t *testing.T) {
	held := ledgertest.HeldRecord(1)
	held.Enterprise = prague
	changed := func(change func(*plan.Record)) []plan.Record {
		r := held
		change(&r)
		return []plan.Record{r}
	}
	inDoubt := changed(func(r *plan.Record) {
		r.Phase, r.Identity, r.Intent = plan.Creating, 0, &plan.Intent{Action: plan.Create, Attempt: 1}
	})
	parked := changed(func(r *plan.Record) {
		r.Phase, r.Park = plan.Captured, &plan.Park{Reason: plan.AmountChanged, Since: ledgertest.At(1)}
	})
	over := append(changed(func(r *plan.Record) { r.Phase = plan.Captured }), changed(func(r *plan.Record) {
		r.ID, r.Phase, r.Identity = ledgertest.ID(2), plan.Released, 2
	})...)
	over = append(over, changed(func(r *plan.Record) {
		r.ID, r.Phase, r.Identity, r.Park = ledgertest.ID(3), plan.None, 0, &plan.Park{Reason: plan.BadAmount, Since: ledgertest.At(1)}
	})...)
	another := changed(func(r *plan.Record) { r.Enterprise = ledgertest.ID(8) })
	one, own := []string{"--property", "prague"}, plan.Sink{Name: string(prague), Address: "https://own.test"}
	moved := plan.Sink{Name: string(prague), Address: "https://before.test"}
	cases := []struct {
		name     string
		records  []plan.Record
		sink     string
		own      plan.Sink
		config   string
		args     []string
		code     int
		said     string
		wantName string
		wantSink string
		wantAt   string
	}{
		{"another enterprise behind a name", []plan.Record{held}, "default", own, "", one, 0, "no longer called prague", "", "default", "https://own.test"},
		{
			"another enterprise behind a name with its own v4",
			[]plan.Record{held},
			string(prague), own, ownV4, one, 0,
			"no longer called prague", "", string(prague), "https://own.test",
		},
		{
			"its own v4 has moved",
			[]plan.Record{held},
			string(prague), moved, ownV4, one, 0,
			"moved from https://before.test to https://own.test", "prague", string(prague), "",
		},
		{
			"its own v4 instead of the shared one", over, "default",
			plan.Sink{Name: string(prague)},
			ownV4, one, 0,
			"writes to its own v4 at https://own.test", "prague", string(prague), "",
		},
		{
			"the shared v4 instead of its own", another, string(prague), own, "", one, 0,
			"writes to the shared v4 at https://v4.test", "prague", "default", "https://own.test",
		},
		{"another v4 while something is held", []plan.Record{held}, "default", own, ownV4, one, 1, "has 1 preauthorizations held", "prague", "default", "https://own.test"},
		{"another v4 while something is in doubt", inDoubt, string(prague), own, "", one, 1, "has 1 preauthorizations held", "prague", string(prague), "https://own.test"},
		{"another v4 while a hold is parked", parked, "default", own, ownV4, one, 1, "has 1 preauthorizations held", "prague", "default", "https://own.test"},
		{
			"an address that is still to be stored with another v4", nil, "default", moved, ownV4, one, 0,
			"writes to its own v4", "prague", string(prague), "https://before.test",
		},
		{
			"all addresses",
			[]plan.Record{held},
			string(prague), moved, ownV4, nil, 0,
			"prague's own v4 will be bound to https://own.test", "prague", string(prague), "",
		},
		{
			"a name that nobody has", nil, "default", own, "",
			[]string{"--property", "nobody"},
			1, "no property of the state file is called nobody",
			"prague", "default", "https://own.test",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, said, p, s := rebound(t, plan.Batch{
				Records: c.records, Property: &plan.Property{Enterprise: prague, Name: "prague", Sink: c.sink}, Sink: &c.own,
			}, c.config, c.args...)
			if code != c.code || !strings.Contains(said, c.said) {
				t.Errorf("exit code %d: %s", code, said)
			}
			if diff := cmp.Diff([]string{c.wantName, c.wantSink, c.wantAt}, []string{p.Name, p.Sink, s.Address}); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}
