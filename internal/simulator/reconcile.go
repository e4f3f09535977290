package simulator

import (
	"fmt"

	"github.com/google/uuid"
)

// Reconciliation is what a person would find who compared the PMS with v4. It
// matches a hold to a preauthorization by the token that was sent.
type Reconciliation struct {
	// Held are preauthorizations with a hold, Captured those whose hold is captured.
	Held     int `json:"held"`
	Captured int `json:"captured"`
	// Without are the Ids that are Chargeable and active, or Charged, and have no hold.
	Without []string `json:"without"`
	// Uncaptured are the Ids that are Charged and have a hold that is not captured.
	Uncaptured []string `json:"uncaptured"`
	// Wrong says what should never be: two holds, two captures, another amount, another
	// card's payment method, another tenant than the property's, a capture of what the
	// PMS does not say is Charged.
	Wrong []string `json:"wrong"`
}

// Reconcile compares the two sides as they are now.
func (w *World) Reconcile() Reconciliation {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := Reconciliation{Without: []string{}, Uncaptured: []string{}, Wrong: []string{}}
	holds := map[uuid.UUID][]*hold{}
	for _, t := range w.tenants {
		for _, h := range t.holds {
			if u, err := parseUUID(h.SentToken); err == nil {
				holds[u] = append(holds[u], h)
			}
		}
	}
	for i := range w.rows {
		if r := &w.rows[i]; !r.removed {
			found.compare(r, holds[r.id])
			w.compareOwners(&found, r, holds[r.id])
		}
	}
	return found
}

func (f *Reconciliation) compare(r *row, holds []*hold) {
	id := r.id.String()
	due := r.state == Charged || (r.state == Chargeable && !r.inactive)
	if len(holds) == 0 {
		if due {
			f.Without = append(f.Without, id)
		}
		return
	}
	f.Held++
	if len(holds) > 1 {
		f.Wrong = append(f.Wrong, fmt.Sprintf("%s has %d holds", id, len(holds)))
	}
	captures := 0
	for _, h := range holds {
		captures += h.Captures
		if !h.Amount.Equal(r.amount) {
			f.Wrong = append(f.Wrong, fmt.Sprintf("%s is %s, and its hold %d is %s", id, r.amount, h.Identity, h.Amount))
		}
	}
	if captures > 0 {
		f.Captured++
	}
	if captures > 1 {
		f.Wrong = append(f.Wrong, fmt.Sprintf("%s is captured %d times", id, captures))
	}
	if captures > 0 && r.state != Charged {
		f.Wrong = append(f.Wrong, fmt.Sprintf("%s is %s, and captured", id, r.state))
	}
	if captures == 0 && r.state == Charged {
		f.Uncaptured = append(f.Uncaptured, id)
	}
}

// compareOwners finds the holds that are not in the tenant of the preauthorization's
// property, or whose payment method is that of another card.
func (w *World) compareOwners(f *Reconciliation, r *row, holds []*hold) {
	owner, err := w.tenant(w.enterprises[r.enterprise].Tenant)
	for _, h := range holds {
		if err == nil && h.tenant != owner {
			f.Wrong = append(f.Wrong, fmt.Sprintf("%s belongs to %s, and its hold %d is in %s", r.id, owner.Name, h.Identity, h.tenant.Name))
		}
		m := w.methods[h.PaymentMethodID]
		if m == nil {
			continue
		}
		if card, err := parseUUID(m.Identifier); err == nil && card != r.card {
			f.Wrong = append(f.Wrong, fmt.Sprintf("%s is on card %s, and its hold %d on that of card %s", r.id, r.card, h.Identity, card))
		}
	}
}
