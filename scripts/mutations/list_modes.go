package main

// What going live step by step rests on.
//
//nolint:gochecknoglobals // a constant table
var modes = []mutation{
	{
		name: "observe", money: true,
		takes: "mirror.mode: observe: what is planned is sent",
		edits: []edit{
			{"sync/engine/poll.go", "\tif run.c.observe {\n\t\treturn run.observe(ctx, reply, seenAt)\n\t}\n", ""},
			{"sync/engine/poll.go", "\t\tif run.c.observe {\n\t\t\tif run.report", "\t\tif run.c.observe && len(items) == 0 {\n\t\t\tif run.report"},
		},
		red: []test{{"sync/engine", "TestAnObservedWeekSendsNothingAndTellsEverything"}},
	},
	{
		name:  "observe-in-flight",
		takes: "leaving alone while observing what is in flight",
		edits: []edit{{"sync/engine/cycle.go", "\tif c.observe {\n\t\treturn // what is in flight", "\tif c.observe && c.preview {\n\t\treturn // what is in flight"}},
		red:   []test{{"sync/engine", "TestWhatIsInFlightWaitsWhileObserving"}},
	},
	{
		name: "capture-only", money: true,
		takes: "mirror.mode: capture_only: holds are made",
		edits: []edit{{"sync/plan/decide.go", "\tif policy.CaptureOnly {\n", "\tif policy.CaptureOnly && policy.StopCreates {\n"}},
		red: []test{
			{"sync/plan", "TestCaptureOnlyCreatesNothingAndFinishesWhatIsHeld"},
			{"sync/engine", "TestCaptureOnlyFinishesWhatIsOpenAndLosesNothing"},
		},
	},
	{
		name: "asked-and-unanswered", money: true,
		takes: "waiting for a card's payment method: without an answer v4 chooses one",
		edits: []edit{{"sync/plan/decide.go", "\tif m.Ask || m.Unread {\n", "\tif m.Ask && m.Unread {\n"}},
		red: []test{
			{"sync/plan", "TestNoAnswerIsNeverTakenForAutopay"},
			{"sync/engine", "TestWhatCannotBeLookedUpIsNeitherParkedNorMadeWithAnotherMethod"},
		},
	},
	{
		name: "one-active", money: true,
		takes: "the count of a card's active methods: of two the last is taken",
		edits: []edit{{"sync/plan/method.go", "\tif active == 1 {\n", "\tif active > 0 {\n"}},
		red:   []test{{"sync/plan", "TestACardIsItsOneActiveMethodOrNone"}},
	},
	{
		name:  "unlearn",
		takes: "forgetting a card's method once a create with it is refused",
		edits: []edit{{"sync/engine/lookup.go", "\tif run.p == nil || run.p.opts.Lookup == \"\" || card == \"\" {\n\t\treturn nil\n", "\tif card != \"\" {\n\t\treturn nil\n"}},
		red:   []test{{"sync/engine", "TestARefusedCreateForgetsWhichMethodTheCardIs"}},
	},
	{
		name: "bound", money: true,
		takes: "the look at which v4 a property wrote to: its holds are captured at another",
		edits: []edit{{"sync/engine/bind.go", "\tif was.Sink != \"\" && was.Sink != name {\n", "\tif was.Sink == \"-\" && was.Sink != name {\n"}},
		red:   []test{{"sync/engine", "TestAPropertyIsKeptFromAnotherV4ThanTheOneThatItWroteTo"}},
	},
	{
		name: "bound-address", money: true,
		takes: "the look at the address of a property's own v4",
		edits: []edit{{"sync/engine/bind.go", "\tif now.Own && own.Address != \"\" && own.Address != now.Address {\n", "\tif own.Address == \"-\" {\n"}},
		red:   []test{{"sync/engine", "TestAPropertyIsKeptFromAnotherV4ThanTheOneThatItWroteTo"}},
	},
	{
		name: "mark-of-what-is-put-off", money: true,
		takes: "the mark of what is only put off: whoever has left the list is not polled any more",
		edits: []edit{{"sync/plan/decide.go", "\tif d.heldUp() && rec.Park != nil {\n", "\tif d.heldUp() && rec.Park != nil && policy.CaptureOnly && policy.StopCreates {\n"}},
		red:   []test{{"sync/engine", "TestAMarkStaysWhileItsCauseCannotBeLookedAt"}},
	},
	{
		name:  "aged-once",
		takes: "the note that somebody has been told of a hold that ages",
		edits: []edit{{"sync/engine/aging.go", "\t\t\trec.Aged = true\n", ""}},
		red:   []test{{"sync/engine", "TestAHoldThatAgesIsToldOfOnce"}},
	},
}
