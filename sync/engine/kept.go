package engine

import (
	"bytes"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// kept is an item that waits until the fuse has counted the whole plan, which
// may be a hundred thousand of them: a few numbers instead of texts. What does not
// fit is kept as it is.
type kept struct {
	id, customer, card uuid.UUID
	amount             int64
	exponent           int32
	state              preauth.State
	actions            [2]plan.ActionKind
	active, autopay    bool
	readBefore, first  bool
	method             int64
	currency           string
	seenAt             time.Time
	requestID          string
	// whole is set when the rest could not hold the item.
	whole *item
}

// keep makes an item small.
func (run *propertyRun) keep(it *item) kept {
	p, around := it.p, it.around
	k := kept{
		amount: p.Amount.Amount.CoefficientInt64(), exponent: p.Amount.Amount.Exponent(), state: p.State,
		active: p.Active, autopay: around.Method.Autopay, readBefore: around.ReadBefore,
		first: around.FirstRun, method: around.Method.ID, currency: run.p.opts.Currency, seenAt: it.seenAt,
		requestID: it.requestID,
	}
	copy(k.actions[:], it.actions)
	var fits [3]bool
	k.id, fits[0] = compact(string(p.ID))
	k.customer, fits[1] = compact(string(p.CustomerID))
	k.card, fits[2] = compact(p.CardID)
	if fits != [3]bool{true, true, true} || !run.same(k, it) {
		k.whole = it
	}
	return k
}

// compact gives a UUID that is spelled as this program spells them.
func compact(text string) (uuid.UUID, bool) {
	id, err := uuid.Parse(text)
	return id, err == nil && id.String() == text
}

// same tells whether nothing is lost, but for the code where no create sends it.
func (run *propertyRun) same(k kept, it *item) bool {
	back := run.item(k)
	if run.p.sink.opts.Tokens != TokenCode {
		back.p.Code = it.p.Code
	}
	return plan.Observe(back.p).Equal(plan.Observe(it.p)) && back.p.Code == it.p.Code && back.p.StateText == it.p.StateText &&
		back.around == it.around && slices.Equal(back.actions, it.actions)
}

// item gives the item back.
func (run *propertyRun) item(k kept) *item {
	if k.whole != nil {
		return k.whole
	}
	actions := k.actions[:]
	if k.actions[1] == plan.NoAction {
		actions = actions[:1]
	}
	return &item{
		run: run, seenAt: k.seenAt, requestID: k.requestID, actions: actions,
		p: preauth.Preauthorization{
			ID: preauth.ID(k.id.String()), CustomerID: preauth.ID(k.customer.String()), CardID: k.card.String(),
			Amount: preauth.Money{Amount: decimal.New(k.amount, k.exponent), Currency: k.currency},
			State:  k.state, StateText: k.state.String(), Active: k.active,
		},
		around: plan.Context{
			ReadBefore: k.readBefore, FirstRun: k.first, Method: plan.Method{ID: k.method, Autopay: k.autopay},
		},
	}
}

func byID(a, b kept) int { return bytes.Compare(a.id[:], b.id[:]) }
