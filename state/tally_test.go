package state_test

import (
	"cmp"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// parkedOf makes the n-th record one that is parked before anything was sent.
func parkedOf(n int, reason plan.Reason, since int, amount preauth.Money) plan.Record {
	r := ledgertest.HeldRecord(n)
	r.Phase, r.Identity, r.Amount = plan.None, 0, preauth.Money{}
	r.Seen.Amount = amount
	r.Park = &plan.Park{Reason: reason, Since: ledgertest.At(since), Seen: r.Seen}
	return r
}

// account is what Tallies and Parked answer with.
type account struct {
	Tallies map[preauth.ID]plan.Tally
	Parked  []plan.Record
}

func accountOf(t *testing.T, l *state.Ledger) (a account) {
	t.Helper()
	var errTallies, errParked error
	a.Tallies, errTallies = l.Tallies(t.Context())
	errParked = l.Parked(t.Context(), func(r plan.Record) error { a.Parked = append(a.Parked, r); return nil })
	if err := errors.Join(errTallies, errParked); err != nil {
		t.Fatal(err)
	}
	return a
}

func noTally() plan.Tally {
	return plan.Tally{
		Phases: map[plan.Phase]int{}, Parked: map[plan.Reason]int{}, ParkedAmounts: map[string]decimal.Decimal{},
		Held: map[string]decimal.Decimal{}, Awaiting: map[string]decimal.Decimal{},
	}
}

// recount works an account out from the records alone.
func recount(t *testing.T, l ledgertest.Ledger) account {
	t.Helper()
	a := account{Tallies: map[preauth.ID]plan.Tally{}}
	err := l.Each(t.Context(), func(r plan.Record) error {
		sum, ok := a.Tallies[r.Enterprise]
		if !ok {
			sum = noTally()
		}
		sum.Phases[r.Phase]++
		stake := r.AtStake()
		if amounts := map[plan.Risk]map[string]decimal.Decimal{
			plan.RiskHeld: sum.Held, plan.RiskAwaiting: sum.Awaiting, plan.RiskParked: sum.ParkedAmounts,
		}[r.Risk()]; amounts != nil {
			amounts[stake.Currency] = amounts[stake.Currency].Add(stake.Amount)
		}
		if r.Park != nil {
			a.Parked = append(a.Parked, r)
			sum.Parked[r.Park.Reason]++
			if sum.OldestParked.IsZero() || r.Park.Since.Before(sum.OldestParked) {
				sum.OldestParked = r.Park.Since
			}
		}
		a.Tallies[r.Enterprise] = sum
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, sum := range a.Tallies {
		for _, amounts := range []map[string]decimal.Decimal{sum.ParkedAmounts, sum.Held, sum.Awaiting} {
			maps.DeleteFunc(amounts, func(_ string, amount decimal.Decimal) bool { return amount.IsZero() })
		}
	}
	slices.SortFunc(a.Parked, func(a, b plan.Record) int {
		return cmp.Or(cmp.Compare(a.Enterprise, b.Enterprise), a.Park.Since.Compare(b.Park.Since), cmp.Compare(a.ID, b.ID))
	})
	return a
}

func sameAccount(t *testing.T, want, got account) {
	t.Helper()
	if diff := ledgertest.Diff(want, got); diff != "" {
		t.Fatalf("want -, got +\n%s", diff)
	}
}

func TestATallyFollowsTheRecordsOfItsEnterprise(t *testing.T) {
	eur := func(amount string) preauth.Money { return ledgertest.Money(amount, "EUR") }
	path := filepath.Join(t.TempDir(), "state.db")
	l := open(t, path)
	steps := []struct {
		name   string
		change func(r *plan.Record)
		want   func(sum *plan.Tally)
	}{
		{"parked, it is about what the PMS says", func(*plan.Record) {}, func(sum *plan.Tally) {
			sum.Phases[plan.None], sum.Parked[plan.FirstSeenCharged] = 1, 1
			sum.ParkedAmounts["EUR"], sum.OldestParked = eur("0.1").Amount, ledgertest.At(5)
		}},
		{"parked in flight, it is about what the intent asks for", func(r *plan.Record) {
			r.Phase, r.Intent = plan.Creating, &plan.Intent{Action: plan.Create, Amount: eur("0.3")}
			r.Park = &plan.Park{Reason: plan.UnknownCreate, Since: ledgertest.At(9)}
		}, func(sum *plan.Tally) {
			sum.Phases[plan.Creating], sum.Parked[plan.UnknownCreate] = 1, 1
			sum.ParkedAmounts["EUR"], sum.OldestParked = eur("0.3").Amount, ledgertest.At(9)
		}},
		{"parked while it is held, it is about what v4 holds", func(r *plan.Record) {
			r.Phase, r.Identity, r.Amount, r.Intent = plan.Created, 5, ledgertest.Money("12345678901234567890.0123456789", "CZK"), nil
		}, func(sum *plan.Tally) {
			sum.Phases[plan.Created], sum.Parked[plan.UnknownCreate] = 1, 1
			sum.ParkedAmounts["CZK"], sum.OldestParked = ledgertest.Money("12345678901234567890.0123456789", "CZK").Amount, ledgertest.At(9)
		}},
		{"no longer parked, it is held", func(r *plan.Record) {
			r.Park, r.Amount = nil, eur("0.4")
		}, func(sum *plan.Tally) {
			sum.Phases[plan.Created], sum.Held["EUR"] = 1, eur("0.4").Amount
		}},
		{"charged, it awaits its capture", func(r *plan.Record) { r.Seen.State = preauth.Charged }, func(sum *plan.Tally) {
			sum.Phases[plan.Created], sum.Awaiting["EUR"] = 1, eur("0.4").Amount
		}},
		{"being captured, it still awaits it", func(r *plan.Record) {
			r.Phase, r.Intent = plan.Capturing, &plan.Intent{Action: plan.Capture, Amount: eur("0.4")}
		}, func(sum *plan.Tally) {
			sum.Phases[plan.Capturing], sum.Awaiting["EUR"] = 1, eur("0.4").Amount
		}},
		{"captured, nothing is at risk", func(r *plan.Record) { r.Phase, r.Intent = plan.Captured, nil }, func(sum *plan.Tally) {
			sum.Phases[plan.Captured] = 1
		}},
	}
	r := parkedOf(1, plan.FirstSeenCharged, 5, eur("0.1"))
	for revision, step := range steps {
		step.change(&r)
		r.Revision = uint64(revision)
		if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); err != nil {
			t.Fatal(err)
		}
		want := noTally()
		step.want(&want)
		got, err := l.Tallies(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := ledgertest.Diff(map[preauth.ID]plan.Tally{r.Enterprise: want}, got); diff != "" {
			t.Fatalf("%s: want -, got +\n%s", step.name, diff)
		}
	}
	// It moves to another enterprise, and nothing is left of the first.
	before := r.Enterprise
	r.Revision, r.Enterprise = uint64(len(steps)), ""
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); err != nil {
		t.Fatal(err)
	}
	got := accountOf(t, l)
	if _, ok := got.Tallies[before]; ok || len(got.Tallies) != 1 {
		t.Errorf("%v", got.Tallies)
	}
	sameAccount(t, recount(t, l), got)
}

func TestParkedAmountsThatCancelOutAreLeftOut(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{
		parkedOf(1, plan.BadAmount, 1, ledgertest.Money("-7.5", "EUR")), parkedOf(2, plan.AmountChanged, 2, ledgertest.Money("7.50", "EUR")),
		parkedOf(3, plan.BadAmount, 3, preauth.Money{}), parkedOf(4, plan.BadAmount, 3, ledgertest.Money("0", "CZK")),
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := accountOf(t, l)
	if sum := got.Tallies[ledgertest.ID(1<<20)]; len(sum.ParkedAmounts) != 0 || sum.Parked[plan.BadAmount] != 3 {
		t.Errorf("%+v", sum)
	}
	sameAccount(t, recount(t, l), got)
}

func TestParkedRecordsComeOldestFirstPageByPage(t *testing.T) {
	const many = 2500
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	var batch plan.Batch
	for n := range many {
		r := parkedOf(n, plan.Reasons()[n%len(plan.Reasons())], n*7919%many, ledgertest.Money("0.01", "EUR"))
		if n%3 == 0 {
			r.Enterprise = ledgertest.ID(1 << 10)
		}
		batch.Records = append(batch.Records, r)
	}
	batch.Records[3].Park.Since = time.Unix(-5, 0).UTC() // a clock that is not set
	if err := l.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	got := accountOf(t, l)
	if len(got.Parked) != many {
		t.Fatalf("%d parked", len(got.Parked))
	}
	sameAccount(t, recount(t, l), got)
	enough, calls := errors.New("enough"), 0
	err := l.Parked(t.Context(), func(plan.Record) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// TestTheAccountHoldsWhileManyCommit: batches that share a transaction share one
// change of the tally, and one that is refused leaves no trace in it.
func TestTheAccountHoldsWhileManyCommit(t *testing.T) {
	const writers, each = 8, 25
	l := open(t, filepath.Join(t.TempDir(), "state.db"))
	var done atomic.Bool
	var readers, commits sync.WaitGroup
	readers.Go(func() {
		for !done.Load() {
			sums, err := l.Tallies(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			for _, sum := range sums {
				if got, want := sum.ParkedAmounts["EUR"], decimal.NewFromInt(int64(sum.Parked[plan.Rejected])); !got.Equal(want) {
					t.Errorf("%d are parked, about %s", sum.Parked[plan.Rejected], got)
				}
			}
			if err := l.Parked(t.Context(), func(plan.Record) error { return nil }); err != nil {
				t.Error(err)
			}
		}
	})
	for w := range writers {
		commits.Go(func() {
			for n := range each {
				r := parkedOf(w*each+n, plan.Rejected, n, ledgertest.Money("1", "EUR"))
				if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); err != nil {
					t.Error(err)
				}
				if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); !errors.Is(err, plan.ErrConflict) {
					t.Errorf("want a conflict, got %v", err)
				}
				if r.Revision = 1; n%2 == 0 {
					r.Park = nil
				}
				if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	commits.Wait()
	done.Store(true)
	readers.Wait()
	got := accountOf(t, l)
	if len(got.Parked) != writers*(each/2) {
		t.Errorf("%d parked", len(got.Parked))
	}
	sameAccount(t, recount(t, l), got)
}

// TestATallyThatDoesNotFitStopsTheCommit: it is not made to fit.
func TestATallyThatDoesNotFitStopsTheCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 1)
	tamper(t, path, func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte("tallies"))
		key, _ := bucket.Cursor().First()
		return bucket.Delete(append([]byte(nil), key...))
	})
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	r, _, err := l.Record(t.Context(), ledgertest.ID(0))
	if err != nil {
		t.Fatal(err)
	}
	r.Phase = plan.Captured
	if err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{r}}); kindOf(err) != state.Corrupt {
		t.Fatalf("want corrupt, got %v", err)
	}
	if now, _, err := l.Record(t.Context(), ledgertest.ID(0)); err != nil || now.Revision != r.Revision {
		t.Errorf("revision %d, %v", now.Revision, err)
	}
}
