package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/goleak"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state/memory"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sinkName = "default"
	settle   = 5 * time.Minute
	hotel    = "hotel"
)

// now is when every audit of these tests begins.
func now() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func id(n int) preauth.ID { return preauth.ID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", n)) }

func customerOn(n int) preauth.ID {
	return preauth.ID(fmt.Sprintf("%08x-0000-4000-9000-000000000000", n))
}

func enterprise() preauth.ID { return "0e000000-0000-4000-8000-000000000000" }

func eur(amount string) preauth.Money {
	return preauth.Money{Amount: decimal.RequireFromString(amount), Currency: "EUR"}
}

// world is a PMS, a ledger and a v4. In most tests preauthorization n is of customer
// n, has identity n where it has one, and is of 100 EUR on payment method 101.
type world struct {
	batch plan.Batch
	// ledger has the batch once the audit begins.
	ledger *memory.Ledger
	sink   plan.Sink
	doc    plan.Property

	holds  []preauth.Hold
	polled []preauth.Preauthorization
	// strays are in every poll's last reply, whoever is asked for.
	strays []preauth.Preauthorization
	// listed are the customers of the configuration, left what it lists besides.
	listed []preauth.ID
	left   []string
	// unlisted are the identities that only Get shows.
	unlisted []int64
	// conflicting are Ids that replies contradict themselves about, refused customers
	// that cannot be read.
	conflicting, refused []preauth.ID
	// beforePoll is called before each poll, beforeTell before each finding is told.
	beforePoll func() error
	methods    Methods

	// older makes the ledger older than the world.
	older bool

	enterpriseErr, listErr, getErr, customersErr error
	polls, gets                                  int

	options Options
	random  *rand.Rand
}

func newWorld() *world {
	w := &world{
		ledger: memory.New(plan.File{}), sink: plan.Sink{Name: sinkName, Proof: plan.ProofKept},
		doc: plan.Property{Enterprise: enterprise(), Name: hotel, Sink: sinkName, FirstRunDone: true},
	}
	w.options = Options{Sink: w, SinkName: sinkName, OwnTokens: true, Settle: settle, Clock: now, Ledger: w.ledger}
	return w
}

// record stores what the ledger says, an hour before the audit unless it says otherwise.
func (w *world) record(rec plan.Record) {
	if rec.Updated.IsZero() {
		rec.Updated = now().Add(-time.Hour)
	}
	rec.Enterprise = cmp.Or(rec.Enterprise, enterprise())
	w.batch.Records = append(w.batch.Records, rec)
}

// in makes a record of preauthorization n in a phase, held or captured where that is so.
func (w *world) in(phase plan.Phase, n int, change ...func(*plan.Record)) {
	rec := plan.Record{ID: id(n), CustomerID: customerOn(n), Phase: phase}
	switch phase {
	case plan.Created, plan.Captured, plan.Adopted, plan.Capturing:
		rec.Identity, rec.Amount, rec.PaymentMethodID = int64(n), eur("100"), 101
		rec.Unsure = phase == plan.Adopted
	default:
	}
	if phase.InFlight() {
		rec.Intent = &plan.Intent{Amount: eur("100"), Token: string(id(n))}
	}
	for _, each := range change {
		each(&rec)
	}
	w.record(rec)
}

// holding gives a record identity n.
func holding(n int) func(*plan.Record) {
	return func(rec *plan.Record) { rec.Identity, rec.Amount, rec.PaymentMethodID = int64(n), eur("100"), 101 }
}

func park(why plan.Reason) func(*plan.Record) {
	return func(rec *plan.Record) {
		rec.Park = &plan.Park{Reason: why, Since: now().Add(-time.Hour), Detail: "because"}
	}
}

// answered says that an operator has answered what the PMS says.
func answered(p preauth.Preauthorization) func(*plan.Record) {
	return func(rec *plan.Record) {
		seen := plan.Observe(p)
		rec.Answered, rec.Seen = &seen, seen
	}
}

// held makes v4 hold something with preauthorization n's token.
func (w *world) held(identity int64, n int, change ...func(*preauth.Hold)) {
	hold := preauth.Hold{Identity: identity, Amount: decimal.NewFromInt(100), PaymentMethodID: 101, Token: string(id(n))}
	for _, each := range change {
		each(&hold)
	}
	w.holds = append(w.holds, hold)
}

// says makes the PMS show preauthorization n.
func (w *world) says(state preauth.State, n int, change ...func(*preauth.Preauthorization)) preauth.Preauthorization {
	p := preauth.Preauthorization{
		ID: id(n), CustomerID: customerOn(n), CardID: "card", Amount: eur("100.00"), State: state, StateText: state.String(), Active: true,
	}
	for _, each := range change {
		each(&p)
	}
	w.polled = append(w.polled, p)
	w.listed = append(w.listed, p.CustomerID)
	return p
}

// audit runs one.
func (w *world) audit(t *testing.T) (Summary, []Finding) {
	t.Helper()
	var found []Finding
	summary, err := w.run(t.Context(), func(f Finding) error {
		found = append(found, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return summary, found
}

func (w *world) run(ctx context.Context, tell func(Finding) error) (Summary, error) {
	w.batch.Property, w.batch.Sink = &w.doc, &w.sink
	if err := w.ledger.Commit(ctx, w.batch); err != nil {
		return Summary{}, err
	}
	if w.older {
		if err := w.ledger.MarkOlder(ctx, "it is a copy"); err != nil {
			return Summary{}, err
		}
	}
	if w.options.Properties == nil {
		w.options.Properties = []Property{w.property()}
	}
	return Run(ctx, w.options, tell)
}

func (w *world) property() Property {
	p := Property{Name: hotel, Source: w, Customers: w.customers, Methods: w.methods, Policy: plan.Policy{Currency: "EUR", NewCustomers: plan.ParkHistory}}
	if p.Methods == nil {
		p.Methods = method{ID: 101}
	}
	return p
}

type method plan.Method

func (m method) Find(preauth.Preauthorization) plan.Method { return plan.Method(m) }

func (w *world) customers(_ context.Context, visit func(preauth.ID) error) ([]string, error) {
	for _, c := range w.listed {
		if err := visit(c); err != nil {
			return nil, err
		}
	}
	return w.left, w.customersErr
}

// Enterprise implements Source.
func (w *world) Enterprise(context.Context) (preauth.ID, error) {
	if w.enterpriseErr != nil {
		return "", w.enterpriseErr
	}
	return enterprise(), nil
}

// Poll implements Source, in two replies where there are several customers.
func (w *world) Poll(_ context.Context, customers []preauth.ID, reply func(preauth.Reply) error) (refused []preauth.RefusedCustomer, err error) {
	w.polls++
	if len(customers) == 0 || len(customers) > mostCustomers || !slices.IsSorted(customers) {
		return nil, fmt.Errorf("%d customers in one poll", len(customers))
	}
	if w.beforePoll != nil {
		if err := w.beforePoll(); err != nil {
			return nil, err
		}
	}
	for part := range slices.Chunk(customers, (len(customers)+1)/2) {
		var r preauth.Reply
		for _, c := range part {
			if slices.Contains(w.refused, c) {
				refused = append(refused, preauth.RefusedCustomer{CustomerID: c, Reason: "it is not known"})
				continue
			}
			r.Customers = append(r.Customers, c)
		}
		for _, p := range w.polled {
			switch {
			case !slices.Contains(r.Customers, p.CustomerID):
			case slices.Contains(w.conflicting, p.ID):
				r.Conflicting = append(r.Conflicting, p.ID)
			default:
				r.Preauthorizations = append(r.Preauthorizations, p)
			}
		}
		if part[len(part)-1] == customers[len(customers)-1] {
			r.Preauthorizations = append(r.Preauthorizations, w.strays...)
		}
		if err := reply(r); err != nil {
			return refused, err
		}
	}
	return refused, nil
}

// ListAbove implements Sink, in pages of three; with w.random in disorder and with
// repetitions.
func (w *world) ListAbove(_ context.Context, identity int64, page func([]preauth.Hold) error) error {
	if identity != 0 {
		return errors.New("an audit lists everything")
	}
	holds := slices.DeleteFunc(slices.Clone(w.holds), func(h preauth.Hold) bool { return slices.Contains(w.unlisted, h.Identity) })
	if w.random != nil {
		holds = append(holds, holds[:len(holds)/2]...)
		w.random.Shuffle(len(holds), func(i, j int) { holds[i], holds[j] = holds[j], holds[i] })
	}
	for part := range slices.Chunk(holds, 3) {
		if err := page(part); err != nil {
			return err
		}
	}
	return w.listErr
}

// Get implements Sink.
func (w *world) Get(_ context.Context, identity int64) (preauth.Hold, bool, error) {
	w.gets++
	at := slices.IndexFunc(w.holds, func(h preauth.Hold) bool { return h.Identity == identity })
	if w.getErr != nil || at < 0 {
		return preauth.Hold{}, false, w.getErr
	}
	return w.holds[at], true, nil
}

// outline gives findings without their words.
func outline(found []Finding) []string {
	lines := []string{}
	for _, f := range found {
		lines = append(lines, fmt.Sprintf("%s %s %d %s", f.Kind, f.ID, f.Identity, f.Property))
	}
	return lines
}

// mentions wants each of some texts in a text.
func mentions(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not mention %q", text, want)
		}
	}
}

var errBroken = errors.New("it does not answer")
