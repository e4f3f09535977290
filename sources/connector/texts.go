package connector

import (
	"encoding/json"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// texts are those that come up in entry after entry of a reply, so that each is in
// memory once.
type texts struct {
	// asked are the customers who were asked for, each by itself.
	asked map[preauth.ID]preauth.ID
	// code is the last currency, and spelling how the reply spells it.
	spelling, code string
}

func newTexts(asked []preauth.ID) *texts {
	t := &texts{asked: make(map[preauth.ID]preauth.ID, len(asked))}
	for _, each := range asked {
		t.asked[each] = each
	}
	return t
}

func (t *texts) isAsked(customer preauth.ID) bool {
	_, isAsked := t.asked[customer]
	return isAsked
}

// customer gives a customer's Id, none for anything else.
func (t *texts) customer(raw json.RawMessage) preauth.ID {
	if len(raw) > 1 && raw[0] == '"' {
		if known, isAsked := t.asked[preauth.ID(raw[1:len(raw)-1])]; isAsked {
			return known
		}
	}
	id, _ := idOf(raw)
	return id
}

// currency gives a currency's code, or what is wrong with it.
func (t *texts) currency(raw json.RawMessage) (code, fault string) {
	if len(raw) == 0 || string(raw) != t.spelling {
		if code, fault = currencyOf(raw); fault != "" {
			return "", fault
		}
		t.spelling, t.code = string(raw), code
	}
	return t.code, ""
}
