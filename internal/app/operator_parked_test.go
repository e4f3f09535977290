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
	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/sync/engine"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

const (
	hotel   = preauth.ID("851df8c8-90f2-4c4a-8e01-a4fc46b25178")
	parked  = preauth.ID("2d93962f-067f-45a6-b7c4-bc4b9d899456")
	another = preauth.ID("7b7b2e10-24a4-4c3a-8a9c-0d3ba9a86a1e")
)

// desk is a state file with one parked record of a property that bills in euros.
func desk(t *testing.T) *app.Operator {
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
	o := &app.Operator{
		Config: &config.Config{
			V4:         config.V4{TransactionToken: config.TokenID},
			Properties: []config.Property{{Name: "prague", Currency: "EUR"}},
		},
		Ledger: ledger, Outside: app.Outside{Clock: time.Now},
	}
	put(t, o, plan.Batch{
		Property: &plan.Property{Enterprise: hotel, Name: "prague", Sink: engine.DefaultSink},
		Records: []plan.Record{{
			ID: parked, Enterprise: hotel, Seen: plan.Observation{State: preauth.Chargeable, Active: true},
			Park: &plan.Park{Reason: plan.CurrencyMismatch, Seen: plan.Observation{State: preauth.Chargeable, Active: true}},
		}},
	})
	return o
}

func put(t *testing.T, o *app.Operator, batch plan.Batch) {
	t.Helper()
	if err := o.Ledger.Commit(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, o *app.Operator, id preauth.ID) plan.Record {
	t.Helper()
	rec, known, err := o.Ledger.Record(t.Context(), id)
	if err != nil || !known {
		t.Fatalf("%t, %v", known, err)
	}
	return rec
}

func TestAnAnswerIsDecidedAgainWhenACycleHasChangedTheRecord(t *testing.T) {
	o := desk(t)
	times := 0
	o.Outside.Clock = func() time.Time { // between the reading of the record and its commit
		if times++; times == 1 {
			rec := record(t, o, parked)
			rec.CardID = "seen by a cycle"
			put(t, o, plan.Batch{Records: []plan.Record{rec}})
		}
		return time.Now()
	}
	out, err := o.Retry(t.Context(), control.Retry{Of: control.Selection{IDs: []preauth.ID{parked}}, Note: "again"})
	if err != nil || len(out.Done) != 1 || len(out.Refused) > 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	rec := record(t, o, parked)
	if times != 2 || rec.Park != nil || rec.CardID != "seen by a cycle" || rec.Revision != 3 {
		t.Errorf("after %d turns: %+v", times, rec)
	}
	lines, err := o.Ledger.Journal(t.Context(), parked)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1 || lines[0].Event != telemetry.ParkedRetried || lines[0].Note != "again" {
		t.Errorf("%+v", lines)
	}
}

// created resolves the parked record as created, and gives what kept it from that.
func created(t *testing.T, o *app.Operator, identity string) error {
	t.Helper()
	out, err := o.Resolve(t.Context(), control.Resolve{
		Of: control.Selection{IDs: []preauth.ID{parked}}, As: "created=" + identity, Note: "found",
	})
	if err == nil && len(out.Refused) > 0 {
		return errors.New(out.Refused[0])
	}
	return err
}

func TestV4sAmountIsInWhatTheTenantBillsIn(t *testing.T) {
	o := desk(t)
	o.Hold = func(_ context.Context, _ string, identity int64) (preauth.Hold, bool, error) {
		return preauth.Hold{Identity: identity, Amount: decimal.NewFromInt(20), PaymentMethodID: 9, Token: string(parked)}, true, nil
	}
	if err := created(t, o, "7"); err != nil {
		t.Fatal(err)
	}
	if rec := record(t, o, parked); rec.Amount.String() != "20.00 EUR" || rec.Identity != 7 || rec.PaymentMethodID != 9 {
		t.Errorf("%+v", rec)
	}
}

func TestAHoldThatCannotBeBelievedChangesNothing(t *testing.T) {
	unreachable := errors.New("no route to host")
	for name, c := range map[string]struct {
		change func(*app.Operator)
		hold   preauth.Hold
		err    error
		says   string
	}{
		"v4 does not answer":                      {nil, preauth.Hold{}, unreachable, "no route to host"},
		"a token of our form where ours are kept": {nil, preauth.Hold{Identity: 7, Token: string(another)}, nil, "token of another preauthorization: " + string(another)},
		"the property has left the configuration": {func(o *app.Operator) { o.Config.Properties = nil }, preauth.Hold{Identity: 7}, nil, "not in the configuration"},
		"v4 has nothing there":                    {nil, preauth.Hold{}, nil, "v4 has no identity 7"},
		"an Id that is known where codes are tokens": {
			func(o *app.Operator) {
				o.Config.V4.TransactionToken = config.TokenCode
				put(t, o, plan.Batch{Records: []plan.Record{{ID: another, Enterprise: hotel}}})
			}, preauth.Hold{Identity: 7, Token: string(another)}, nil, "token of another",
		},
		"a UUID of the gateway's where codes are tokens": {
			func(o *app.Operator) { o.Config.V4.TransactionToken = config.TokenCode }, preauth.Hold{Identity: 7, Token: string(another)}, nil, "",
		},
		"a UUID of the gateway's where it keeps none of ours": {
			func(o *app.Operator) {
				put(t, o, plan.Batch{Sink: &plan.Sink{Name: engine.DefaultSink, Proof: plan.ProofNotKept}})
			},
			preauth.Hold{Identity: 7, Token: string(another)},
			nil, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := desk(t)
			if c.change != nil {
				c.change(o)
			}
			o.Hold = func(context.Context, string, int64) (preauth.Hold, bool, error) {
				return c.hold, c.hold.Identity != 0, c.err
			}
			err := created(t, o, "7")
			rec := record(t, o, parked)
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
