package engine_test

import (
	"encoding/json"
	"strings"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// look opens a copy of the state file, so that the program can have it meanwhile.
func (b *bench) look(read func(l *state.Ledger)) {
	b.t.Helper()
	l, err := state.Open(state.Options{Path: b.copy(false), Mode: state.ReadOnly})
	b.must(err)
	defer func() { _ = l.Close() }()
	read(l)
}

// record gives what the ledger knows of a preauthorization.
func (b *bench) record(id string) plan.Record {
	b.t.Helper()
	var rec plan.Record
	b.look(func(l *state.Ledger) {
		found, _, err := l.Record(b.t.Context(), preauth.ID(id))
		b.must(err)
		rec = found
	})
	return rec
}

// sink gives what the ledger knows of the sink.
func (b *bench) sink() plan.Sink {
	b.t.Helper()
	var doc plan.Sink
	b.look(func(l *state.Ledger) {
		found, _, err := l.Sink(b.t.Context(), engine.DefaultSink)
		b.must(err)
		doc = found
	})
	return doc
}

// journal gives a preauthorization's lines, as their events alone.
func (b *bench) journal(id string) []string {
	b.t.Helper()
	var events []string
	for _, line := range b.lines(id) {
		events = append(events, line.Event)
	}
	return events
}

func (b *bench) lines(id string) []plan.Entry {
	b.t.Helper()
	var lines []plan.Entry
	b.look(func(l *state.Ledger) {
		found, err := l.Journal(b.t.Context(), preauth.ID(id))
		b.must(err)
		lines = found
	})
	return lines
}

// expect compares a record's phase and mark; reason "" means not parked.
func (b *bench) expect(id string, phase plan.Phase, reason plan.Reason) plan.Record {
	b.t.Helper()
	rec := b.record(id)
	var parked plan.Reason
	if rec.Park != nil {
		parked = rec.Park.Reason
	}
	if rec.Phase != phase || parked != reason {
		detail := ""
		if rec.Park != nil {
			detail = rec.Park.Detail
		}
		b.t.Errorf("%s is %s and parked %q (%s), want %s and %q", id, rec.Phase, parked, detail, phase, reason)
	}
	return rec
}

// requests gives those of an operation, oldest first; with about, those that have it in their body.
func (b *bench) requests(operation, about string) []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []request
	for _, r := range b.seen {
		if r.Operation == operation && strings.Contains(r.body, about) {
			found = append(found, r)
		}
	}
	return found
}

// lookups are the searches for a token.
func (b *bench) lookups(token string) []request { return b.requests(simulator.OpSearch, token) }

// sent compares how often an operation has been sent about a token or an identity.
func (b *bench) sent(operation, about string, times int) {
	b.t.Helper()
	if got := len(b.requests(operation, about)); got != times {
		b.t.Errorf("%d requests to %s about %q, want %d", got, operation, about, times)
	}
}

// events gives the log lines of an event.
func (b *bench) events(event string) []map[string]any {
	b.t.Helper()
	var found []map[string]any
	for text := range strings.Lines(b.logs.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			b.t.Fatalf("not a log line: %q: %v", text, err)
		}
		if line["event"] == event {
			found = append(found, line)
		}
	}
	return found
}

func (b *bench) told(event string, times int) {
	b.t.Helper()
	if got := len(b.events(event)); got != times {
		b.t.Errorf("the log tells %s %d times, want %d", event, got, times)
	}
}
