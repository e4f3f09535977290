package main

// When a reply may count as one that has been planned before, and what else a cycle
// remembers instead of working it out.
//
//nolint:gochecknoglobals // a constant table
var passing = []mutation{
	{
		name: "pass-items", money: true,
		takes: "looking again at a reply that called for a write: what was not sent is forgotten",
		edits: []edit{{"sync/engine/passes.go", "+len(r.items)+", "+"}},
		red:   []test{{"sync/engine", "TestWhatMakesAPass"}},
	},
	{
		name:  "pass-stored",
		takes: "looking again at a reply that called for something to be stored",
		edits: []edit{{"sync/engine/passes.go", "len(b.Records)+len(b.Read)+len(b.Journal)+", "len(b.Tokens)+"}},
		red:   []test{{"sync/engine", "TestWhatMakesAPass"}},
	},
	{
		name:  "pass-strays",
		takes: "looking again at a reply that shows somebody else's: another chunk may show them too",
		edits: []edit{{"sync/engine/passes.go", "+len(r.strays) > 0", " > 0"}},
		red:   []test{{"sync/engine", "TestWhatMakesAPass"}},
	},
	{
		name:  "pass-unread",
		takes: "looking again at who had not been read before",
		edits: []edit{{"sync/engine/passes.go", " || !r.readAll || r.foreign {\n", " || r.foreign {\n"}},
		red:   []test{{"sync/engine", "TestWhatMakesAPass"}},
	},
	{
		name:  "pass-foreign",
		takes: "looking again at a record of another enterprise, whose passes the ledger watches over instead",
		edits: []edit{{"sync/engine/passes.go", " || !r.readAll || r.foreign {\n", " || !r.readAll {\n"}},
		red:   []test{{"sync/engine", "TestWhatMakesAPass"}},
	},
	{
		name:  "pass-precondition",
		takes: "looking again at what is parked for what a file, a method or the configuration may mend",
		edits: []edit{{
			"sync/engine/passes.go",
			"\t\tcase plan.BadAmount, plan.CurrencyMismatch, plan.NoPaymentMethod:\n",
			"\t\tcase \"\":\n",
		}},
		red: []test{{"sync/engine", "TestWhatMakesAPass"}, {"sync/engine", "TestWhatAFileMayStillMendIsLookedAtInEachCycle"}},
	},
	{
		name:  "pass-doubt",
		takes: "looking again at what is in doubt",
		edits: []edit{{"sync/engine/passes.go", "plan.IsParked, plan.IsAnswered:\n", "plan.IsParked, plan.IsAnswered, plan.InDoubt:\n"}},
		red:   []test{{"sync/engine", "TestWhatMakesAPass"}, {"sync/engine", "TestWhatIsInDoubtIsLookedAtInEachCycle"}},
	},
	{
		name:  "pass-policy",
		takes: "the policy in what a pass rests on: what another one calls for is never seen",
		edits: []edit{{"sync/engine/passes.go", "run.p.sink.opts.Tokens, run.policy(), run.firstRun()))\n", "run.p.sink.opts.Tokens, \"\", run.firstRun()))\n"}},
		red:   []test{{"sync/engine", "TestWhateverAPassRestsOnMakesTheNextReplyLookedInto"}},
	},
	{
		name:  "pass-program",
		takes: "the program in what a pass rests on: another build, which may decide otherwise, is not asked",
		edits: []edit{{"sync/engine/passes.go", "run.e.opts.Program, run.p.sink.name,\n", "\"\", run.p.sink.name,\n"}},
		red:   []test{{"sync/engine", "TestAPassIsOfItsProgramAndItsCustomers"}},
	},
	{
		name:  "pass-list",
		takes: "the customers in what a pass rests on: it counts for others between its first and its last",
		edits: []edit{{"sync/engine/passes.go", "\"%x %q %q %q %+v %t\", chunk.sum, ", "\"%x %q %q %q %+v %t\", chunk.sum[:0], "}},
		red:   []test{{"sync/engine", "TestAPassIsOfItsProgramAndItsCustomers"}},
	},
	{
		name:  "pass-sink",
		takes: "the sink and its mode of tokens in what a pass rests on",
		edits: []edit{{
			"sync/engine/passes.go",
			"run.p.sink.name,\n\t\trun.p.sink.opts.Tokens, ",
			"\"\",\n\t\t\"\", ",
		}},
		red: []test{{"sync/engine", "TestAPassIsOfItsProgramAndItsCustomers"}},
	},
	{
		name:  "pass-basis",
		takes: "the comparison of what a pass rests on",
		edits: []edit{{"sync/engine/passes.go", " && last.Basis == p.next.Basis {\n", " {\n"}},
		red:   []test{{"sync/engine", "TestWhateverAPassRestsOnMakesTheNextReplyLookedInto"}},
	},
	{
		name:  "pass-unmatched",
		takes: "looking into everything while tokens on the sink are not matched",
		edits: []edit{{"sync/engine/passes.go", "!run.e.isOlder() && !run.p.sink.hasUnmatched()\n", "!run.e.isOlder()\n"}},
		red:   []test{{"sync/engine", "TestWhileMoreThanThePlanIsWantedNothingPasses"}},
	},
	{
		name:  "pass-older",
		takes: "looking into everything while the file is older than the world",
		edits: []edit{{"sync/engine/passes.go", "!run.e.isOlder() && !run.p.sink.hasUnmatched()\n", "!run.p.sink.hasUnmatched()\n"}},
		red:   []test{{"sync/engine", "TestWhileMoreThanThePlanIsWantedNothingPasses"}},
	},
	{
		name:  "pass-stopped",
		takes: "looking into everything while creates are stopped",
		edits: []edit{{"sync/engine/passes.go", " && !run.stopCreates &&\n", " &&\n"}},
		red:   []test{{"sync/engine", "TestWhileMoreThanThePlanIsWantedNothingPasses"}},
	},
	{
		name: "pass-stamp", money: true,
		takes: "the stamp of a pass: a reply that was planned beside an older record counts as planned",
		edits: []edit{{"state/passes.go", "\t\tif each.Stamp != s.group.known.stamp(each.Enterprise) {\n", "\t\tif each.Stamp == 1<<63 {\n"}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name:  "pass-stamp-late",
		takes: "the order: the stamp is taken once the reply has been planned",
		edits: []edit{
			{"sync/engine/poll.go", "\t\tknown.stamp()\n\t\tplanned, err := run.planReply(ctx, reply, seenAt)\n", "\t\tplanned, err := run.planReply(ctx, reply, seenAt)\n\t\tknown.stamp()\n"},
		},
		red: []test{{"sync/engine", "TestAPassRestsOnTheLedgerAsItWasBeforeThePlan"}},
	},
	{
		name:  "pass-stamp-repeat",
		takes: "the order: a pass is kept on with a stamp that is younger than what was read of it, though it has been forgotten meanwhile",
		edits: []edit{{"sync/engine/passes.go", "\treturn p.store(ctx, reply, p.last.Polled, p.last.Skipped)\n", "\tp.stamp()\n\treturn p.store(ctx, reply, p.last.Polled, p.last.Skipped)\n"}},
		red:   []test{{"sync/engine", "TestAPassThatIsForgottenMeanwhileStaysForgotten"}},
	},
	{
		name: "pass-record", money: true,
		takes: "forgetting the pass over the customer of a record that is put: what has become of it is not seen",
		edits: []edit{{"state/stage.go", "\treturn s.forget(*t.now)\n", "\treturn nil\n"}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name:  "pass-moved",
		takes: "forgetting the pass over the customer that a record was of",
		edits: []edit{{"state/stage.go", "\t\tif err := s.forget(*t.old); err != nil {\n", "\t\tif err := s.forget(plan.Record{}); err != nil {\n"}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name:  "pass-token",
		takes: "forgetting the pass over a record for which the sink is found to hold a token",
		edits: []edit{{"state/passes.go", "\t\treturn nil\n\t}\n\treturn s.forget(r)\n", "\t\treturn nil\n\t}\n\treturn s.forget(plan.Record{Enterprise: r.Enterprise})\n"}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name:  "pass-token-unknown",
		takes: "forgetting every pass when the sink is found to hold a token of no record",
		edits: []edit{{"state/passes.go", "\tfor _, number := range s.enterprises.numbers {\n\t\ts.dropPasses(", "\tfor _, number := range s.enterprises.numbers {\n\t\tif number > 0 {\n\t\t\tcontinue\n\t\t}\n\t\ts.dropPasses("}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name:  "pass-overlap",
		takes: "forgetting the passes that share customers with one that is put: two stand, and one is not watched",
		edits: []edit{{"state/passes.go", "\tspans := s.spansOf(number)\n\tfrom, to := overlapping(spans, with)\n\tif from == to {\n", "\tspans := s.spansOf(number)\n\tfrom, to := overlapping(spans, with)\n\tif from == to || with.first != with.last {\n"}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name: "unchanged-part", money: true,
		takes: "the rule that a part of a poll is looked into: it is taken for all that was asked for",
		edits: []edit{{"sources/connector/poll.go", "\t\tp.known = nil // what follows is for parts\n", ""}},
		red:   []test{{"sources/connector", "TestPartsOfAPollAreLookedInto"}},
	},
	{
		name:  "unchanged-fewer",
		takes: "the rule that a poll that leaves somebody out is looked into",
		edits: []edit{{"sources/connector/poll.go", "\t\tp.known = nil // it was for others too\n", "\t\tp.accepted = false\n"}},
		red:   []test{{"sources/connector", "TestAPollThatLeavesSomebodyOutIsLookedInto"}},
	},
	{
		name:  "print-refused",
		takes: "refusing a fingerprint to a reply that is not complete for everybody",
		edits: []edit{{"sources/connector/decode.go", "\tif len(refused)+len(reply.Conflicting) == 0 && ", "\tif len(reply.Conflicting) == 0 && "}},
		red:   []test{{"sources/connector", "TestRepliesThatAreNotAllOfItHaveNoFingerprint"}},
	},
	{
		name:  "print-conflicting",
		takes: "refusing a fingerprint to a reply that contradicts itself",
		edits: []edit{{"sources/connector/decode.go", "\tif len(refused)+len(reply.Conflicting) == 0 && ", "\tif len(refused) == 0 && "}},
		red:   []test{{"sources/connector", "TestRepliesThatAreNotAllOfItHaveNoFingerprint"}},
	},
	{
		name:  "print-strays",
		takes: "refusing a fingerprint to a reply that shows others than were asked for",
		edits: []edit{{"sources/connector/decode.go", " == 0 && d.isOfTheAsked(reply.Preauthorizations) {\n", " == 0 {\n"}},
		red:   []test{{"sources/connector", "TestRepliesThatAreNotAllOfItHaveNoFingerprint"}},
	},
	{
		name: "print-zero", money: true,
		takes: "the rule that half a fingerprint that is zero identifies nothing",
		edits: []edit{{"sources/connector/body.go", "\treturn got, got.Entries != none && got.Entries == known.Entries\n", "\treturn got, got.Entries == known.Entries\n"}},
		red:   []test{{"sources/connector", "TestAReplyThatSaysTheSameIsNotLookedInto"}},
	},
	{
		name:  "print-around",
		takes: "what stands around the entries in a fingerprint",
		edits: []edit{{"sources/connector/fingerprint.go", "\tadd(append(k.mac(nil, before), k.mac(nil, after)...))\n", "\tadd(append(k.mac(nil, before), k.mac(nil, after[:0])...))\n"}},
		red:   []test{{"sources/connector", "TestAReplyThatSaysTheSameIsNotLookedInto"}},
	},
	{
		name:  "unlisted-list",
		takes: "looking again for who has left the list when the list is another one",
		edits: []edit{{"sync/engine/list.go", "last != nil && last.List == found.List && last.Revision == revision {\n", "last != nil && last.Revision == revision {\n"}},
		red:   []test{{"sync/engine", "TestWhoLeavesTheListLaterIsPolledToo"}},
	},
	{
		name:  "unlisted-pending",
		takes: "looking again for who has left the list when somebody else has something unfinished",
		edits: []edit{{"sync/engine/list.go", "last != nil && last.List == found.List && last.Revision == revision {\n", "last != nil && last.List == found.List {\n"}},
		red:   []test{{"sync/engine", "TestWhoIsUnfinishedAgainIsPolledThoughTheListIsTheSame"}},
	},
	{
		name:  "pending-revision",
		takes: "counting the changes of who has something unfinished",
		edits: []edit{{"state/customers.go", "\tif was == c.pending() {\n\t\treturn nil\n", "\tif was == c.pending() || number > 0 {\n\t\treturn nil\n"}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name:  "held-again",
		takes: "the bound on the age of holds that follows one that comes back: nobody is told that it ages",
		edits: []edit{{"sync/engine/aging.go", "\tif !slices.ContainsFunc(records, older) {\n", "\tif !slices.ContainsFunc(records[:0], older) {\n"}},
		red:   []test{{"sync/engine", "TestAHoldThatComesBackIsToldOfWhenItAges"}},
	},
	{
		name:  "held-clock",
		takes: "forgetting the bound on the age of holds when the clock is behind it",
		edits: []edit{{"sync/engine/cycle.go", "\tif e.opts.HoldWarnAfter == 0 || e.now().Before(run.doc.HeldFrom) {\n", "\tif e.opts.HoldWarnAfter == 0 {\n"}},
		red:   []test{{"sync/engine", "TestAHoldOfAClockThatWasAheadIsToldOfWhenItAges"}},
	},
	{
		name:  "capture-follows",
		takes: "the capture after a create of what the PMS shows as charged: it waits for the next cycle",
		edits: []edit{{"sync/engine/write.go", "\treturn applied && isCharged, err\n", "\treturn applied && it.p.State == preauth.Unknown, err // its capture follows\n"}},
		red:   []test{{"sync/engine", "TestAFirstCycleThatCreatesAndCapturesWhatIsNews"}},
	},
}
