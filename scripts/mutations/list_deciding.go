package main

// What decides that nothing is to be sent.
//
//nolint:gochecknoglobals // a constant table
var deciding = []mutation{
	{
		name: "fuse", money: true,
		takes: "the fuse: a plan of any size is sent",
		edits: []edit{
			{"sync/engine/poll.go", "\tkeep := most > 0 || run.c.preview || run.c.observe\n", "\tkeep := run.c.preview || run.c.observe\n"},
			{"sync/engine/poll.go", "\tif most := run.maxActions(); most > 0 && run.requests > most {\n", "\tif most := run.maxActions(); most < 0 {\n"},
		},
		red: []test{{"sync/engine", "TestAFuseLetsAllThroughOrNothing"}},
	},
	{
		name: "currency", money: true,
		takes: "the currency check: 100 JPY is held as 100 EUR",
		edits: []edit{{"sync/plan/decide.go", "\tif p.Amount.Currency != policy.Currency {\n", "\tif p.Amount.Currency == \"\" {\n"}},
		red:   []test{{"sync/plan", "TestDecidePreconditionsOfACreate"}},
	},
	{
		name: "bad-amount", money: true,
		takes: "the check of the amount: zero, negative, too many decimals",
		edits: []edit{{"sync/plan/decide.go", "\tif !p.Amount.Amount.IsPositive() {\n", "\tif p.AmountFault == \"\" {\n\t\treturn \"\"\n\t}\n\tif !p.Amount.Amount.IsPositive() {\n"}},
		red:   []test{{"sync/plan", "TestDecidePreconditionsOfACreate"}},
	},
	{
		name: "amount-changed", money: true,
		takes: "the comparison of the amount before a capture",
		edits: []edit{{
			"sync/plan/decide.go",
			"\t\tif differs(p, rec) {\n\t\t\treturn d.amountChanged(p, rec)\n\t\t}\n\t\td.Actions = []ActionKind{Capture}\n",
			"\t\td.Actions = []ActionKind{Capture}\n",
		}},
		red: []test{{"sync/plan", "TestDecideEveryCellOfTheTable"}},
	},
	{
		name: "baseline", money: true,
		takes: "the baseline: the first run creates and captures what was charged before it",
		edits: []edit{{"sync/plan/decide.go", "\t\twhat = BaselineHistory\n", "\t\twhat = MirrorHistory\n"}},
		red:   []test{{"sync/plan", "TestDecideFirstSeenCharged"}, {"sync/engine", "TestWhatWasChargedBeforeTheFirstRun"}},
	},
	{
		name: "adopted-charge", money: true,
		takes: "parking a charge of an adopted hold, which may have been captured",
		edits: []edit{{"sync/plan/decide.go", "\tif p.State == preauth.Charged {\n\t\treturn d.park(UnknownCapture,", "\tif p.State == preauth.Unknown {\n\t\treturn d.park(UnknownCapture,"}},
		red:   []test{{"sync/plan", "TestDecideEveryCellOfTheTable"}},
	},
	{
		name: "history", money: true,
		takes: "remembering what the first sight of a charge meant: history is news in the next cycle",
		edits: []edit{{"sync/plan/decide.go", "\tif d.History == HistoryUnset {\n", "\tif d.History <= HistoryOld {\n"}},
		red:   []test{{"sync/plan", "TestHistoryStaysHistoryInLaterCycles"}},
	},
	{
		name:  "answered",
		takes: "an operator's release: what was let go is created again",
		edits: []edit{{"sync/plan/decide.go", "rec.Phase == Released && (len(d.Actions) > 0 ||", "rec.Phase == Released && (len(d.Actions) > 2 ||"}},
		red:   []test{{"sync/plan", "TestWhatWasLetGoIsNotSentWhileThePMSSaysTheSame"}},
	},
	{
		name:  "waits-for-operator",
		takes: "the wait for an operator: a mark for an outcome lifts by itself",
		edits: []edit{{
			"sync/plan/decide.go",
			"\tif rec.Park != nil && rec.Park.Reason.WaitsForOperator() && !answers(", "\tif rec.Park != nil && rec.Park.Reason == FirstSeenCharged && !answers(",
		}},
		red: []test{{"sync/engine", "TestACreateIsSentAtMostThreeTimesAndThenParks"}},
	},
	{
		name:  "source-missing",
		takes: "the count of complete replies that do not show a record",
		edits: []edit{{"sync/plan/settle.go", "\tout.Record.Missing++\n", "\tout.Record.Missing = 1\n"}},
		red:   []test{{"sync/plan", "TestMissingThreeTimesParks"}, {"sync/engine", "TestWhatIsMissingFromThreeCompleteRepliesParks"}},
	},
	{
		name: "stale", money: true,
		takes: "the age limit of an observation: an hour-old one is acted on",
		edits: []edit{{"sync/engine/poll.go", "const staleAfter = 10 * time.Minute\n", "const staleAfter = 10 * time.Hour\n"}},
		red:   []test{{"sync/engine", "TestAnObservationOlderThanTenMinutesIsReadAgain"}},
	},
	{
		name:  "floats",
		takes: "decimals: amounts compare as floats",
		edits: []edit{{
			"preauth/money.go",
			"\treturn m.Currency == o.Currency && m.Amount.Equal(o.Amount)\n",
			"\treturn m.Currency == o.Currency && m.Amount.InexactFloat64() == o.Amount.InexactFloat64()\n",
		}},
		red: []test{{"preauth", "TestMoneyComparesByValueAndCurrency"}},
	},
	{
		name:  "float-amounts",
		takes: "decimals: amounts are read as floats",
		edits: []edit{{
			"preauth/money.go",
			"\tplain, err := decimal.NewFromString(d.String())\n",
			"\tplain, err := decimal.NewFromFloat(d.InexactFloat64()), error(nil)\n",
		}},
		red: []test{{"preauth", "TestParseAmountIsExactAndBounded"}},
	},
}
