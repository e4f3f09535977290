package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/internal/control"
)

// modeInWords says what a mode keeps from being sent, "" for nothing.
func modeInWords(mode string) string {
	switch config.Mode(mode) {
	case config.ModeObserve:
		return "mirror.mode is observe: NOTHING is sent, and what would be is noted"
	case config.ModeCaptureOnly:
		return "mirror.mode is capture_only: NOTHING is created, and what v4 holds is captured"
	case config.ModeFull:
	}
	return ""
}

// tellMode says on top of a plan what will not be sent of it.
func tellMode(p *page, mode string) {
	if said := modeInWords(mode); said != "" {
		p.line(warning.inked("%s", said))
		p.line()
	}
}

// shadowRows add up what would have been sent of a property.
func shadowRows(o control.ObservedStatus) [][]cell {
	rows := [][]cell{{say("observed"), warning.inked("since %s, and would have", moment(o.Since))}}
	add := func(format string, args ...any) { rows = append(rows, []cell{say(""), say(format, args...)}) }
	add("created %s", sumOf(o.Created, o.CreatedAmounts))
	add("captured %s", sumOf(o.Captured, o.CapturedAmounts))
	if o.Released > 0 {
		add("left %s orphaned", plural(o.Released, "hold", "holds"))
	}
	if o.Baseline > 0 {
		add("left baseline %d alone", o.Baseline)
	}
	parked := counts(o.Parked)
	if len(o.ParkedAmounts) > 0 {
		parked += ": " + amountsInWords(o.ParkedAmounts)
	}
	add("parked %s", parked)
	return rows
}

// firstRunCell says how far the first run is, of a property that has had a cycle.
func firstRunCell(p control.PropertyStatus) cell {
	switch {
	case p.Observed == nil:
		return warning.inked("open: not every listed customer has been read yet")
	case p.Observed.FirstRunOpen:
		return warning.inked("not every listed customer has been observed yet")
	default:
		return say("every listed customer has been observed; it begins with another mode, unless it has already")
	}
}

func sumOf(n int, amounts map[string]string) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: %s", n, amountsInWords(amounts))
}

// amountsInWords says sums of several currencies.
func amountsInWords(amounts map[string]string) string {
	var parts []string
	for _, currency := range slices.Sorted(maps.Keys(amounts)) {
		parts = append(parts, money(amounts[currency], currency))
	}
	return strings.Join(parts, " and ")
}

// observedRows tell what would have been sent for a preauthorization, none when
// nothing would.
func observedRows(r control.Record) [][]cell {
	o := r.Observed
	if o == nil {
		return nil
	}
	amount := money(o.Amount, o.Currency)
	var rows [][]cell
	add := func(i ink, format string, args ...any) {
		title := ""
		if len(rows) == 0 {
			title = "in the shadow"
		}
		rows = append(rows, []cell{say("%s", title), i.inked(format, args...)})
	}
	if o.Seen != r.Seen {
		add(noInk, "the PMS said %s at %s", seen(o.Seen), moment(o.Updated))
	}
	if at := o.Baselined; at != nil {
		add(noInk, "it would have become the baseline at %s", moment(*at))
	}
	if at := o.Created; at != nil {
		add(noInk, "it would have been created at %s: %s on %s", moment(*at), amount, method(o.PaymentMethodID))
	}
	if at := o.Captured; at != nil {
		add(noInk, "it would have been captured at %s: %s", moment(*at), amount)
	}
	if at := o.Released; at != nil {
		add(warning, "the PMS released it at %s, and v4 could not have voided it", moment(*at))
	}
	if k := o.Parked; k != nil {
		add(warning, "it would be parked as %s since %s: %s", k.Reason, moment(k.Since), k.Detail)
	}
	return rows
}

// lookedUpRows say how old v4's word on a card is, and when it is asked for another.
func lookedUpRows(r control.Record) [][]cell {
	l := r.LookedUp
	if l == nil {
		return nil
	}
	anew := ""
	if r.Parked != nil {
		anew = fmt.Sprintf(", or in the next cycle after `preauth-sync parked retry %s`", r.ID)
	}
	return [][]cell{
		{say("looked up"), say("at %s, by v4's %s", moment(l.At), l.Field)},
		{say(""), faint.inked("v4 is asked anew an hour after that%s", anew)},
	}
}
