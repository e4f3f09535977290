package engine_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// A PMS that has merged two customers shows the preauthorizations of the one with
// the other's as well. Where the two are polled by different requests the second
// reply can tell something new while what the first called for is under way.
func TestAnOutcomeThatMeetsANewerObservationIsNotLost(t *testing.T) {
	cases := []struct {
		name  string
		fault simulator.Fault
		phase plan.Phase
		park  plan.Reason
		event string
	}{
		{"a create that is applied", simulator.Fault{Kind: simulator.KindDelay}, plan.Created, "", telemetry.CreateApplied},
		{
			"a create that is refused",
			simulator.Fault{Kind: simulator.KindStatus, Status: 400, Body: `{"errors":[{"code":1,"message":"no"}]}`},
			plan.None, plan.Rejected, telemetry.CreateRejected,
		},
		{"a create without an answer", simulator.Fault{Kind: simulator.KindReset}, plan.Creating, "", telemetry.CreateUnknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				b.proven(fuse(0)) // what a reply calls for is sent as it comes
				b.crowd(1000)
				customers, err := b.world.Customers("hotel-1")
				b.must(err)
				slices.Sort(customers)
				into, merged := customers[len(customers)-1], customers[0]
				id := b.add(simulator.Preauthorization{CustomerID: into, Amount: dec("22.50")})
				b.merge(merged, id)
				c.fault.Delay = 20 * time.Second
				b.once(simulator.OpCreate, c.fault)
				// The first reply calls for the create; the second comes 10 s later.
				b.world.Inject(simulator.Fault{
					API: simulator.APIConnector, Operation: simulator.OpPoll, Kind: simulator.KindDelay, Delay: 10 * time.Second,
					Match: func(r simulator.Request) bool { return bytes.Contains(r.Body, []byte(into)) },
				})
				b.spy = func(r simulator.Request) {
					if r.Operation == simulator.OpCreate {
						b.state(simulator.Pending, id)
					}
				}
				b.cycle()
				rec := b.expect(id, c.phase, c.park)
				if rec.Seen.State != preauth.Pending && c.phase != plan.Created { // an applied create is looked at once more, with its own observation
					t.Errorf("the newer observation is lost: %+v", rec.Seen)
				}
				if rec.CustomerID != preauth.ID(into) {
					t.Errorf("it is customer %s's", rec.CustomerID)
				}
				if diff := cmp.Diff([]string{telemetry.CreateIntent, c.event}, b.journal(id)); diff != "" {
					t.Error(diff)
				}
				b.sent(simulator.OpCreate, id, 1)
				if n := len(b.lookups(id)); n != 0 {
					t.Errorf("looked up %d times, although its outcome came", n)
				}
			})
		})
	}
}

// merge shows a preauthorization with the customer of another, too.
func (b *bench) merge(customer, id string) {
	p, _ := b.world.Preauthorization(id)
	b.world.Inject(simulator.Fault{
		API: simulator.APIConnector, Operation: simulator.OpPoll, Kind: simulator.KindRewrite,
		Match: func(r simulator.Request) bool { return bytes.Contains(r.Body, []byte(customer)) },
		Rewrite: func(status int, body []byte) (int, []byte) {
			item := `{"Id":"` + id + `","CustomerId":"` + p.CustomerID + `","CreditCardId":"` + p.CardID +
				`","State":"Chargeable","Amount":{"Currency":"EUR","NetValue":null,"GrossValue":22.50,"TaxValues":[]}}`
			const first = `"Preauthorizations":[`
			if !bytes.Contains(body, []byte(first+"]")) {
				item += ","
			}
			return status, bytes.Replace(body, []byte(first), []byte(first+item), 1)
		},
	})
}
