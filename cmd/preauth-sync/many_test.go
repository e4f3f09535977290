package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// many is a PMS and a v4 with so many preauthorizations, two of each customer, which
// are worked out as they are asked for.
type many int

const (
	manyEnterprise = preauth.ID("0e000000-0000-4000-8000-000000000000")
	manyPerPage    = 1000
)

// serveMany is the program "many SIZE": it makes a configuration and a state file in
// step with v4 where it is, and answers for both APIs until it is killed.
func serveMany() {
	size, err := strconv.Atoi(os.Args[1])
	m := many(size)
	server := httptest.NewServer(m)
	defer server.Close()
	if err := errors.Join(err, m.configure(server.URL), m.fill("state.db")); err != nil {
		panic(err)
	}
	fmt.Println("serving")
	select {}
}

func (many) id(n int) preauth.ID {
	return preauth.ID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", n))
}

func (many) customer(n int) preauth.ID {
	return preauth.ID(fmt.Sprintf("%08x-0000-4000-9000-000000000000", n))
}

func (m many) configure(address string) error {
	config := fmt.Sprintf(`state: {path: state.db}
control: {socket: ""}
metrics: {listen: ""}
connector: {address: %q, client_token: c, rate_limit: {requests: 100000, per: 1s}}
v4: {address: %q, auth: {token: t}}
properties:
  - {name: hotel, access_token: a, currency: EUR, customers: {file: customers.txt}, payment_methods: {default: 101}}
`, address, address)
	var customers strings.Builder
	for n := range int(m) / 2 {
		fmt.Fprintln(&customers, m.customer(n))
	}
	return errors.Join(os.WriteFile("config.yaml", []byte(config), 0o600), os.WriteFile("customers.txt", []byte(customers.String()), 0o600))
}

func (m many) fill(path string) error {
	ledger, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
	if err != nil {
		return err
	}
	batch := plan.Batch{
		Property: &plan.Property{Enterprise: manyEnterprise, Name: "hotel", Sink: "default", FirstRunDone: true},
		Sink:     &plan.Sink{Name: "default", Listed: true, Proof: plan.ProofKept},
	}
	amount := preauth.Money{Amount: decimal.NewFromInt(100), Currency: "EUR"}
	for n := range int(m) {
		batch.Records = append(batch.Records, plan.Record{
			ID: m.id(n), Enterprise: manyEnterprise, CustomerID: m.customer(n / 2), CardID: string(m.id(n)), Phase: plan.Created,
			Identity: int64(n) + 1, Amount: amount, PaymentMethodID: 101, Updated: time.Now().Add(-time.Hour),
			Seen: plan.Observation{State: preauth.Chargeable, Active: true, Amount: amount},
		})
		if len(batch.Records) == 20_000 || n+1 == int(m) {
			if err := ledger.Commit(context.Background(), batch); err != nil {
				return errors.Join(err, ledger.Close())
			}
			batch = plan.Batch{}
		}
	}
	return ledger.Close()
}

// ServeHTTP answers a poll, configuration/get and a Search by identity.
func (m many) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	reply := func() string { return fmt.Sprintf(`{"Enterprise":{"Id":%q}}`, manyEnterprise) }
	switch {
	case strings.HasSuffix(r.URL.Path, "getAllByCustomers"):
		reply = func() string { return m.poll(body) }
	case strings.HasSuffix(r.URL.Path, "Search"):
		reply = func() string { return m.search(body) }
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, reply()) // who has gone needs no reply
}

func (m many) poll(body []byte) string {
	var asked struct{ CustomerIds []string }
	if err := json.Unmarshal(body, &asked); err != nil {
		panic(err)
	}
	var items []string
	for _, customer := range asked.CustomerIds {
		var c int
		_, _ = fmt.Sscanf(customer[:8], "%x", &c) // it is one of ours
		for n := 2 * c; n < 2*c+2; n++ {
			status := "Chargeable"
			if n%1000 == 0 {
				status = "Charged"
			}
			items = append(items, fmt.Sprintf(`{"Id":%q,"CustomerId":%q,"CreditCardId":%q,"State":%q,"IsActive":true,"Amount":{"Currency":"EUR","GrossValue":100.00}}`,
				m.id(n), customer, m.id(n), status))
		}
	}
	return `{"Preauthorizations":[` + strings.Join(items, ",") + `]}`
}

func (m many) search(body []byte) string {
	var asked struct {
		Query struct {
			Search []struct {
				Operator string
				Value    int
			}
		}
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		panic(err)
	}
	from, to := 0, int(m)+1 // both outside
	for _, condition := range asked.Query.Search {
		if condition.Operator == "gt" {
			from = condition.Value
		} else {
			to = condition.Value
		}
	}
	var items []string
	for identity := from + 1; identity < to && len(items) < manyPerPage; identity++ {
		items = append(items, fmt.Sprintf(`{"identity":%d,"paymentMethodId":101,"amount":100.00,"transactionToken":%q}`, identity, m.id(identity-1)))
	}
	return fmt.Sprintf(`{"trackingId":"t","itemCount":%d,"items":[%s]}`, len(items), strings.Join(items, ","))
}
