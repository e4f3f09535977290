package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// Method is the answer to "which payment method is this card?".
type Method struct {
	// ID is v4's paymentMethodId. It is 0 for Autopay, which names none.
	ID      int64
	Autopay bool
	// Missing says why there is no answer; it is empty when there is one.
	Missing string
	// Ask is set where only the sink can tell: the card is to be looked up there.
	Ask bool
	// Unread is set where the sink could not be asked: nothing is known, and nothing
	// is created.
	Unread bool
}

// CardKey spells a card's Id as it is looked up: as this program spells UUIDs, else
// as the PMS does.
func CardKey(cardID string) string {
	if id, err := preauth.ParseID(cardID); err == nil {
		return string(id)
	}
	return strings.TrimSpace(cardID)
}

// Method gives the answer that was looked up.
func (l LookedUp) Method() Method {
	if l.ID > 0 {
		return Method{ID: l.ID}
	}
	return Method{Missing: l.Found}
}

// missFor is how long it is believed that a card has no payment method.
const missFor = time.Hour

// Holds tells whether the answer is still believed: a hit until a create with it is
// refused, which forgets it; a miss for an hour.
func (l LookedUp) Holds(now time.Time) bool {
	age := now.Sub(l.At)
	return l.ID > 0 || age >= 0 && age < missFor // one of the future was stored before the clock was set back
}

// mostNamed is how many methods a miss names; the rest is counted.
const mostNamed = 5

// LookUp is what a sink's payment methods with a card's Id in a field come to:
// exactly one active is a hit.
func LookUp(sink, field, cardID string, answer preauth.CardMethods, now time.Time) LookedUp {
	out := LookedUp{Sink: sink, Field: field, CardID: cardID, At: now}
	if answer.Fault != "" {
		out.Found = fmt.Sprintf("which of v4's payment methods has card %s as its %s cannot be told: %s", cardID, field, answer.Fault)
		return out
	}
	found := slices.SortedFunc(slices.Values(answer.Methods), func(a, b preauth.PaymentMethod) int { return cmp.Compare(a.ID, b.ID) })
	active := 0
	var named []string
	for _, m := range found {
		state := "inactive"
		if m.Active {
			out.ID, state = m.ID, "active"
			active++
		}
		named = append(named, fmt.Sprintf("%d (%s, account %d)", m.ID, state, m.AccountID))
	}
	if active == 1 {
		return out
	}
	out.ID = 0
	if len(found) == 0 {
		out.Found = fmt.Sprintf("v4 has no payment method whose %s is card %s", field, cardID)
		return out
	}
	if more := len(named) - mostNamed; more > 0 {
		named = append(named[:mostNamed], fmt.Sprintf("%d more", more))
	}
	out.Found = fmt.Sprintf("of v4's payment methods whose %s is card %s exactly one must be active, and %d are: %s",
		field, cardID, active, strings.Join(named, ", "))
	return out
}
