package month_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/simulator"
)

// paper is what the report is written on.
type paper struct{ strings.Builder }

func (p *paper) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *paper) head(title string) { p.line("\n%s\n%s", title, strings.Repeat("-", len(title))) }

// table aligns rows, of which the first is the heading.
func (p *paper) table(rows [][]string) {
	w := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a Builder takes everything
}

// report says what the month has come to, in plain text.
func (o *oracle) report() string {
	p := &paper{}
	of := o.script.size
	rooms := 0
	for _, h := range o.script.hotels {
		rooms += h.rooms
	}
	p.line("A month of a hotel group: %d properties with %d rooms, %d days, a cycle every %s; one property has a v4 tenant of its own.",
		of.hotels, rooms, of.days, of.every)
	p.line("%d cycles in %d processes. The script's seed is %d.", len(o.ticks), len(o.starts), o.script.seed)
	o.reportEvents(p)
	o.reportTroubles(p)
	o.reportAccounts(p)
	o.reportBooks(p)
	o.reportShadow(p)
	o.reportLoads(p)
	o.reportDelays(p)
	o.reportLog(p)
	p.head("The verdict")
	if len(o.wrongs) > 0 {
		p.line("%d things are wrong, the first: %s", len(o.wrongs), o.wrongs[0])
	} else {
		p.line("Every preauthorization is accounted for. None was held or captured twice, and none was lost.")
	}
	return p.String()
}

func (o *oracle) reportEvents(p *paper) {
	p.head("What happened")
	rows := [][]string{}
	for _, what := range slices.Sorted(maps.Keys(o.script.told)) {
		rows = append(rows, []string{what, strconv.Itoa(o.script.told[what])})
	}
	p.table(rows)
}

func (o *oracle) reportTroubles(p *paper) {
	p.head("What went wrong")
	for _, t := range o.script.plot.troubles {
		if t.name != failingPage {
			p.line("%s to %s  %s", o.moment(t.from), o.moment(t.to), t.name)
		}
	}
	pages, lost, apart := 0, map[string]int{}, 0
	for _, r := range o.requests {
		if r.failed && r.op == opGuests {
			pages++
		}
		if r.lost {
			lost[r.op]++
		}
		if out := o.script.plot.troubles[1]; r.of == apartTenant && !r.at.Before(out.from) && r.at.Before(out.to) && r.op != opLogin {
			apart++
		}
	}
	p.line("pages of discovery that failed: %d requests; replies lost: %d of creates, %d of captures", pages, lost[opCreate], lost[opCapture])
	p.line("while the group's v4 was out of order, the one apart was asked %d times", apart)
	var longest time.Duration
	for _, s := range o.slow {
		longest = max(longest, s.to.Sub(s.from))
	}
	p.line("cycles that had to wait for an API: %d of %d, the longest for %s", len(o.slow), len(o.ticks), longest.Round(time.Second))
	p.line("cycles of a property that were none without a failure: %d of %d", total(o.failures), len(o.ticks)*len(o.script.hotels))
}

// moment says when something is, by the day of the month.
func (o *oracle) moment(at time.Time) string {
	since := at.Sub(o.script.began)
	return fmt.Sprintf("day %d %s", since/day, at.UTC().Format("15:04"))
}

func total(counts map[string]int) int {
	n := 0
	for _, count := range counts {
		n += count
	}
	return n
}

func (o *oracle) reportAccounts(p *paper) {
	p.head("Every preauthorization, in exactly one account")
	rows := [][]string{{"account", "count", "amount, as the PMS says at the end"}}
	for _, name := range slices.Sorted(maps.Keys(o.accounts)) {
		in := o.accounts[name]
		rows = append(rows, []string{name, strconv.Itoa(len(in)), money(o.sum(in))})
	}
	for _, name := range []string{accountUnknown, unaccounted} {
		if len(o.accounts[name]) == 0 {
			rows = append(rows, []string{name, "0", ""})
		}
	}
	rows = append(rows, []string{"all", strconv.Itoa(len(o.entries)), money(o.sum(o.entries))})
	p.table(rows)
}

func money(amounts map[string]decimal.Decimal) string {
	var all []string
	for _, currency := range slices.Sorted(maps.Keys(amounts)) {
		all = append(all, amounts[currency].StringFixed(2)+" "+currency)
	}
	return strings.Join(all, ", ")
}

func (o *oracle) reportBooks(p *paper) {
	account := o.world.Account()
	p.head("The books")
	p.line("v4 has made %d holds and %d captures: %d and %d twice; breaches of an API's rules: %d",
		account.Creates, account.Captures, account.DuplicateCreates, account.DuplicateCaptures, len(account.Violations))
	p.line("preauth-sync audit compared %d preauthorizations with %d holds, and found %v: each is parked, or an orphaned hold of the account above",
		o.audited.Checked, o.audited.Holds, o.found)
	p.line("marks set in the month, by reason: %v", o.logs.parked)
	p.line("answered by an operator: %d; holds that were told to be aging: %d, each once", o.audited.Answered, len(o.logs.aged))
}

func (o *oracle) reportShadow(p *paper) {
	p.head("The first day, in mirror.mode observe")
	p.line("writes at v4: %d", o.shadow.writes)
	p.line("the report says that %d holds would have been made and %d captured, as the script says", len(o.shadow.created), len(o.shadow.captured))
}

func (o *oracle) reportLoads(p *paper) {
	p.head("Requests made, and the least possible")
	rows := [][]string{{"request", "made", "least", "ratio"}}
	for _, l := range o.loads {
		ratio := ""
		if l.least > 0 {
			ratio = fmt.Sprintf("%.3f", float64(l.made)/float64(l.least))
		}
		if l.made+l.least > 0 {
			rows = append(rows, []string{l.op, strconv.Itoa(l.made), strconv.Itoa(l.least), ratio})
		}
	}
	p.table(rows)
}

func (o *oracle) reportDelays(p *paper) {
	p.head("From a change to the request at v4, in cycles; 1 is the next cycle")
	rows := [][]string{{"", "count", "median", "worst"}}
	add := func(what string, took []int) {
		if len(took) > 0 {
			sorted := slices.Sorted(slices.Values(took))
			rows = append(rows, []string{what, strconv.Itoa(len(took)), strconv.Itoa(sorted[len(took)/2]), strconv.Itoa(sorted[len(took)-1])})
		}
	}
	add("create", o.delays.creates)
	add("create, after v4 was asked for the card in vain", o.delays.missed)
	add("capture", o.delays.captures)
	add("create, while something was wrong", o.delays.disturbed)
	add("capture, while something was wrong", o.delays.disturbedCaptures)
	p.table(rows)
}

func (o *oracle) reportLog(p *paper) {
	p.head("The log, by level and event")
	var rows [][]string
	for _, key := range slices.Sorted(maps.Keys(o.logs.lines)) {
		rows = append(rows, []string{key, strconv.Itoa(o.logs.lines[key])})
	}
	slices.SortStableFunc(rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	p.table(rows)
}

func identity(create simulator.Effect) string { return strconv.FormatInt(create.Identity, 10) }
