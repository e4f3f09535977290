package simulator

import "net/http"

// Address is one of the administration's.
type Address struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	// Does says in words what it is for.
	Does string `json:"does"`

	do func(*World, *http.Request) (any, error)
}

// Addresses lists those of the administration.
func Addresses() []Address {
	return []Address{
		{"GET", adminPrefix, "lists these, and what a fault can name", guide},
		{"GET", adminPrefix + "account", "creates, captures, duplicates and violations", func(w *World, _ *http.Request) (any, error) { return w.Account(), nil }},
		{"GET", adminPrefix + "effects", "every create and capture that took effect", func(w *World, _ *http.Request) (any, error) { return orEmpty(w.Effects()), nil }},
		{"GET", adminPrefix + "holds", "what v4 holds", func(w *World, _ *http.Request) (any, error) { return w.Holds(), nil }},
		{"GET", adminPrefix + "requests", "every request and the fault it met", func(w *World, _ *http.Request) (any, error) { return orEmpty(w.Requests()), nil }},
		{"GET", adminPrefix + "reconcile", "the PMS compared with v4", func(w *World, _ *http.Request) (any, error) { return w.Reconcile(), nil }},
		{"GET", adminPrefix + "preauthorizations", "what the PMS knows: all, of ?customer_id=ID, or ?id=ID alone", (*World).adminShow},
		{"POST", adminPrefix + "preauthorizations", `adds or changes one: {"id": "…", "state": "Charged", "amount": "22.50"}; also customer_id, card_id, currency, active, code, enterprise`, (*World).adminPut},
		{"DELETE", adminPrefix + "preauthorizations", "takes the one with ?id=ID away", func(w *World, r *http.Request) (any, error) {
			return struct{}{}, w.Remove(r.URL.Query().Get("id"))
		}},
		{"GET", adminPrefix + "reservations", "the PMS's reservations: ?enterprise=NAME, or the first one's", (*World).adminReservations},
		{"POST", adminPrefix + "reservations", `adds or changes one: {"customer_id": "…", "start": "2026-03-04T14:00:00Z", "end": "…"}`, (*World).adminReserve},
		{"POST", adminPrefix + "merges", `merges a customer into another: {"from": "…", "into": "…"}`, (*World).adminMerge},
		{"GET", adminPrefix + "methods", "v4's payment methods", func(w *World, _ *http.Request) (any, error) { return w.PaymentMethods(), nil }},
		{"POST", adminPrefix + "methods", `adds or changes one: {"identifier": "…"}, {"identity": 101, "inactive": true}`, (*World).adminMethod},
		{"POST", adminPrefix + "faults", `adds one: {"operation": "create", "kind": "reset_after", "times": 1}`, (*World).adminFault},
		{"DELETE", adminPrefix + "faults", "takes every fault and the chaos away", func(w *World, _ *http.Request) (any, error) {
			w.ClearFaults()
			return struct{}{}, nil
		}},
		{"POST", adminPrefix + "chaos", `random faults: {"rate": 0.2, "max_delay": "5s"}`, (*World).adminChaos},
		{"GET", adminPrefix + "options", "how the APIs behave, see below", func(w *World, _ *http.Request) (any, error) { return wireOf(w.Settings()), nil }},
		{"POST", adminPrefix + "options", `changes that: {"page_cap": 10}`, (*World).adminSettings},
	}
}

// guide is what the administration says of itself.
func guide(*World, *http.Request) (any, error) {
	return map[string]any{
		"addresses": Addresses(), "apis": []string{APIConnector, APIV4}, "operations": Operations(), "kinds": RequestedKinds(),
	}, nil
}
