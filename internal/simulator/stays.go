package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// staysQuery is what a request of reservations/getAll asks for.
type staysQuery struct {
	limitation

	// colliding, updated and states are the filters; nil is one that is not there.
	colliding, updated *span
	states             map[string]bool
}

// getAllReservations finds a property's reservations by when they are and when
// they were updated [D]; several filters must all let one through [I]. Of the
// vendor's filters it knows only those.
func (w *World) getAllReservations(c *call, _ bool) reply {
	body, refusal := w.connectorBody(c, "CollidingUtc", "UpdatedUtc", "States", "Limitation")
	if refusal != nil {
		return *refusal
	}
	q, err := staysQueryOf(body)
	if err != nil {
		w.violation("%s: %s", c.op.name, err)
		return connectorRefusal(c, http.StatusBadRequest, err.Error())
	}
	var found []*stay
	for _, s := range c.enterprise.stays {
		if q.wants(s) {
			found = append(found, s)
		}
	}
	page, next := pageOf(w, q.limitation, found, (*stay).place)
	b := []byte(`{"Reservations":[`)
	for i, s := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = w.appendStay(b, s)
	}
	b = appendTextOrNull(append(b, `],"Cursor":`...), next)
	return reply{status: http.StatusOK, body: append(b, '}')}
}

// staysQueryOf reads a request. The Limitation is required [D]; that a filter is,
// is said of the version before this one.
func staysQueryOf(body map[string]json.RawMessage) (staysQuery, error) {
	var q staysQuery
	if !present(body["CollidingUtc"]) && !present(body["UpdatedUtc"]) {
		return q, errors.New("there is neither a CollidingUtc nor an UpdatedUtc: a request needs one filter")
	}
	for name, into := range map[string]**span{"CollidingUtc": &q.colliding, "UpdatedUtc": &q.updated} {
		if !present(body[name]) {
			continue
		}
		within, err := spanOf(name, body[name])
		if err != nil {
			return q, err
		}
		*into = &within
	}
	if err := q.readStates(body["States"]); err != nil {
		return q, err
	}
	var err error
	q.limitation, err = limitationOf(body["Limitation"])
	return q, err
}

// readStates takes every state for a filter that is left out [I].
func (q *staysQuery) readStates(raw json.RawMessage) error {
	if !present(raw) {
		return nil
	}
	var states []string
	if json.Unmarshal(raw, &states) != nil {
		return errors.New("the States are not an array of strings")
	}
	q.states = map[string]bool{}
	for _, state := range states {
		switch state {
		case "Inquired", "Optional", "Requested", Confirmed, "Started", "Processed", Canceled:
			q.states[state] = true
		default:
			return fmt.Errorf("there is no state %.64q of a reservation", state)
		}
	}
	return nil
}

// wants tells whether a reservation passes. It collides when any part of it, from
// its scheduled start to its scheduled end, lies in the interval [D].
func (q staysQuery) wants(s *stay) bool {
	collides := q.colliding == nil || (!s.End.Before(q.colliding.start) && !s.Start.After(q.colliding.end))
	return collides && (q.updated == nil || q.updated.has(s.Updated)) &&
		(q.states == nil || q.states[s.State]) && !q.passed(s.place())
}

func (s *stay) place() place { return place{updated: s.Updated, id: s.id} }

// appendStay appends the published properties that say whose a reservation is and
// when, in the order of the example.
func (w *World) appendStay(b []byte, s *stay) []byte {
	kind := "Customer"
	if s.Company {
		kind = "Company"
	}
	b = appendText(append(b, `{"Id":`...), w.spell(s.ID))
	b = appendText(append(b, `,"AccountId":`...), w.spell(s.CustomerID))
	b = appendText(append(b, `,"AccountType":`...), kind)
	b = appendText(append(b, `,"BookerId":null,"State":`...), s.State)
	b = appendTime(append(b, `,"UpdatedUtc":`...), s.Updated)
	b = appendTime(append(b, `,"CreditCardId":null,"StartUtc":`...), s.Start)
	b = appendTime(append(b, `,"EndUtc":`...), s.End)
	b = appendTime(append(b, `,"ScheduledStartUtc":`...), s.Start)
	b = appendTime(append(b, `,"ActualStartUtc":null,"ScheduledEndUtc":`...), s.End)
	b = appendTime(append(b, `,"ActualEndUtc":`...), s.ActualEnd)
	return append(b, '}')
}

// appendTime appends null for the zero time.
func appendTime(b []byte, at time.Time) []byte {
	if at.IsZero() {
		return append(b, "null"...)
	}
	return appendText(b, at.UTC().Format(time.RFC3339Nano))
}
