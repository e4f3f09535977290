package state

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheNumbersOfFieldsStayTheSame: to change one is to change the schema. New ones
// go at the end, and change it too, since an older version would drop them.
func TestTheNumbersOfFieldsStayTheSame(t *testing.T) {
	pinned := []struct {
		of   any
		want string
	}{
		{wireObservation{}, "1 State, 2 StateText, 3 Active, 4 Amount, 5 AmountFault"},
		{wirePark{}, "1 Reason, 2 Seen, 3 Since, 4 Detail, 5 TrackingID"},
		{wireIntent{}, "1 Action, 2 Attempt, 3 Amount, 4 PaymentMethodID, 5 Token, 6 CreatedByUserID, 7 Deadline, 8 Before, 9 Resent, " +
			"10 Adopt, 11 RequestID"},
		{wireRecord{}, "1 Revision, 2 Enterprise, 3 CustomerID, 4 Card, 5 CardText, 6 Phase, 7 Identity, 8 Unsure, 9 Generation, " +
			"10 Amount, 11 PaymentMethodID, 12 Intent, 13 Sends, 14 Seen, 15 History, 16 Missing, 17 Park, 18 Answered, 19 Updated, " +
			"20 Held, 21 Aged, 22 AmountSeen"},
		{earlierRecord{}, "1 Revision, 2 Enterprise, 3 CustomerID, 4 Card, 5 CardText, 6 Phase, 7 Identity, 8 Unsure, 9 Generation, " +
			"10 Amount, 11 PaymentMethodID, 12 Intent, 13 Sends, 14 Seen, 15 History, 16 Missing, 17 Park, 18 Answered, 19 Updated, " +
			"20 HeldSince, 21 Aged"},
		{earlierEntry{}, "1 At, 2 Event, 3 CycleID, 4 Action, 5 Attempt, 6 Phase, 7 Amount, 8 PaymentMethodID, 9 Identity, 10 Status, " +
			"11 TrackingID, 12 Reason, 13 Note, 14 RequestID"},
		{wireCycle{}, "1 CycleID, 2 Started, 3 Finished, 4 OK, 5 Error, 6 Fuse, 7 Counts"},
		{wireCounts{}, "1 Polled, 2 Created, 3 Captured, 4 Adopted, 5 Parked, 6 Released, 7 Skipped, 8 Failed"},
		{wireProperty{}, "1 Revision, 2 Name, 3 Sink, 4 Cycle, 5 FirstRunDone, 6 LastCycle, 7 ObservedSince, 8 ObservedFirstRunDone, " +
			"9 HeldFrom, 10 Unlisted"},
		{wireUnlisted{}, "1 List, 2 Revision, 3 Customers"},
		{wirePass{}, "1 Last, 2 Basis, 3 Body, 4 Entries, 5 Polled, 6 Skipped"},
		{wireCandidate{}, "1 ID, 2 Identity, 3 Token, 4 Replied"},
		{wireSink{}, "1 Revision, 2 Listed, 3 TokensAtCreation, 4 Proof, 5 Candidate, 6 Outage, 7 Address"},
		{wireHold{}, "1 Identity, 2 PaymentMethodID, 3 Amount, 4 Token, 5 CreatedByUserID"},
		{wireToken{}, "1 Token, 2 Holds, 3 Foreign"},
		{wireTally{}, "1 Phases, 2 Parked, 3 ParkedAmounts, 4 Held, 5 Awaiting"},
		{wireLookedUp{}, "1 At, 2 ID, 3 Found"},
		{wireObserved{}, "1 CustomerID, 2 Card, 3 CardText, 4 History, 5 Baselined, 6 Seen, 7 Amount, 8 PaymentMethodID, 9 Created, " +
			"10 Captured, 11 Released, 12 Park, 13 Updated"},
		{wireFile{}, "1 ID, 2 Created, 3 Generation, 4 ConnectorAddress, 5 SinkAddress, 6 Older, 7 Backup, 8 Pruned"},
	}
	for _, each := range pinned {
		of := reflect.TypeOf(each.of)
		var got []string
		for field := range of.Fields() {
			number, _, _ := strings.Cut(field.Tag.Get("cbor"), ",")
			got = append(got, fmt.Sprint(number, " ", field.Name))
		}
		if diff := cmp.Diff(each.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s: want -, got +\n%s", of.Name(), diff)
		}
	}
}

// TestTheNumbersOfEventsStayTheSame: to change one is to change the schema. New ones go at
// the end, and change it too, since an older version would not know them.
func TestTheNumbersOfEventsStayTheSame(t *testing.T) {
	want := ", create.intent, create.applied, create.unknown, create.adopted, create.not_sent, create.absent, create.rejected, " +
		"capture.intent, capture.applied, capture.unknown, capture.not_sent, capture.rejected, action.parked, action.lifted, " +
		"hold.orphaned, hold.aging, record.released, record.baselined, parked.retried, parked.resolved, state.older"
	if diff := cmp.Diff(want, strings.Join(lineEvents[:], ", ")); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
