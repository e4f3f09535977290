package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// The kinds of effect.
const (
	EffectCreate  = "create"
	EffectCapture = "capture"
)

// Effect is one create or capture that took effect, whatever was answered.
type Effect struct {
	// Seq counts from 1 in the order of taking effect.
	Seq  int64     `json:"seq"`
	Time time.Time `json:"time"`
	// Kind is EffectCreate or EffectCapture.
	Kind            string          `json:"kind"`
	Tenant          string          `json:"tenant"`
	Identity        int64           `json:"identity"`
	PaymentMethodID int64           `json:"payment_method_id"`
	Amount          decimal.Decimal `json:"amount"`
	// Token is what the create's request carried, StoredToken what v4 stores.
	Token       string `json:"token"`
	StoredToken string `json:"stored_token"`
}

// Account sums the effects up.
type Account struct {
	Creates  int `json:"creates"`
	Captures int `json:"captures"`
	// DuplicateCreates counts creates beyond the first of each token as sent, letter
	// case aside. A create without a token is never counted here.
	DuplicateCreates int `json:"duplicate_creates"`
	// DuplicateCaptures counts captures beyond the first of each identity.
	DuplicateCaptures int `json:"duplicate_captures"`
	// Violations are breaches of either API's rules by the client: above the rate
	// limit, unknown properties, wrong addresses, an Idempotency-Key. Refusals of
	// business (an unknown customer, a declined card) are none.
	Violations []string `json:"violations"`
}

const mostViolations = 1000

// Effects gives a copy of the ledger of effects, oldest first.
func (w *World) Effects() []Effect {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.effects)
}

// Account sums up the ledger of effects.
func (w *World) Account() Account {
	w.mu.Lock()
	defer w.mu.Unlock()
	account := Account{Violations: append([]string{}, w.violations...)}
	tokens, captured := map[string]bool{}, map[int64]bool{}
	for _, e := range w.effects {
		if e.Kind == EffectCapture {
			account.Captures++
			if captured[e.Identity] {
				account.DuplicateCaptures++
			}
			captured[e.Identity] = true
			continue
		}
		account.Creates++
		token := strings.ToLower(e.Token)
		if token != "" && tokens[token] {
			account.DuplicateCreates++
		}
		tokens[token] = true
	}
	return account
}

// took writes an effect down.
func (w *World) took(kind string, h *hold) {
	w.effects = append(w.effects, Effect{
		Seq: int64(len(w.effects)) + 1, Time: w.now(), Kind: kind, Tenant: h.tenant.Name, Identity: h.Identity,
		PaymentMethodID: h.PaymentMethodID, Amount: h.Amount, Token: h.SentToken, StoredToken: h.Token,
	})
}

// violation notes a breach by the client; the first thousand are kept.
func (w *World) violation(format string, args ...any) {
	if len(w.violations) < mostViolations {
		w.violations = append(w.violations, fmt.Sprintf(format, args...))
	}
}
