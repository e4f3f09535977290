package main

// When a look-up counts, and for what.
//
//nolint:gochecknoglobals // a constant table
var lookups = []mutation{
	{
		name: "second-read", money: true,
		takes: "the second read: one look-up that finds nothing proves an absence",
		edits: []edit{{
			"sync/engine/verify.go",
			"\t\td.due = d.absent.Add(s.opts.Settle)\n\t\treturn false\n",
			"\t\treturn true\n",
		}},
		red: []test{
			{"sync/engine", "TestAnUnknownCreateThatHadNoEffectIsSentAgainOnlyAfterTwoReads"},
			{"sync/engine", "TestALateEffectIsFoundAndNotDoubled"},
		},
	},
	{
		name: "settle", money: true,
		takes: "the wait for v4 to settle before the first read",
		edits: []edit{{"sync/engine/send.go", "\treturn last.Add(s.opts.Settle)\n", "\treturn last\n"}},
		red:   []test{{"sync/engine", "TestALateEffectIsFoundAndNotDoubled"}},
	},
	{
		name:  "settle-at-start",
		takes: "the same wait for what an earlier process left in flight",
		edits: []edit{{"sync/engine/startup.go", "\t\tsettled := from.Add(s.opts.Timeout + s.opts.Settle)\n", "\t\tsettled := from\n"}},
		red:   []test{{"sync/engine", "TestACreateLeftInFlightIsVerifiedAfterTheStart"}},
	},
	{
		name: "token-proof", money: true,
		takes: "the proof that the sink keeps tokens: an absence counts without it",
		edits: []edit{{
			"sync/engine/verify.go",
			"\tcase plan.ProofOpen:\n\t\ts.postpone(rec.ID)\n\t\treturn nil\n",
			"\tcase plan.ProofOpen:\n",
		}},
		red: []test{
			{"sync/engine", "TestACreateLeftInFlightBeforeTheProof"},
			{"sync/engine", "TestAnUnknownCreateFromBeforeTheProofStaysUntilItIsDecided"},
		},
	},
	{
		name:  "one-create-at-a-time",
		takes: "one create at a time until the proof",
		edits: []edit{{"sync/engine/proof.go", "\tif !s.proving() {\n\t\treturn func() {}, nil\n", "\tif s.opts.Tokens != \"\" {\n\t\treturn func() {}, nil\n"}},
		red:   []test{{"sync/engine", "TestCreatesGoOneAtATimeUntilTheProofAndThenTogether"}},
	},
	{
		name: "control", money: true,
		takes: "the control of an absence by a token that is known to be there",
		edits: []edit{{"sync/engine/evidence.go", "\tif control == nil {\n", "\tif control == nil || control.Token != \"\" {\n"}},
		red:   []test{{"sync/engine", "TestASearchThatHasGoneBlindProvesNoAbsence"}},
	},
	{
		name:  "found-twice",
		takes: "the count of what carries a token: of two holds one is taken",
		edits: []edit{{"sync/engine/verify.go", "\tif len(hits) > 1 {\n", "\tif len(hits) > 1000 {\n"}},
		red:   []test{{"sync/engine", "TestWhatCarriesOurTokenAndDiffersParks"}},
	},
	{
		name:  "found-amount",
		takes: "the comparison of what is found with the amount of the intent",
		edits: []edit{{"sync/engine/verify.go", "\tif !hold.Amount.Equal(in.Amount.Amount) {\n", "\tif hold.Amount.IsNegative() {\n"}},
		red:   []test{{"sync/engine", "TestWhatCarriesOurTokenAndDiffersParks"}},
	},
	{
		name:  "identity-of-another",
		takes: "the refusal of an identity that another preauthorization has",
		edits: []edit{{"state/identities.go", "\t\tif owned {\n", "\t\tif owned && owner == t.now.ID {\n"}},
		red:   []test{{"sync/engine", "TestAReplyWithTheIdentityOfAnotherIsLookedUp"}, {"state", "TestStateIsALedger"}},
	},
	{
		name: "other-cards", money: true,
		takes: "the refusal of payment methods that are shown beside other cards': a list that may be cut picks one",
		edits: []edit{{"sinks/v4/methods.go", "\tcase others > 0:\n", "\tcase others == len(items) && others > 0:\n"}},
		red:   []test{{"sinks/v4", "TestNoMethodIsPickedFromAReplyThatIsNotSure"}},
	},
	{
		name: "cut-methods", money: true,
		takes: "the refusal of a card's methods when they are as many as a reply may show",
		edits: []edit{{"sinks/v4/methods.go", "\tcase len(items) >= findTop:\n", "\tcase len(items) > findTop:\n"}},
		red:   []test{{"sinks/v4", "TestNoMethodIsPickedFromAReplyThatIsNotSure"}},
	},
	{
		name: "method-activity", money: true,
		takes: "the demand that a card's method says whether it is active: one that does not is passed over for another",
		edits: []edit{{"sinks/v4/methods.go", "\tcase !ok:\n\t\treturn false, fmt.Errorf(\"%s is missing\", name)\n", "\tcase !ok:\n\t\treturn false, nil\n"}},
		red:   []test{{"sinks/v4", "TestNoMethodIsPickedFromAReplyThatIsNotSure"}, {"sinks/v4", "TestAWalkIsAsStrictAsASingleQuestion"}},
	},
	{
		name: "walk-begins-lowest", money: true,
		takes: "the look below the first payment methods of a walk: those that are not shown count as absent",
		edits: []edit{{"sinks/v4/methods_walk.go", "\tif err == nil && len(below) > 0 {\n", "\tif err == nil && len(below) > 1000000 {\n"}},
		red:   []test{{"sinks/v4", "TestManyCardsAreLookedForInAllMethods"}},
	},
	{
		name: "walk-in-order", money: true,
		takes: "the demand that a walk through payment methods is in order",
		edits: []edit{{"sinks/v4/methods_walk.go", "\t\tif item.method.ID <= w.last {\n", "\t\tif item.method.ID == 0 {\n"}},
		red:   []test{{"sinks/v4", "TestManyCardsAreLookedForInAllMethods"}},
	},
	{
		name:  "walk-empty",
		takes: "the doubt in a walk that shows nothing at all: each card counts as one without a payment method",
		edits: []edit{{"sinks/v4/methods_walk.go", "\tif len(items) == 0 && !w.named {\n", "\tif len(items) == 0 && w.last > 0 && !w.named {\n"}},
		red:   []test{{"sinks/v4", "TestManyCardsAreLookedForInAllMethods"}},
	},
	{
		name:  "upper-case",
		takes: "the second question for a card that is not found: one whose Id v4 holds in upper case counts as absent",
		edits: []edit{{"sinks/v4/methods.go", "\tif err != nil || len(methods) > 0 || upper == card || normalizeToken(upper) != card {\n", "\tif err != nil || len(methods) > 0 || upper != \"\" {\n"}},
		red:   []test{{"sinks/v4", "TestAUUIDIsFoundInEitherCase"}, {"sinks/v4", "TestTheClientAndTheSimulatorAgreeOnPaymentMethods"}},
	},
	{
		name:  "nobodys-card",
		takes: "the question for nobody's card: what is wrong with every question is taken for a fault of each card",
		edits: []edit{{"sinks/v4/methods_lookup.go", "\tif l.sound = l.sound || err == nil; l.sound {\n", "\tif l.sound = true; l.sound {\n"}},
		red: []test{
			{"sinks/v4", "TestWhatIsNotAboutACardIsAnErrorAndNoAnswer"},
			{"sinks/v4", "TestARefusalOfAllCardsEndsALookUp"},
		},
	},
	{
		name:  "only-silence",
		takes: "the difference between a refusal and silence: a few cards that v4 refuses leave the others unasked",
		edits: []edit{{"sinks/v4/methods_lookup.go", "\tif errors.Is(err, preauth.ErrUnanswered) {\n\t\tl.silent++\n", "\tif err != nil {\n\t\tl.silent++\n"}},
		red: []test{
			{"sinks/v4", "TestACardThatIsRefusedLeavesTheOthersTheirAnswers"},
			{"sinks/v4", "TestSilencesBetweenRefusalsDoNotAddUp"},
		},
	},
}
