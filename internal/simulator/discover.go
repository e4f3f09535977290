package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// customersQuery is what a request of customers/getAll asks for.
type customersQuery struct {
	limitation

	// customers tells whether the extent has them: without, the reply is only a cursor [D].
	customers       bool
	active, deleted bool
	// updated and ids are the filters; nil is one that is not there.
	updated *span
	ids     []uuid.UUID
}

// getAllCustomers finds a property's customers by the time of their last update,
// or by their ids [D]. Of the vendor's filters it knows only those that the
// project sends. One that it does not know is simply not there [I].
func (w *World) getAllCustomers(c *call, _ bool) reply {
	body, refusal := w.connectorBody(c, "Extent", "UpdatedUtc", "CustomerIds", "ActivityStates", "Limitation")
	if refusal != nil {
		return *refusal
	}
	q, err := customersQueryOf(body)
	if err != nil {
		w.violation("%s: %s", c.op.name, err)
		return connectorRefusal(c, http.StatusBadRequest, err.Error())
	}
	page, next := pageOf(w, q.limitation, c.enterprise.found(q), (*guest).place)
	b := []byte(`{"Customers":null`)
	if q.customers {
		b = []byte(`{"Customers":[`)
		for i, g := range page {
			if i > 0 {
				b = append(b, ',')
			}
			b = w.appendCustomer(b, g)
		}
		b = append(b, ']')
	}
	b = appendTextOrNull(append(b, `,"Documents":null,"Cursor":`...), next)
	return reply{status: http.StatusOK, body: append(b, '}')}
}

// found gives all that a query lets through.
func (e *enterprise) found(q customersQuery) []*guest {
	var found []*guest
	take := func(g *guest) {
		wanted := (g.deleted && q.deleted) || (!g.deleted && q.active)
		if wanted && (q.updated == nil || q.updated.has(g.updated)) && !q.passed(g.place()) {
			found = append(found, g)
		}
	}
	if q.ids == nil {
		for i := range e.customers {
			take(&e.customers[i])
		}
		return found
	}
	for _, id := range q.ids {
		if at, known := e.guests[id]; known {
			take(&e.customers[at])
		}
	}
	return found
}

func (g *guest) place() place { return place{updated: g.updated, id: g.id} }

// appendCustomer appends the published properties that concern nobody's person,
// in the order of the example.
func (w *World) appendCustomer(b []byte, g *guest) []byte {
	updated, target, state := g.updated.Format(time.RFC3339Nano), "", "Active"
	if g.mergeTarget != uuid.Nil {
		target = w.spell(g.mergeTarget.String())
	}
	if g.deleted {
		state = "Deleted"
	}
	b = appendText(append(b, `{"Id":`...), w.spell(g.id.String()))
	b = append(b, `,"LastName":"Guest","HasOtaEmail":false,"CreatedUtc":`...)
	b = appendText(b, updated)
	b = appendText(append(b, `,"UpdatedUtc":`...), updated)
	b = append(b, `,"Address":null,"Classifications":[],"Options":[],"CompanyId":null,"MergeTargetId":`...)
	b = appendTextOrNull(b, target)
	b = appendText(append(b, `,"ActivityState":`...), state)
	b = strconv.AppendBool(append(b, `,"IsActive":`...), !g.deleted)
	return append(b, '}')
}

// customersQueryOf reads a request. Extent, Limitation and one filter at least
// are required [D].
func customersQueryOf(body map[string]json.RawMessage) (customersQuery, error) {
	var q customersQuery
	extent, err := members(body["Extent"], "Customers", "Addresses", "Documents")
	if err != nil {
		return q, fmt.Errorf("the Extent, which is required: %w", err)
	}
	for name, raw := range extent {
		if text := string(raw); text != "true" && text != "false" && text != "null" {
			return q, fmt.Errorf("the Extent's %s is neither true nor false", name)
		}
	}
	q.customers = string(extent["Customers"]) == "true"
	if err := q.readStates(body["ActivityStates"]); err != nil {
		return q, err
	}
	if err := q.readFilters(body["UpdatedUtc"], body["CustomerIds"]); err != nil {
		return q, err
	}
	q.limitation, err = limitationOf(body["Limitation"])
	return q, err
}

// readStates takes Active alone for a filter that is left out [I]: the docs say
// so of other operations, and nothing of this one.
func (q *customersQuery) readStates(raw json.RawMessage) error {
	var states []string
	if present(raw) && json.Unmarshal(raw, &states) != nil {
		return errors.New("the ActivityStates are not an array of strings")
	}
	for _, state := range states {
		if state != "Active" && state != "Deleted" {
			return fmt.Errorf("the activity state %.64q is neither Active nor Deleted", state)
		}
	}
	q.active = len(states) == 0 || slices.Contains(states, "Active")
	q.deleted = slices.Contains(states, "Deleted")
	return nil
}

func (q *customersQuery) readFilters(updated, ids json.RawMessage) error {
	if !present(updated) && !present(ids) {
		return errors.New("there is neither an UpdatedUtc nor are there CustomerIds: a request needs one filter")
	}
	if present(updated) {
		within, err := spanOf("UpdatedUtc", updated)
		if err != nil {
			return err
		}
		q.updated = &within
	}
	if !present(ids) {
		return nil
	}
	listed, err := listedOf("CustomerIds", ids)
	if err == nil {
		q.ids, err = idsOf("CustomerIds", listed)
	}
	return err
}
