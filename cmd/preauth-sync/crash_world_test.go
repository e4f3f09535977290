package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// crashWorld is a world of two preauthorizations, whose writes go one after the other.
func crashWorld(t *testing.T) *served {
	t.Helper()
	w := newWorld(t, servedOptions{
		seed: 1, populate: simulator.PopulateOptions{Customers: 1, PerCustomer: 2},
	})
	w.permissive(t)
	// Runs that follow each other so fast know nothing of each other's requests.
	if err := w.Configure(func(set *simulator.Settings) { set.RateLimit = 0 }); err != nil {
		t.Fatal(err)
	}
	w.edit(t, "  settle: ", "  concurrency: 1\n  settle: ")
	return w
}

// settledWorld is one whose holds are all made.
func settledWorld(t *testing.T) *served {
	t.Helper()
	w := crashWorld(t)
	w.run(t, 0, "run", "--once")
	return w
}

// copiedWorld has a copy of its state file that knows of two holds of six, and does
// not know that the first has been captured.
func copiedWorld(t *testing.T) *served {
	t.Helper()
	w := settledWorld(t)
	copyFile(t, w.state, w.state+".old")
	for range 4 {
		w.add(t)
	}
	w.charge(t, 0)
	w.run(t, 0, "run", "--once")
	return w
}

// firstOne is due anyway.
func (s *served) firstOne(t *testing.T) string {
	t.Helper()
	return s.ids[0]
}

// putOldBack puts a copiedWorld's copy in the place of its state file.
func (s *served) putOldBack(t *testing.T) string {
	t.Helper()
	copyFile(t, s.state+".old", s.state)
	return s.ids[0]
}

// lose deletes the state file.
func (s *served) lose(t *testing.T) string {
	t.Helper()
	remove(t, s.state)
	return s.ids[0]
}

// leaveMade leaves a create in doubt that v4 has made, leaveUnmade one that it has not.
func (s *served) leaveMade(t *testing.T) string {
	t.Helper()
	return s.leaveInDoubt(t, true)
}

func (s *served) leaveUnmade(t *testing.T) string {
	t.Helper()
	return s.leaveInDoubt(t, false)
}

// leaveInDoubt adds a preauthorization and kills the run that creates it, before
// or after the effect.
func (s *served) leaveInDoubt(t *testing.T, effect bool) string {
	t.Helper()
	id := s.addNext(t)
	s.Inject(simulator.Fault{
		API: simulator.APIV4, Operation: simulator.OpCreate, Kind: simulator.KindHang, After: effect,
	})
	p := s.begin(t, "run", "--once")
	if err := s.await(t.Context(), simulator.OpCreate, s.seen(simulator.OpCreate)+1); err != nil {
		t.Fatal(err)
	}
	p.kill()
	s.calm()
	return id
}

// addNext adds a preauthorization, which is to be created, and gives its Id.
func (s *served) addNext(t *testing.T) string {
	t.Helper()
	s.add(t)
	return s.ids[len(s.ids)-1]
}

// chargeNext charges the first hold that can be, after making some where none is
// left, and gives its Id.
func (s *served) chargeNext(t *testing.T) string {
	t.Helper()
	chargeable := func(id string) bool {
		p, _ := s.Preauthorization(id)
		return p.State == simulator.Chargeable
	}
	if !slices.ContainsFunc(s.ids, chargeable) {
		for range 10 {
			s.add(t)
		}
		s.run(t, 0, "run", "--once")
	}
	at := slices.IndexFunc(s.ids, chargeable)
	s.charge(t, at)
	return s.ids[at]
}

// left is what a process that has ended left in the state file.
type left struct {
	records map[string]plan.Record
	// intents counts the journal's intents, as "create ID" and "capture ID".
	intents map[string]int
}

// left reads the state file, which must be sound or not there at all.
func (s *served) left(t *testing.T) left {
	t.Helper()
	found := left{intents: map[string]int{}}
	if _, err := os.Stat(s.state); errors.Is(err, fs.ErrNotExist) {
		return found
	}
	found.records = s.records(t)
	ledger, err := state.Open(state.Options{Path: s.state, Mode: state.ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ledger.Close() }()
	kinds := map[string]string{telemetry.CreateIntent: simulator.OpCreate, telemetry.CaptureIntent: simulator.OpCapture}
	for id, rec := range found.records {
		lines, err := ledger.Journal(t.Context(), rec.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if kind := kinds[line.Event]; kind != "" {
				found.intents[kind+" "+id]++
			}
		}
	}
	return found
}

// sent counts the writes that have arrived, in the words of left.intents.
func (s *served) sent() map[string]int {
	owners := map[string]string{}
	for _, hold := range s.Holds() {
		owners[strconv.FormatInt(hold.Identity, 10)] = hold.SentToken
	}
	counts := map[string]int{}
	for _, r := range s.Requests() {
		switch {
		case r.Key == "": // no write, or one that has not arrived whole
		case r.Operation == simulator.OpCreate:
			counts[r.Operation+" "+r.Key]++
		case r.Operation == simulator.OpCapture:
			counts[r.Operation+" "+owners[r.Key]]++
		}
	}
	return counts
}

// journaled wants a durable intent of every write that has arrived.
func (s *served) journaled(t *testing.T, found left) {
	t.Helper()
	for what, n := range s.sent() {
		if found.intents[what] < n {
			t.Errorf("%s has arrived %d times, and the journal has %d intents of it", what, n, found.intents[what])
		}
	}
}

// standing says where a preauthorization stands, in the state file and on v4.
func (s *served) standing(found left, id string) string {
	where := "no file"
	if found.records != nil {
		where = found.records[id].Phase.String()
	}
	if found.records[id].Park != nil {
		where += ", parked"
	}
	for _, hold := range s.Holds() {
		switch {
		case hold.SentToken != id:
		case hold.Captures > 0:
			return where + ", captured on v4"
		default:
			return where + ", held on v4"
		}
	}
	return where
}

// recover runs until a run says that all is well, three times at most, and then
// wants every account to be right.
func (s *served) recover(t *testing.T) {
	t.Helper()
	for n := 1; ; n++ {
		p := s.begin(t, "run", "--once")
		code, err := p.wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if code == 0 {
			break
		}
		if code != 1 || n == 3 {
			t.Fatalf("run %d after the crash ended with %d; it said:\n%s", n, code, &p.stderr)
		}
	}
	s.audit(t)
}
