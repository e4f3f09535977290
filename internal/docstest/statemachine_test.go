package docstest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const stateMachine = "docs/state-machine.md"

func TestTheDrawingIsTheTableOfMoves(t *testing.T) {
	want := drawing()
	if *update {
		replace(t, stateMachine, "drawing", block(t, stateMachine, "drawing"), want)
	}
	if diff := cmp.Diff(want, block(t, stateMachine, "drawing")); diff != "" {
		t.Errorf("the drawing differs; -update writes it (-code +drawing):\n%s", diff)
	}
}

// drawing is the state machine in Mermaid. Where no move leads on, it ends.
func drawing() string {
	var lines strings.Builder
	lines.WriteString("stateDiagram-v2\n    [*] --> none\n")
	ends := plan.Phases()
	for _, m := range plan.Moves() {
		fmt.Fprintf(&lines, "    %s --> %s: %s\n", m.From, m.To, m.By)
		ends = slices.DeleteFunc(ends, func(p plan.Phase) bool { return p == m.From })
	}
	for _, phase := range ends {
		fmt.Fprintf(&lines, "    %s --> [*]\n", phase)
	}
	return lines.String()
}

func TestTheMovesOfDecisionsAreWhatDecideDoes(t *testing.T) {
	listed := map[string]bool{}
	for _, m := range plan.Moves() {
		if m.Decided() {
			listed[m.From.String()+" to "+m.To.String()] = true
		}
	}
	if diff := cmp.Diff(decisions(), listed); diff != "" {
		t.Errorf("the table differs (-Decide +table):\n%s", diff)
	}
}

// decisions are the moves between phases that Decide makes, tried on everything
// that it looks at.
func decisions() map[string]bool {
	moves := map[string]bool{}
	for _, rec := range records() {
		for _, p := range observations() {
			for _, around := range []plan.Context{{}, {ReadBefore: true}, {FirstRun: true}} {
				for _, policy := range []plan.ChargedHistory{plan.ParkHistory, plan.BaselineHistory, plan.MirrorHistory} {
					d := plan.Decide(p, rec, around, plan.Policy{Currency: "EUR", NewCustomers: policy})
					if d.Next != rec.Phase {
						moves[rec.Phase.String()+" to "+d.Next.String()] = true
					}
				}
			}
		}
	}
	return moves
}

// records are one of each phase, and of released one for each way it reads.
func records() []plan.Record {
	var all []plan.Record
	for _, phase := range plan.Phases() {
		held := phase == plan.Created || phase == plan.Capturing || phase == plan.Captured || phase == plan.Adopted
		rec := plan.Record{Phase: phase, Amount: euros(), Unsure: phase == plan.Adopted}
		if held {
			rec.Identity = 1
		}
		all = append(all, rec)
	}
	return append(all,
		plan.Record{Phase: plan.Released, Amount: euros(), Identity: 1},
		plan.Record{Phase: plan.Released, Amount: euros(), Identity: 1, Unsure: true},
	)
}

func observations() []preauth.Preauthorization {
	var all []preauth.Preauthorization
	for _, state := range append(preauth.States(), preauth.Unknown) {
		for _, active := range []bool{true, false} {
			all = append(all, preauth.Preauthorization{State: state, Active: active, Amount: euros()})
		}
	}
	return all
}

func euros() preauth.Money {
	return preauth.Money{Amount: decimal.RequireFromString("12.50"), Currency: "EUR"}
}

var parkRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| [^|]+ \\| ([^|]+) \\|$")

func TestTheReasonsForParkingAreThoseOfTheCode(t *testing.T) {
	said := map[string]string{}
	for _, row := range parkRow.FindAllStringSubmatch(read(t, stateMachine), -1) {
		said[row[1]] = row[2]
	}
	want := map[string]string{}
	var waiting []string
	for _, reason := range plan.Reasons() {
		want[string(reason)] = "by itself"
		if reason.WaitsForOperator() {
			want[string(reason)] = "operator"
			waiting = append(waiting, string(reason))
		}
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("the table differs (-code +table):\n%s", diff)
	}
	_, after, _ := strings.Cut(read(t, readme), "## Answering what is parked\n")
	text, _, _ := strings.Cut(after, "wait for an")
	inReadme := map[string]bool{}
	for _, span := range spans(text) {
		inReadme[span] = true
	}
	slices.Sort(waiting)
	if diff := cmp.Diff(waiting, slices.Sorted(maps.Keys(inReadme))); diff != "" {
		t.Errorf("what waits for an operator differs in the README (-code +README):\n%s", diff)
	}
}
