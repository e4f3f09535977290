package audit

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// vast is a PMS, a ledger and a v4 of so many preauthorizations, all of them worked
// out as they are asked for. Each hundredth is charged and not captured.
type vast struct {
	size int
	peak uint64
}

const perCustomer = 2

// look notes how much memory is in use, garbage included.
func (v *vast) look() {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	v.peak = max(v.peak, sample[0].Value.Uint64())
}

func (v *vast) number(of preauth.ID) (n int) {
	_, _ = fmt.Sscanf(string(of[:8]), "%x", &n) // it is one of id's
	return n
}

func (v *vast) record(n int) plan.Record {
	return plan.Record{
		ID: id(n), Revision: 1, Enterprise: enterprise(), CustomerID: customerOn(n / perCustomer), Phase: plan.Created,
		Identity: int64(n) + 1, Amount: eur("100"), PaymentMethodID: 101, Updated: now().Add(-time.Hour),
	}
}

func (v *vast) Record(_ context.Context, of preauth.ID) (plan.Record, bool, error) {
	return v.record(v.number(of)), true, nil
}

func (v *vast) Each(_ context.Context, visit func(plan.Record) error) error {
	for n := range v.size {
		if n%1000 == 0 {
			v.look()
		}
		if err := visit(v.record(n)); err != nil {
			return err
		}
	}
	return nil
}

func (v *vast) Owner(_ context.Context, _ string, identity int64) (preauth.ID, bool, error) {
	return id(int(identity - 1)), true, nil
}

func (v *vast) Customers(context.Context, preauth.ID, []preauth.ID) (map[preauth.ID]plan.Customer, error) {
	return map[preauth.ID]plan.Customer{}, nil
}

func (v *vast) Discovered(context.Context, preauth.ID, func(plan.Discovered) error) error { return nil }

func (v *vast) Properties(context.Context) ([]plan.Property, error) {
	return []plan.Property{{Enterprise: enterprise(), Name: hotel, FirstRunDone: true}}, nil
}

func (v *vast) Pauses(context.Context) ([]plan.Pause, error) { return nil, nil }

func (v *vast) File() plan.File { return plan.File{} }

func (v *vast) Sink(context.Context, string) (plan.Sink, bool, error) {
	return plan.Sink{Proof: plan.ProofKept}, true, nil
}

func (v *vast) LookedUp(context.Context, string, string, []string) (map[string]plan.LookedUp, error) {
	return map[string]plan.LookedUp{}, nil
}

func (v *vast) ObservedReads(context.Context, preauth.ID, []preauth.ID) (map[preauth.ID]uint64, error) {
	return map[preauth.ID]uint64{}, nil
}

func (v *vast) Observed(context.Context, preauth.ID, []preauth.ID) (map[preauth.ID]plan.Observed, error) {
	return map[preauth.ID]plan.Observed{}, nil
}

func (v *vast) Tokens(context.Context, string, []string) (map[string]plan.Token, error) {
	return map[string]plan.Token{}, nil
}

func (v *vast) Enterprise(context.Context) (preauth.ID, error) { return enterprise(), nil }

func (v *vast) Poll(_ context.Context, customers []preauth.ID, reply func(preauth.Reply) error) ([]preauth.RefusedCustomer, error) {
	v.look()
	r := preauth.Reply{Customers: customers}
	for _, c := range customers {
		for i := range perCustomer {
			n := v.number(c)*perCustomer + i
			p := preauth.Preauthorization{ID: id(n), CustomerID: c, CardID: string(id(n)), Amount: eur("100"), State: preauth.Chargeable, Active: true}
			if n%100 == 0 {
				p.State = preauth.Charged
			}
			r.Preauthorizations = append(r.Preauthorizations, p)
		}
	}
	return nil, reply(r)
}

func (v *vast) ListAbove(_ context.Context, _ int64, page func([]preauth.Hold) error) error {
	for from := 0; from < v.size; from += 1000 {
		v.look()
		var holds []preauth.Hold
		for n := from; n < from+1000; n++ {
			holds = append(holds, preauth.Hold{Identity: int64(n) + 1, PaymentMethodID: 101, Amount: eur("100").Amount, Token: string(id(n))})
		}
		if err := page(holds); err != nil {
			return err
		}
	}
	return nil
}

func (v *vast) Get(context.Context, int64) (preauth.Hold, bool, error) {
	return preauth.Hold{}, false, errBroken
}

// peakOf is the most memory that an audit of so many preauthorizations has in use.
func peakOf(tb testing.TB, size int) uint64 {
	tb.Helper()
	runtime.GC()
	v := &vast{size: size}
	found := 0
	summary, err := Run(tb.Context(), Options{
		Ledger: v, Sink: v, SinkName: sinkName, OwnTokens: true, Settle: settle, Clock: now, Folder: tb.TempDir(),
		Properties: []Property{{
			Name: hotel, Source: v, Methods: method{ID: 101}, Policy: plan.Policy{Currency: "EUR"},
			Customers: func(_ context.Context, visit func(preauth.ID) error) ([]string, error) {
				for n := range size / perCustomer {
					if err := visit(customerOn(n)); err != nil {
						return nil, err
					}
				}
				return nil, nil
			},
		}},
	}, func(Finding) error {
		found++
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if summary.Checked != size || found != size/100 || len(summary.Unread) > 0 {
		tb.Fatalf("%d found: %+v", found, summary)
	}
	return v.peak
}

// TestMoreRecordsTakeNoMoreMemory leaves room for what the collector has not come to.
func TestMoreRecordsTakeNoMoreMemory(t *testing.T) {
	few, many := peakOf(t, 10_000), peakOf(t, 200_000)
	t.Logf("%d KiB for ten thousand, %d KiB for two hundred thousand", few>>10, many>>10)
	if room := uint64(16 << 20); many > 2*few+room {
		t.Errorf("%d KiB for ten thousand, and %d KiB for two hundred thousand", few>>10, many>>10)
	}
}

// BenchmarkAudit is the audit's own part of one: everything that it asks answers at once.
func BenchmarkAudit(b *testing.B) {
	for _, size := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(peakOf(b, size))/(1<<20), "peak-MiB")
			}
		})
	}
}
