package app

import (
	"fmt"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// choices are the answers that fit a parked record, found by trying them on it.
// property is the name of its, with says what is known of its sink.
func choices(rec plan.Record, property string, with plan.Retrying, now time.Time) []control.Choice {
	if rec.Park == nil {
		return nil
	}
	c := chooser{rec: rec, now: now, shows: now}
	if in := rec.Intent; in != nil {
		c.shows = in.Deadline.Add(with.Settle)
	}
	if rec.Park.Reason == plan.FirstSeenCharged {
		c.backfill(property) // a retry would park it again at once
	} else if !c.retry("", "", with) {
		with.ResendCreate = true
		c.retry(" --resend-create", "if v4 was searched by hand and holds nothing for it: ", with)
		with.ResendCreate, with.ResendCapture = false, true
		c.retry(" --resend-capture", "if v4 was searched by hand and has no payment for it: ", with)
	}
	c.created()
	c.resolve("captured", "if it has been collected, on v4 or elsewhere: ", plan.Answer{As: plan.Captured})
	given := "to let it go: "
	switch {
	case rec.Identity != 0:
		given = fmt.Sprintf("to let it go, and leave identity %d on v4 as it is: ", rec.Identity)
	case rec.Phase == plan.Creating:
		given = "to let it go, if v4 holds nothing for it: "
	}
	c.resolve("released", given, plan.Answer{As: plan.Released})
	return c.fit
}

// chooser tries answers on a record.
type chooser struct {
	rec plan.Record
	now time.Time
	// shows is when the effect of what has been sent must show.
	shows time.Time
	fit   []control.Choice
}

func (c *chooser) add(command, then string) {
	c.fit = append(c.fit, control.Choice{Command: command, Then: then})
}

// backfill is what mirrors charged history.
func (c *chooser) backfill(property string) {
	of := ""
	if property != "" {
		of = " --property " + property
	}
	c.add("backfill"+of+" --charged --customers FILE", fmt.Sprintf("if v4 has not collected it in another way, with customer %s in FILE: "+
		"it is created and captured, and so is whatever else of the same customer's was charged before it was first read; look with --dry-run", c.rec.CustomerID))
}

// retry tells whether it fits, now or once the effect of what has been sent must show.
func (c *chooser) retry(flag, given string, with plan.Retrying) bool {
	out, err := plan.Retry(c.rec, with, c.now)
	if err != nil && c.now.Before(c.shows) {
		given = fmt.Sprintf("from %s on, %s", c.shows.UTC().Format(time.RFC3339), given)
		out, err = plan.Retry(c.rec, with, c.shows)
	}
	if err != nil {
		return false
	}
	c.add(fmt.Sprintf("parked retry %s%s", c.rec.ID, flag), given+out.Then)
	return true
}

// created is with the identity that is known, or with one that only v4 can tell.
func (c *chooser) created() {
	given := "if v4 holds it and has not captured it: "
	answer := plan.Answer{As: plan.Created, Currency: c.rec.Amount.Currency, Hold: preauth.Hold{
		Identity: c.rec.Identity, Amount: c.rec.Amount.Amount, PaymentMethodID: c.rec.PaymentMethodID,
	}}
	if c.rec.Identity != 0 {
		c.resolve(fmt.Sprintf("created=%d", c.rec.Identity), given, answer)
		return
	}
	answer.Hold.Identity = 1 // any will do
	if _, err := plan.Resolve(c.rec, answer, "tried", c.now); err == nil {
		c.add(c.asked("created=IDENTITY"), given+"it is captured once the PMS says Charged and the amount that v4 holds")
	}
}

func (c *chooser) resolve(as, given string, answer plan.Answer) {
	if out, err := plan.Resolve(c.rec, answer, "tried", c.now); err == nil {
		c.add(c.asked(as), given+out.Then)
	}
}

func (c *chooser) asked(as string) string {
	return fmt.Sprintf("parked resolve %s --as %s --note TEXT", c.rec.ID, as)
}
