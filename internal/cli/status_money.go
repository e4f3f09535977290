package cli

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/preauth-sync/preauth-sync/internal/control"
)

// atRisk is the money of one property, or of all, in one currency.
type atRisk struct {
	currency               string
	held, awaiting, parked decimal.Decimal
}

// riskOf gives a property's money at risk by currency.
func riskOf(p control.PropertyStatus) []atRisk {
	risks := map[string]atRisk{}
	read := func(sums map[string]string, to func(*atRisk) *decimal.Decimal) {
		for currency, text := range sums {
			risk := risks[currency]
			risk.currency = currency
			if amount, err := decimal.NewFromString(text); err == nil {
				*to(&risk) = amount
			}
			risks[currency] = risk
		}
	}
	read(p.Held, func(r *atRisk) *decimal.Decimal { return &r.held })
	read(p.Awaiting, func(r *atRisk) *decimal.Decimal { return &r.awaiting })
	read(p.ParkedAmounts, func(r *atRisk) *decimal.Decimal { return &r.parked })
	return byCurrency(risks)
}

func byCurrency(risks map[string]atRisk) []atRisk {
	return slices.SortedFunc(maps.Values(risks), func(a, b atRisk) int { return cmp.Compare(a.currency, b.currency) })
}

// riskRows are the money at risk of each property and, where there are several, of
// all of them; none when nothing is at risk.
func riskRows(properties []control.PropertyStatus) [][]cell {
	sums, owners := map[string]atRisk{}, 0
	var rows [][]cell
	for _, p := range properties {
		risks := riskOf(p)
		if len(risks) > 0 {
			owners++
		}
		for i, risk := range risks {
			rows = append(rows, riskRow(p.Name, i, risk, noInk))
			sum := sums[risk.currency]
			sums[risk.currency] = atRisk{
				risk.currency, sum.held.Add(risk.held), sum.awaiting.Add(risk.awaiting), sum.parked.Add(risk.parked),
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if owners > 1 {
		for i, sum := range byCurrency(sums) {
			rows = append(rows, riskRow("all", i, sum, heading))
		}
	}
	return toTheRight(append([][]cell{titles("money at risk", "", "held", "awaiting capture", "parked")}, rows...), 2)
}

// riskRow names its owner in the first of the owner's lines.
func riskRow(owner string, nth int, risk atRisk, i ink) []cell {
	if nth > 0 {
		owner = ""
	}
	row := []cell{i.inked("%s", owner), i.inked("%s", risk.currency)}
	for _, amount := range []decimal.Decimal{risk.held, risk.awaiting, risk.parked} {
		text := figure(amount.String(), risk.currency)
		if amount.IsZero() {
			text = "-"
		}
		row = append(row, i.inked("%s", text))
	}
	if !risk.parked.IsZero() {
		row[len(row)-1].ink = warning
	}
	return row
}

// toTheRight aligns the columns from one on at their right, as sums are.
func toTheRight(rows [][]cell, from int) [][]cell {
	for column := from; column < len(rows[0]); column++ {
		widest := 0
		for _, row := range rows {
			widest = max(widest, utf8.RuneCountInString(row[column].text))
		}
		for _, row := range rows {
			c := &row[column]
			c.text = strings.Repeat(" ", widest-utf8.RuneCountInString(c.text)) + c.text
		}
	}
	return rows
}
