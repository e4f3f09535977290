package state

import (
	"testing"

	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// The number that stands with the record is that of its newest line.
func TestLinesWhoseNumbersGoBackAreNotBelieved(t *testing.T) {
	lines := encodeLines(owner{}, []plan.Entry{{Seq: 5, Event: "create.intent"}, {Seq: 8, Event: "create.applied"}})
	if got, err := decodeLines("", owner{}, 8, lines); err != nil || len(got) != 2 || got[0].Seq != 5 || got[1].Seq != 8 {
		t.Fatalf("%+v, %v", got, err)
	}
	for distance := range byte(10) {
		lines[flagsLength] = distance // of the first from the newest
		if got, err := decodeLines("", owner{}, 8, lines); (err == nil) != (distance == 3) {
			t.Errorf("the first line is %d before the newest: %+v, %v", distance, got, err)
		}
	}
}
