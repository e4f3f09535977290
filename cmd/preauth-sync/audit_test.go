package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// finding is one of audit's, as it prints it.
type finding struct {
	Kind             string
	Preauthorization string `json:"preauthorization_id"`
	Identity         *int64
}

// differences runs an audit to its end, and gives what it finds.
func (s *served) differences(t *testing.T, code int) (found []string) {
	t.Helper()
	var out struct {
		Findings []finding
		Checked  int
	}
	p := s.run(t, code, "audit", "-o", "json")
	if err := json.Unmarshal([]byte(p.stdout.String()), &out); err != nil {
		t.Fatalf("%v: %s", err, &p.stdout)
	}
	if out.Checked < len(s.ids) {
		t.Errorf("%d of %d preauthorizations were checked", out.Checked, len(s.ids))
	}
	for _, f := range out.Findings {
		identity := int64(0)
		if f.Identity != nil {
			identity = *f.Identity
		}
		found = append(found, fmt.Sprintf("%s %s %d", f.Kind, f.Preauthorization, identity))
	}
	return found
}

// holdOf gives what v4 holds for a preauthorization.
func (s *served) holdOf(t *testing.T, id string) simulator.Hold {
	t.Helper()
	holds := s.Holds()
	at := slices.IndexFunc(holds, func(h simulator.Hold) bool { return strings.EqualFold(h.Token, id) })
	if at < 0 {
		t.Fatalf("v4 holds nothing for %s", id)
	}
	return holds[at]
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// spoil makes the PMS, the ledger and v4 differ in every way that a world in step
// can be made to, and gives what an audit must find.
func (s *served) spoil(t *testing.T) (want []string) {
	t.Helper()
	expect := func(kind, id string, identity int64) {
		want = append(want, fmt.Sprintf("%s %s %d", kind, id, identity))
	}
	var holds []simulator.Hold
	for _, id := range s.ids {
		holds = append(holds, s.holdOf(t, id))
	}
	none := func(err error) { must[int](t)(0, err) }

	none(s.SetState(s.ids[0], "Charged"))
	expect("uncaptured", s.ids[0], holds[0].Identity)
	none(s.RemoveHold(holds[1].Identity))
	expect("missing", s.ids[1], holds[1].Identity)
	none(s.RemoveHold(holds[2].Identity))
	other := holds[2]
	other.Amount, other.PaymentMethodID = other.Amount.Add(decimal.RequireFromString("0.01")), other.PaymentMethodID+1
	must[int64](t)(s.AddHold(other))
	expect("amount_differs", s.ids[2], other.Identity)
	expect("payment_method_differs", s.ids[2], other.Identity)
	twin := holds[3]
	twin.Identity = 0
	expect("duplicate", s.ids[3], must[int64](t)(s.AddHold(twin)))
	none(s.SetState(s.ids[4], "Cancelled"))
	expect("orphaned", s.ids[4], holds[4].Identity)
	none(s.SetAmount(s.ids[5], holds[5].Amount.Add(decimal.NewFromInt(1))))
	expect("amount_differs", s.ids[5], holds[5].Identity)

	fresh := must[string](t)(s.AddPreauthorization(simulator.Preauthorization{CustomerID: s.customers[0], Amount: decimal.NewFromInt(20)}))
	expect("missing", fresh, 0)
	stranger := "0f0f0f0f-1234-4abc-8def-000000000001"
	expect("unknown", stranger, must[int64](t)(s.AddHold(simulator.Hold{Amount: decimal.NewFromInt(5), PaymentMethodID: 101, Token: strings.ToUpper(stranger)})))
	must[int64](t)(s.AddHold(simulator.Hold{Amount: decimal.NewFromInt(5), PaymentMethodID: 101, Token: "room service"}))
	slices.SortStableFunc(want, func(a, b string) int {
		return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1])
	})
	return want
}

func TestAnAuditFindsWhateverDiffersAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Timeout: 300 * time.Millisecond, Settle: time.Millisecond})
	w.run(t, 0, "run", "--once")
	if found := w.differences(t, 0); len(found) > 0 {
		t.Fatalf("a world in step: %q", found)
	}
	want, before, holds := w.spoil(t), read(t, w.state), w.Holds()
	if diff := cmp.Diff(want, w.differences(t, 2)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if read(t, w.state) != before || !cmp.Equal(holds, w.Holds()) {
		t.Error("it has changed something")
	}
}

func TestADaemonAuditsBesideItsCycles(t *testing.T) {
	t.Parallel()
	w := six(t, simulator.ConfigOptions{Timeout: 300 * time.Millisecond, Settle: time.Millisecond, Schedule: seldom})
	w.control(t)
	d := w.daemon(t)
	d.ready(t)
	if found := w.differences(t, 0); len(found) > 0 {
		t.Fatalf("a world in step: %q", found)
	}
	want := w.spoil(t)
	if diff := cmp.Diff(want, w.differences(t, 2)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}

	// Its limits on requests are the daemon's, which a reload may change.
	before := w.seen(simulator.OpPoll)
	open := w.gate(t, simulator.OpPoll)
	p := w.begin(t, "audit")
	if err := w.await(t.Context(), simulator.OpPoll, before+1); err != nil {
		t.Fatal(err)
	}
	d.reload(t, "config.reloaded")
	ended(t, p, 1)
	if want := "the daemon has read its configuration again: begin the audit anew"; !strings.Contains(p.stderr.String(), want) {
		t.Errorf("it does not say that %s: %s", want, &p.stderr)
	}
	open()
	d.stop(t)
}

// TestAnAuditThatIsBrokenOffLeavesCompleteJSON breaks it off between two findings, by
// each signal to it, and to the daemon that it asks.
func TestAnAuditThatIsBrokenOffLeavesCompleteJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		daemon bool
		signal syscall.Signal
		code   int
		says   string
	}{
		{"interrupted", false, syscall.SIGINT, 130, "interrupted"},
		{"terminated", false, syscall.SIGTERM, 130, "interrupted"},
		{"hung up on", false, syscall.SIGHUP, 130, "interrupted"},
		{"its daemon terminated", true, syscall.SIGTERM, 1, "the daemon stops"},
		{"its daemon killed", true, syscall.SIGKILL, 1, "went away"},
		{"its daemon reloaded", true, syscall.SIGHUP, 1, "begin the audit anew"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := six(t, simulator.ConfigOptions{Timeout: 2 * time.Second, Settle: time.Millisecond, Schedule: seldom})
			w.run(t, 0, "run", "--once")
			ids := slices.Sorted(slices.Values(w.ids))
			none := must[int](t)
			none(0, w.SetState(ids[0], "Cancelled"))
			var d *daemon
			if c.daemon {
				w.control(t)
				d = w.daemon(t)
				d.ready(t)
			}
			none(0, w.RemoveHold(w.holdOf(t, ids[5]).Identity))
			open := w.gate(t, simulator.OpGet)
			defer open()
			p := w.begin(t, "audit", "-o", "json")
			if err := p.stdout.await(t.Context(), regexp.MustCompile(`"orphaned"`)); err != nil {
				t.Fatal(err)
			}
			if err := w.await(t.Context(), simulator.OpGet, 1); err != nil {
				t.Fatal(err)
			}
			whom := p
			if c.daemon {
				whom = d.process
			}
			none(0, whom.signal(c.signal))
			ended(t, p, c.code)
			var out struct {
				Findings []finding
				Checked  *int
				Error    string
			}
			if err := json.Unmarshal([]byte(p.stdout.String()), &out); err != nil {
				t.Fatalf("%v: %s", err, &p.stdout)
			}
			if len(out.Findings) != 1 || out.Checked != nil || !strings.Contains(out.Error, c.says) || !strings.Contains(p.stderr.String(), c.says) {
				t.Errorf("%s%s", &p.stdout, &p.stderr)
			}
		})
	}
}
