package plan

import "testing"

func TestACommitMakesOneMoveOrADecisionBesideIt(t *testing.T) {
	for _, each := range []struct {
		name     string
		from, to Phase
		may      bool
	}{
		{"it stays", Captured, Captured, true},
		{"one move", None, Creating, true},
		{"a decision and the intent that it calls for", Released, Creating, true},
		{"what is found on v4 and a decision about it", None, Created, true},
		{"what is captured goes nowhere", Captured, Created, false},
		{"nothing is captured without an intent", Created, Captured, false},
		{"no outcome leads on to the next intent", Creating, Capturing, false},
	} {
		t.Run(each.name, func(t *testing.T) {
			if MayMove(each.from, each.to) != each.may {
				t.Errorf("from %s to %s: %t", each.from, each.to, !each.may)
			}
		})
	}
}

func TestEveryMoveIsListedOnce(t *testing.T) {
	seen := map[[2]Phase]bool{}
	for _, m := range Moves() {
		if key := [2]Phase{m.From, m.To}; seen[key] || m.From == m.To || m.By == "" {
			t.Errorf("%+v", m)
		} else {
			seen[key] = true
		}
	}
}
