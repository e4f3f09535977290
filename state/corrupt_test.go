package state_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// sample makes a state file with something in every bucket, and gives its bytes.
func sample(t *testing.T, path string, records int) []byte {
	t.Helper()
	options := state.Options{Path: path, Mode: state.ReadWrite, Binding: addresses()}
	l, err := state.Open(options.WithLog(smallLog))
	if err != nil {
		t.Fatal(err)
	}
	unowned := ledgertest.HeldRecord(1 << 17)
	unowned.CustomerID = ""
	batch := plan.Batch{
		Records:  []plan.Record{ledgertest.FullRecord(1 << 19), unowned},
		Read:     []plan.CustomerRead{{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(8), Cycle: 2}},
		Property: &plan.Property{Enterprise: ledgertest.ID(9), Name: "prague"},
		Sink:     &plan.Sink{Name: "v4", Listed: true, Address: "https://own.test"},
		Tokens:   []plan.Token{{Sink: "v4", Token: string(ledgertest.ID(1)), Holds: []preauth.Hold{{Identity: 4}}}},
		Highest:  []plan.Highest{{Sink: "v4", Identity: 4}},

		Discovered: []plan.Discovered{{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(6), Until: ledgertest.At(1)}},
		Pauses:     []plan.Pause{{Since: ledgertest.At(1)}, {Enterprise: ledgertest.ID(9), Since: ledgertest.At(2)}},
		LookedUp: []plan.LookedUp{
			{Sink: "v4", Field: "identifier", CardID: string(ledgertest.ID(1)), ID: 4, At: ledgertest.At(1)},
			{Sink: "v4", Field: "identifier", CardID: "card", Found: "none", At: ledgertest.At(2)},
		},
		Observed:      []plan.Observed{ledgertest.FullObserved(1)},
		ObservedReads: []plan.CustomerRead{{Enterprise: ledgertest.ID(9), CustomerID: ledgertest.ID(7), Cycle: 3}},
	}
	for n := range records {
		batch.Records = append(batch.Records, ledgertest.HeldRecord(n))
		batch.Journal = append(batch.Journal, plan.Entry{ID: ledgertest.ID(n), Event: "create.applied"})
	}
	for n := range 3 { // more than stand with their record
		batch.Journal = append(batch.Journal, plan.Entry{ID: unowned.ID, Event: "x", Note: strings.Repeat("n", 600), Attempt: n})
	}
	if err := l.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	passed := plan.Batch{Passes: []plan.Pass{{
		Enterprise: ledgertest.ID(9), First: ledgertest.ID(7), Last: ledgertest.ID(8), Polled: 3, Stamp: l.Stamp(ledgertest.ID(9)),
	}}}
	if err := l.Commit(t.Context(), passed); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Advance(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	report, err := l.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// What was reserved for growing is cut off, so that every byte left counts.
	if err := os.Truncate(path, int64(report.Pages)*int64(os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func addresses() state.Binding {
	return state.Binding{ConnectorAddress: "https://pms.test", SinkAddress: "https://v4.test"}
}

// refusal opens a file in both modes, which must agree, and gives the kind of the
// refusal, or 0 for a file that opens.
func refusal(t *testing.T, path string, binding state.Binding) state.Kind {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var kinds [2]state.Kind
	for i, mode := range []state.Mode{state.ReadOnly, state.ReadWrite} {
		l, err := state.Open(state.Options{Path: path, Mode: mode, Binding: binding})
		if err == nil {
			if err := l.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			continue
		}
		var refused *state.Error
		if !errors.As(err, &refused) {
			t.Fatalf("an error of no kind: %v", err)
		}
		kinds[i] = refused.Kind
		after, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(before, after) {
			t.Fatalf("a refused file has been changed: %v", err)
		}
	}
	if kinds[0] != kinds[1] {
		t.Fatalf("reading says %s, writing %s", kinds[0], kinds[1])
	}
	return kinds[0]
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedFileIsRefusedAndLeftAlone(t *testing.T) {
	good := sample(t, filepath.Join(t.TempDir(), "good.db"), 100)
	page := os.Getpagesize()
	zeroed := func(from, to int) []byte {
		damaged := bytes.Clone(good)
		clear(damaged[from:to])
		return damaged
	}
	cases := map[string][]byte{
		"no bytes at all":                   {},
		"one byte":                          {1},
		"text":                              []byte("this is not a database\n"),
		"a long text":                       bytes.Repeat([]byte("not a database\n"), 10000),
		"only zeros":                        make([]byte, len(good)),
		"cut within the first head":         good[:40],
		"cut after one page":                good[:page],
		"cut after two pages":               good[:2*page],
		"cut in the middle of a page":       good[:3*page+17],
		"cut in the middle":                 good[:len(good)/2/page*page],
		"one page short of what is in use":  good[:4*page],
		"a byte too many":                   append(bytes.Clone(good), 0),
		"the first head zeroed":             zeroed(0, page),
		"the second head zeroed":            zeroed(page, 2*page),
		"all but the heads zeroed":          zeroed(2*page, len(good)),
		"everything shifted by one byte":    append([]byte{0}, good[:len(good)-1]...),
		"the second half zeroed":            zeroed(len(good)/2, len(good)),
		"one page repeated over all others": append(bytes.Clone(good[:2*page]), bytes.Repeat(good[2*page:3*page], len(good)/page-2)...),
	}
	for name, content := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			write(t, path, content)
			got := refusal(t, path, state.Binding{})
			if got != state.Corrupt {
				t.Fatalf("want corrupt, got %s", got)
			}
		})
	}
}

// TestNoChangedByteIsBelieved flips bits all over a file: each either is refused
// or stands where nothing is kept, and then all that was stored comes back.
func TestNoChangedByteIsBelieved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	good := sample(t, path, 40)
	want := dump(t, path)
	page := os.Getpagesize()
	offsets := make([]int, 0, len(good))
	for offset := range good {
		within := offset % page
		// Heads and the beginnings of pages byte by byte, the rest sampled.
		if within < 32 || offset < 2*page && within < 80 || offset%211 == 0 {
			offsets = append(offsets, offset)
		}
	}
	if testing.Short() {
		offsets = offsets[:len(offsets)/10]
	}
	refused, harmless := 0, 0
	damaged := filepath.Join(dir, "damaged.db")
	write(t, damaged, good)
	for i, offset := range offsets {
		unflip := flip(t, damaged, offset, i%8)
		l, err := state.Open(state.Options{Path: damaged, Mode: state.ReadOnly})
		if err != nil {
			if _, ok := errors.AsType[*state.Error](err); !ok {
				t.Fatalf("byte %d: an error of no kind: %v", offset, err)
			}
			refused++
			unflip()
			continue
		}
		if diff := ledgertest.Diff(want, contents(t, l)); diff != "" {
			t.Fatalf("byte %d was changed and believed: %s", offset, diff)
		}
		harmless++
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		unflip()
	}
	if refused == 0 || harmless == 0 {
		t.Fatalf("%d refused, %d harmless: the test does not bite", refused, harmless)
	}
	t.Logf("%d refused, %d harmless", refused, harmless)
}

type everything struct {
	Records, Unfinished []plan.Record
	Journal             []plan.Entry
	Properties          []plan.Property
	Sink                plan.Sink
	Highest             int64
	Unmatched           []plan.Token
	Customers           map[preauth.ID]map[preauth.ID]plan.Customer
	Pending             []preauth.ID
	InFlight            []plan.Record
	Passes              []plan.Pass
	Discovered          []plan.Discovered
	Pauses              []plan.Pause
	LookedUp            map[string]plan.LookedUp
	Observed            []plan.Observed
	ObservedCycles      map[preauth.ID]uint64
	Owners              map[string]preauth.ID
	Account             account
}

func dump(t *testing.T, path string) everything {
	t.Helper()
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return contents(t, l)
}

func contents(t *testing.T, l ledgertest.Ledger) (all everything) {
	t.Helper()
	ctx := t.Context()
	var errs [13]error
	errs[0] = l.Each(ctx, func(r plan.Record) error {
		all.Records = append(all.Records, r)
		lines, err := l.Journal(ctx, r.ID)
		all.Journal = append(all.Journal, lines...)
		return err
	})
	errs[1] = l.Unfinished(ctx, "", func(r plan.Record) error { all.Unfinished = append(all.Unfinished, r); return nil })
	slices.SortFunc(all.Unfinished, func(a, b plan.Record) int { return cmp.Compare(a.ID, b.ID) })
	all.Properties, errs[2] = l.Properties(ctx)
	all.Sink, _, errs[3] = l.Sink(ctx, "v4")
	all.Highest, errs[4] = l.Highest(ctx, "v4")
	errs[5] = l.Unmatched(ctx, "v4", func(k plan.Token) error { all.Unmatched = append(all.Unmatched, k); return nil })
	errs[6] = all.ofCustomers(ctx, l)
	errs[8] = l.Discovered(ctx, ledgertest.ID(9), func(d plan.Discovered) error { all.Discovered = append(all.Discovered, d); return nil })
	all.Pauses, errs[9] = l.Pauses(ctx)
	all.LookedUp, errs[10] = l.LookedUp(ctx, "v4", "identifier", []string{"card", string(ledgertest.ID(1)), string(ledgertest.ID(2))})
	errs[11] = l.EachObserved(ctx, "", func(o plan.Observed) error { all.Observed = append(all.Observed, o); return nil })
	all.ObservedCycles, errs[12] = l.ObservedReads(ctx, ledgertest.ID(9), []preauth.ID{ledgertest.ID(7), ledgertest.ID(8)})
	all.Owners = make(map[string]preauth.ID)
	for _, sink := range []string{"", "v4", "b"} {
		for identity := range int64(13) {
			if owner, ok, err := l.Owner(ctx, sink, identity); ok || err != nil {
				all.Owners[fmt.Sprint(sink, identity)], errs[7] = owner, err
			}
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	if file, ok := l.(*state.Ledger); ok {
		all.Account = accountOf(t, file)
	} else {
		all.Account = recount(t, l)
	}
	return all
}

// ofCustomers adds what is known of the customers of some enterprises.
func (all *everything) ofCustomers(ctx context.Context, l ledgertest.Ledger) error {
	all.Customers = make(map[preauth.ID]map[preauth.ID]plan.Customer)
	ids := []preauth.ID{ledgertest.ID(7), ledgertest.ID(8)}
	for n := range 13 {
		ids = append(ids, ledgertest.ID(1<<21+n))
	}
	for _, r := range all.Records {
		if r.CustomerID != "" {
			ids = append(ids, r.CustomerID)
		}
	}
	for _, enterprise := range []preauth.ID{"", ledgertest.ID(1), ledgertest.ID(2), ledgertest.ID(9), ledgertest.ID(1 << 20)} {
		known, errKnown := l.Customers(ctx, enterprise, ids)
		all.Customers[enterprise] = known
		errPending := l.Pending(ctx, enterprise, func(id preauth.ID) error { all.Pending = append(all.Pending, id); return nil })
		var errPass error
		for _, first := range ids {
			p, ok, err := l.Pass(ctx, enterprise, first)
			if ok {
				all.Passes = append(all.Passes, p)
			}
			errPass = errors.Join(errPass, err)
		}
		if err := errors.Join(errKnown, errPending, errPass); err != nil {
			return err
		}
	}
	return l.InFlight(ctx, func(r plan.Record) error { all.InFlight = append(all.InFlight, r); return nil })
}

// TestAReferenceThatSkipsALevelIsRefused: every page that it leads to is sound.
func TestAReferenceThatSkipsALevelIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	content := sample(t, path, 200)
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var root uint64
	err = db.View(func(tx *bolt.Tx) error {
		root = uint64(tx.Bucket([]byte("records")).RootPage())
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	page := content[int(root)*os.Getpagesize():]
	if page[8] != 1 {
		t.Fatal("the bucket needs a tree of two levels")
	}
	// The root bucket's page has the reference after the bucket's name.
	before := binary.NativeEndian.AppendUint64([]byte("records"), root)
	after := append([]byte("records"), page[24:32]...)
	if !bytes.Contains(content, before) {
		t.Fatal("the reference was not found")
	}
	content = bytes.ReplaceAll(content, before, after)
	write(t, path, content)
	if got := refusal(t, path, state.Binding{}); got != state.Corrupt {
		t.Fatalf("want corrupt, got %s", got)
	}
}

func TestAFileThatShrinksUnderAnOpenLedgerIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	sample(t, path, 5000)
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	var refused *state.Error
	if _, _, err := l.Record(t.Context(), ledgertest.ID(4000)); !errors.As(err, &refused) || refused.Kind != state.Corrupt {
		t.Fatalf("Record: %v", err)
	}
	if _, err := l.Verify(t.Context()); !errors.As(err, &refused) || refused.Kind != state.Corrupt {
		t.Fatalf("Verify: %v", err)
	}
	for range 2 {
		err := l.Commit(t.Context(), plan.Batch{Records: []plan.Record{ledgertest.HeldRecord(9999)}})
		if !errors.As(err, &refused) || refused.Kind != state.Failed {
			t.Fatalf("Commit: %v", err)
		}
	}
	_ = l.Close()
}
