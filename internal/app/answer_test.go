package app_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const (
	hotel   = preauth.ID("851df8c8-90f2-4c4a-8e01-a4fc46b25178")
	parked  = preauth.ID("2d93962f-067f-45a6-b7c4-bc4b9d899456")
	another = preauth.ID("7b7b2e10-24a4-4c3a-8a9c-0d3ba9a86a1e")
)

// desk is a state file with one parked record of a property that bills in euros.
func desk(t *testing.T) *app.Answers {
	t.Helper()
	ledger, err := state.Open(state.Options{Path: filepath.Join(t.TempDir(), "state.db"), Mode: state.ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	a := &app.Answers{
		Config: &config.Config{
			V4:         config.V4{TransactionToken: config.TokenID},
			Properties: []config.Property{{Name: "prague", Currency: "EUR"}},
		},
		Ledger: ledger, Clock: time.Now,
	}
	put(t, a, plan.Batch{
		Property: &plan.Property{Enterprise: hotel, Name: "prague", Sink: app.SinkName},
		Records: []plan.Record{{
			ID: parked, Enterprise: hotel, Seen: plan.Observation{State: preauth.Chargeable, Active: true},
			Park: &plan.Park{Reason: plan.CurrencyMismatch, Seen: plan.Observation{State: preauth.Chargeable, Active: true}},
		}},
	})
	return a
}

func put(t *testing.T, a *app.Answers, batch plan.Batch) {
	t.Helper()
	if err := a.Ledger.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, a *app.Answers, id preauth.ID) plan.Record {
	t.Helper()
	rec, known, err := a.Ledger.Record(t.Context(), id)
	if err != nil || !known {
		t.Fatalf("%t, %v", known, err)
	}
	return rec
}

func TestAnAnswerIsDecidedAgainWhenACycleHasChangedTheRecord(t *testing.T) {
	a := desk(t)
	times := 0
	a.Clock = func() time.Time { // between the reading of the record and its commit
		if times++; times == 1 {
			rec := record(t, a, parked)
			rec.CardID = "seen by a cycle"
			put(t, a, plan.Batch{Records: []plan.Record{rec}})
		}
		return time.Now()
	}
	out, err := a.Retry(t.Context(), parked, plan.Retrying{Note: "again"})
	if err != nil {
		t.Fatal(err)
	}
	rec := record(t, a, parked)
	if times != 2 || rec.Park != nil || rec.CardID != "seen by a cycle" || rec.Revision != 3 {
		t.Errorf("after %d turns: %+v", times, rec)
	}
	lines, err := a.Ledger.Journal(t.Context(), parked)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1 || lines[0].Event != telemetry.ParkedRetried || lines[0].Note != "again" || out.Entry.Event != lines[0].Event {
		t.Errorf("%+v", lines)
	}
}

func TestV4sAmountIsInWhatTheTenantBillsIn(t *testing.T) {
	a := desk(t)
	a.Hold = func(_ context.Context, identity int64) (preauth.Hold, bool, error) {
		return preauth.Hold{Identity: identity, Amount: decimal.NewFromInt(20), PaymentMethodID: 9, Token: string(parked)}, true, nil
	}
	if _, err := a.Resolve(t.Context(), parked, plan.Answer{As: plan.Created, Hold: preauth.Hold{Identity: 7}}, "found"); err != nil {
		t.Fatal(err)
	}
	if rec := record(t, a, parked); rec.Amount.String() != "20.00 EUR" || rec.Identity != 7 || rec.PaymentMethodID != 9 {
		t.Errorf("%+v", rec)
	}
}

func TestAHoldThatCannotBeBelievedChangesNothing(t *testing.T) {
	unreachable := errors.New("no route to host")
	for name, c := range map[string]struct {
		change func(*app.Answers)
		hold   preauth.Hold
		err    error
		says   string
	}{
		"v4 does not answer":                      {nil, preauth.Hold{}, unreachable, "no route to host"},
		"a token of our form where ours are kept": {nil, preauth.Hold{Identity: 7, Token: string(another)}, nil, "token of another preauthorization: " + string(another)},
		"the property has left the configuration": {func(a *app.Answers) { a.Config.Properties = nil }, preauth.Hold{Identity: 7}, nil, "not in the configuration"},
		"v4 has nothing there":                    {nil, preauth.Hold{}, nil, "v4 has no identity 7"},
		"an Id that is known where codes are tokens": {
			func(a *app.Answers) {
				a.Config.V4.TransactionToken = config.TokenCode
				put(t, a, plan.Batch{Records: []plan.Record{{ID: another, Enterprise: hotel}}})
			}, preauth.Hold{Identity: 7, Token: string(another)}, nil, "token of another",
		},
		"a UUID of the gateway's where codes are tokens": {
			func(a *app.Answers) { a.Config.V4.TransactionToken = config.TokenCode }, preauth.Hold{Identity: 7, Token: string(another)}, nil, "",
		},
		"a UUID of the gateway's where it keeps none of ours": {
			func(a *app.Answers) {
				put(t, a, plan.Batch{Sink: &plan.Sink{Name: app.SinkName, Proof: plan.ProofNotKept}})
			},
			preauth.Hold{Identity: 7, Token: string(another)},
			nil, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := desk(t)
			if c.change != nil {
				c.change(a)
			}
			a.Hold = func(context.Context, int64) (preauth.Hold, bool, error) { return c.hold, c.hold.Identity != 0, c.err }
			_, err := a.Resolve(t.Context(), parked, plan.Answer{As: plan.Created, Hold: preauth.Hold{Identity: 7}}, "found")
			rec := record(t, a, parked)
			if c.says == "" {
				if err != nil || rec.Phase != plan.Created {
					t.Errorf("%+v, %v", rec, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || rec.Park == nil || rec.Revision != 1 {
				t.Errorf("%+v, %v", rec, err)
			}
		})
	}
}
