package plan

// Move is a step of the state machine: what the program by itself makes of a
// record's phase. What operators make of it is in answer.go.
type Move struct {
	From, To Phase
	// By says who moves it, as docs/state-machine.md explains.
	By string
}

// Who moves a record in more than one way, or beside another in one commit.
const (
	byDecision = "decision"
	byIntent   = "intent"
	byFind     = "found on v4"
	byBack     = "refused, not sent, or absent"
)

// Moves lists every move there is. The document's drawing is made of it, Decide is
// held against those of decisions, and the simulated world against all of them.
func Moves() []Move {
	return []Move{
		{None, Creating, byIntent},
		{None, Released, byDecision},
		{None, Baseline, byDecision},
		{None, Adopted, byFind},
		{Creating, Created, "outcome or lookup"},
		{Creating, None, byBack},
		{Creating, Adopted, "lookup, in an older file"},
		{Created, Capturing, byIntent},
		{Created, Released, byDecision},
		{Created, Adopted, "older file"},
		{Capturing, Captured, "outcome"},
		{Capturing, Created, "refused or not sent"},
		{Adopted, Created, byDecision},
		{Adopted, Released, byDecision},
		{Released, None, byDecision},
		{Released, Baseline, byDecision},
		{Released, Created, byDecision},
		{Released, Adopted, byFind},
		{Baseline, Creating, "intent of a backfill"},
		{Baseline, Adopted, byFind},
	}
}

// Decided tells whether Decide makes the move.
func (m Move) Decided() bool { return m.By == byDecision }

// MayMove tells whether one commit may take a record from one phase to another, or
// leave it where it is: by one move, by a decision and the intent that it calls for,
// or by what is found on v4 and a decision about it.
func MayMove(from, to Phase) bool {
	if from == to {
		return true
	}
	for _, first := range Moves() {
		if first.From == from && (first.To == to || first.leads(to)) {
			return true
		}
	}
	return false
}

// leads tells whether a move may have another behind it, to a phase, in its commit.
func (m Move) leads(to Phase) bool {
	for _, next := range Moves() {
		beside := m.By == byDecision && next.By == byIntent || m.By == byFind && next.By == byDecision
		if next.From == m.To && next.To == to && beside {
			return true
		}
	}
	return false
}
