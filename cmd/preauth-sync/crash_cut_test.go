package main

import (
	"slices"
	"testing"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// requestLine is how the request line of each of v4's operations begins.
var requestLine = map[string]string{
	simulator.OpCreate:  "POST /ResourceServer/api/v4/PaymentPreAuthorize/ ",
	simulator.OpCapture: "POST /ResourceServer/api/v4/PaymentPreAuthorize/Capture ",
	simulator.OpSearch:  "POST /ResourceServer/api/v4/PaymentPreAuthorize/Search ",
}

// cuts are the places where an exchange can be cut. The first is that of a request
// that is proven not to have left, as far as v4 can see.
func cuts() []cut {
	return []cut{
		{"with nothing of the request arrived", nothing, nothing},
		{"in the middle of the request's head", halfTheHead, nothing},
		{"between the request's head and its body", theHead, nothing},
		{"in the middle of the request's body", halfTheBody, nothing},
		{"with the request whole and nothing of the reply", everything, nothing},
		{"in the middle of the reply's head", everything, halfTheHead},
		{"between the reply's head and its body", everything, theHead},
		{"in the middle of the reply's body", everything, halfTheBody},
		{"with the reply whole", everything, everything},
	}
}

// TestAKillAtAnyPlaceOfAnExchangeNeitherRepeatsNorLosesAnything kills a run when
// just so much of one request, or of its reply, has got through.
func TestAKillAtAnyPlaceOfAnExchangeNeitherRepeatsNorLosesAnything(t *testing.T) {
	t.Parallel()
	inDoubt := func(t *testing.T, w *served, r *relay) string {
		t.Helper()
		id := w.addNext(t)
		w.killedAt(t, r, simulator.OpCreate, 0, cut{request: everything})
		return id
	}
	for _, c := range []struct {
		name, operation string
		// after is how many requests of the operation the run has made before.
		after int
		due   func(t *testing.T, w *served, r *relay) string
		// without and with are where the preauthorization stands when v4 has not got
		// all of the request, and when it has; stored is where it may stand once the
		// whole reply has come as well.
		without, with, stored string
	}{
		{
			name: "a create", operation: simulator.OpCreate,
			due: func(t *testing.T, w *served, _ *relay) string {
				t.Helper()
				return w.addNext(t)
			},
			without: "creating", with: "creating, held on v4", stored: "created, held on v4",
		},
		{
			name: "a capture", operation: simulator.OpCapture,
			due: func(t *testing.T, w *served, _ *relay) string {
				t.Helper()
				return w.chargeNext(t)
			},
			without: "capturing, held on v4", with: "capturing, captured on v4", stored: "captured, captured on v4",
		},
		{
			name: "the question at the start", operation: simulator.OpSearch, due: inDoubt,
			without: "creating, held on v4", with: "creating, held on v4", stored: "creating, held on v4",
		},
		{
			name: "a look-up", operation: simulator.OpSearch, after: 1, due: inDoubt,
			without: "creating, held on v4", with: "creating, held on v4", stored: "created, held on v4",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := crashWorld(t)
			r := w.relayed(t)
			w.run(t, 0, "run", "--once")
			for _, where := range cuts() {
				id := c.due(t, w, r)
				w.killedAt(t, r, c.operation, c.after, where)
				found := w.left(t)
				w.journaled(t, found)
				want := []string{c.without}
				if where.request == everything {
					want = []string{c.with}
				}
				if where.reply == everything {
					want = append(want, c.stored)
				}
				if got := w.standing(found, id); !slices.Contains(want, got) {
					t.Errorf("killed %s it stands as %q, not as %q", where.name, got, want)
				}
				if w.recover(t); t.Failed() {
					t.Fatalf("killed %s", where.name)
				}
			}
		})
	}
}

// killedAt begins a run and kills it at a cut of an operation's request, after
// others of its kind.
func (s *served) killedAt(t *testing.T, r *relay, operation string, after int, where cut) {
	t.Helper()
	started := make(chan *process, 1)
	r.at(requestLine[operation], after, where, func() { (<-started).kill() })
	p := s.begin(t, "run", "--once")
	started <- p
	ended(t, p, -1)
}
