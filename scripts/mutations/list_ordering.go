package main

// What keeps an operator's order: a pause, a backfill.
//
//nolint:gochecknoglobals // a constant table
var ordering = []mutation{
	{
		name: "pause", money: true,
		takes: "the look for a pause before each send: what waited for its turn is sent",
		edits: []edit{{"sync/engine/send.go", "\tif s.e.paused(enterprise) {\n", "\tif s.e.paused(enterprise) && enterprise == \"\" {\n"}},
		red:   []test{{"sync/engine", "TestAPauseHoldsAWriteThatWaitsForItsTurn"}},
	},
	{
		name: "pause-barrier", money: true,
		takes: "the wait of a pause for what is under way",
		edits: []edit{
			{"sync/engine/pause.go", "\tif err := e.barrier.Acquire(ctx, everybody); err != nil {\n", "\tif err := e.barrier.Acquire(ctx, 1); err != nil {\n"},
			{"sync/engine/pause.go", "\te.barrier.Release(everybody)\n", "\te.barrier.Release(1)\n"},
		},
		red: []test{{"sync/engine", "TestAPauseWaitsForWhatIsUnderWayAndNothingFollows"}},
	},
	{
		name: "pause-kept", money: true,
		takes: "reading what is paused: a restart sends again",
		edits: []edit{{"sync/engine/cycle.go", "\tif err := e.loadPauses(ctx); err != nil {\n\t\treturn err\n\t}\n", ""}},
		red:   []test{{"sync/engine", "TestNothingIsSentWhileWritesArePaused"}},
	},
	{
		name: "pause-order", money: true,
		takes: "taking orders one after the other: what a cycle has just read replaces a pause that came meanwhile",
		edits: []edit{{
			"sync/engine/pause.go",
			"\tif err := e.ordering.Acquire(ctx, 1); err != nil {\n\t\treturn err\n\t}\n\tdefer e.ordering.Release(1)\n\tstored, err :=",
			"\tstored, err :=",
		}},
		red: []test{{"sync/engine", "TestAPauseThatComesWhileACycleBeginsHolds"}},
	},
	{
		name: "pause-of-one", money: true,
		takes: "the pause of one property",
		edits: []edit{{"sync/engine/pause.go", "\t\tsince, paused = e.pauses[enterprise]\n", "\t\tpaused = enterprise == \"\"\n"}},
		red:   []test{{"sync/engine", "TestAPauseOfOnePropertyLeavesTheOthers"}},
	},
	{
		name: "charged-by-order", money: true,
		takes: "the order that history needs: every backfill creates and captures it",
		edits: []edit{{"sync/engine/reply.go", "BackfillCharged: run.c.backfill.charged(),", "BackfillCharged: run.c.backfill != nil,"}},
		red:   []test{{"sync/engine", "TestABackfillOfChargedHistory"}},
	},
	{
		name: "answers", money: true,
		takes: "what a backfill answers: it lifts marks for outcomes too, and sends again",
		edits: []edit{{"sync/plan/decide.go", "\treturn policy.BackfillCharged && why == FirstSeenCharged\n", "\treturn policy.BackfillCharged && why != \"\"\n"}},
		red:   []test{{"sync/plan", "TestOnlyABackfillOfChargedHistoryAnswersAMarkThatWaitsForAnOperator"}},
	},
	{
		name: "limit", money: true,
		takes: "the limit of a backfill",
		edits: []edit{{"sync/engine/backfill.go", "\t\t\ttaken = min(taken, most-b.taken)\n", "\t\t\t_ = most\n"}},
		red:   []test{{"sync/engine", "TestTheLimitOfABackfill"}},
	},
	{
		name: "left-out", money: true,
		takes: "leaving out the properties that a backfill was not asked for",
		edits: []edit{{"sync/engine/cycle.go", "run.aside = c.backfill.leavesOut(p.opts.Name)", "run.aside = c.backfill.leavesOut(\"\") && p.opts.Name == \"\""}},
		red:   []test{{"sync/engine", "TestABackfillOfNamedCustomersAndProperties"}},
	},
	{
		name: "partial-first-run", money: true,
		takes: "the first run's open end: a backfill of some customers ends it, and what the others had charged is no baseline",
		edits: []edit{
			{"sync/engine/list.go", "\tif b := run.c.backfill; b.partial() {\n", "\tif b := run.c.backfill; b.partial() {\n\t\trun.wholeList = true\n"},
			{"sync/engine/list.go", " || run.c.backfill.partial() {\n\t\treturn done, nil\n", " {\n\t\treturn done, nil\n"},
		},
		red: []test{{"sync/engine", "TestABackfillOfNamedCustomersAndProperties"}},
	},
	{
		name: "partial-match", money: true,
		takes: "the complete poll that tells whose a token is: a backfill of some customers makes it foreign",
		edits: []edit{{"sync/engine/older.go", "!run.isListed || c.backfill.partial() {\n", "!run.isListed {\n"}},
		red:   []test{{"sync/engine", "TestABackfillOfNamedCustomersMatchesNoTokens"}},
	},
	{
		name:  "no-fuse",
		takes: "a backfill's freedom from the fuse",
		edits: []edit{{"sync/engine/poll.go", "\tif run.c.backfill != nil {\n\t\treturn 0\n", "\tif run.c.backfill.partial() {\n\t\treturn 0\n"}},
		red:   []test{{"sync/engine", "TestABackfillHasNoFuse"}},
	},
	{
		name:  "step-aside",
		takes: "a backfill's stepping aside for a cycle",
		edits: []edit{{"sync/engine/backfill.go", "b.e.waiting.Load() > 0) {\n\t\tb.left = true\n", "b.e.waiting.Load() < 0) {\n\t\tb.left = true\n"}},
		red:   []test{{"sync/engine", "TestABackfillStepsAsideForACycle"}},
	},
	{
		name:  "cursor",
		takes: "where a backfill that stepped aside goes on: it begins anew",
		edits: []edit{{"sync/engine/backfill.go", "\tfor len(chunk) > 0 && chunk[0] <= last {\n", "\tfor len(chunk) > 0 && chunk[0] < last[:0] {\n"}},
		red:   []test{{"sync/engine", "TestABackfillStepsAsideForACycle"}},
	},
	{
		name: "order-kept", money: true,
		takes: "what remembers an order of charged history: refused or lost once, it is forgotten",
		edits: []edit{{"sync/engine/write.go", "\t\tsettled = settled.Order()\n", "\t\tsettled.Record.Park = nil\n"}},
		red:   []test{{"sync/engine", "TestAnOrderOfChargedHistoryOutlivesItsBackfill"}},
	},
	{
		name: "order-unsent", money: true,
		takes: "that an order counts once it is sent: what a limit or a pause held back is mirrored all the same",
		edits: []edit{{"sync/plan/settle.go", "\tif d.Ordered && rec.Park != nil {\n", "\tif d.Ordered {\n\t\td.History = HistoryFresh\n\t}\n\tif d.Ordered && rec.Park != nil {\n"}},
		red:   []test{{"sync/engine", "TestTheLimitOfABackfill"}},
	},
	{
		name: "inherited-settled", money: true,
		takes: "the wait before an inherited capture that only a reload lets be sent again",
		edits: []edit{{"sync/engine/verify.go", "\tif time.Now().Before(settled) {\n", "\tif settled.IsZero() {\n"}},
		red:   []test{{"sync/engine", "TestAnInheritedCaptureWaitsThoughItMayBeSentAgainOnlySinceAReload"}},
	},
	{
		name:  "each-gets-on",
		takes: "the poll that each cycle of a backfill begins before it steps aside: two at once never end",
		edits: []edit{{"sync/engine/backfill.go", "b.left || b.begun && b.e.waiting", "b.left || b.e.waiting"}},
		red:   []test{{"sync/engine", "TestTwoBackfillsAtOnceBothEnd"}},
	},
	{
		name: "answer-binds", money: true,
		takes: "the bound of a question's answer: what comes while somebody reads it is sent too",
		edits: []edit{{"internal/cli/backfill.go", "\t\t\tb.order.Agreed = shown // what has come since was not agreed to\n", ""}},
		red:   []test{{"internal/cli", "TestAnAnswerBindsWhatABackfillSends"}},
	},
}
