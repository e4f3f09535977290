package main

// What stands between a request and a second one that does the same.
//
//nolint:gochecknoglobals // a constant table
var journal = []mutation{
	{
		name: "durability", money: true,
		takes: "fsync: a commit returns before it is on the disk",
		edits: []edit{{"state/open.go", "\tdb.AllocSize = growth\n", "\tdb.AllocSize, db.NoSync = growth, true\n"}},
		red:   []test{{"state", "TestEveryCommitIsSynced"}},
	},
	{
		name: "intent", money: true,
		takes: "the intent: a write leaves with nothing in the journal",
		edits: []edit{
			{
				"sync/engine/send.go",
				"\tif err := s.e.commit(ctx, plan.Batch{Records: []plan.Record{rec}, Journal: []plan.Entry{entry}}); err != nil {\n\t\treturn rec, err\n\t}\n\trec.Revision++\n",
				"\t_ = entry\n",
			},
		},
		red: []test{{"sync/engine", "TestEveryIntentIsDurableBeforeItsRequestArrives"}, {"sync/engine", "TestACreateLeftInFlightIsVerifiedAfterTheStart"}},
	},
	{
		name: "intent-first", money: true,
		takes: "the order: the intent is committed once the write is over",
		edits: []edit{
			{
				"sync/engine/send.go",
				"\t\tif last.record, err = s.intend(ctx, run, last.record, intent, resends); err != nil {\n",
				"\t\tearly := sent{record: last.record, deadline: time.Now().Add(s.opts.Timeout)}\n" +
					"\t\tearly.record.Intent = &intent\n\t\tearly.outcome = s.transmit(ctx, early)\n" +
					"\t\tif last.record, err = s.intend(ctx, run, last.record, intent, resends); err != nil {\n",
			},
			{"sync/engine/send.go", "\t\tlast.outcome = s.transmit(ctx, last)\n", "\t\tlast.outcome = early.outcome\n"},
		},
		red: []test{{"sync/engine", "TestEveryIntentIsDurableBeforeItsRequestArrives"}},
	},
	{
		name: "intent-failure", money: true,
		takes: "heeding a commit that failed: the write leaves all the same",
		edits: []edit{{
			"sync/engine/send.go",
			"\tif err := s.e.commit(ctx, plan.Batch{Records: []plan.Record{rec}, Journal: []plan.Entry{entry}}); err != nil {\n\t\treturn rec, err\n\t}\n",
			"\t_ = s.e.commit(ctx, plan.Batch{Records: []plan.Record{rec}, Journal: []plan.Entry{entry}})\n",
		}},
		red: []test{{"sync/engine", "TestAnIntentThatCannotBeStoredIsNotSent"}},
	},
	{
		name:  "failed-commit-is-final",
		takes: "the end after a failed commit: the ledger goes on",
		edits: []edit{{
			"state/guard.go",
			"if refusal, ok := errors.AsType[*Error](err); committing || ok && refusal.Kind == Failed {\n",
			"if refusal, ok := errors.AsType[*Error](err); committing && ok && refusal.Kind == Failed {\n",
		}},
		red: []test{{"state", "TestAFailedCommitIsFinal"}},
	},
	{
		name: "verify", money: true,
		takes: "the verify step: an unknown create is planned again at once",
		edits: []edit{{
			"sync/engine/write.go",
			"\tnext, err := run.outcome(ctx, s, rec, telemetry.CreateUnknown,",
			"\tnext, err := run.outcome(ctx, s, back(rec), telemetry.CreateUnknown,",
		}},
		red: []test{{"sync/engine", "TestAnUnknownCreateThatTookEffectIsFoundByItsToken"}},
	},
	{
		name: "capture-once", money: true,
		takes: "parking an unknown capture: it is sent again without an operator's word",
		edits: []edit{
			{"sync/engine/write.go", "\tif s.e.opts.RetryCaptures && !rec.Unsure &&", "\tif !rec.Unsure &&"},
			{"sync/engine/verify.go", "\tif !s.e.opts.RetryCaptures || rec.Unsure ||", "\tif rec.Unsure ||"},
		},
		red: []test{{"sync/engine", "TestAnUnknownCaptureParks"}},
	},
	{
		name: "resent-capture", money: true,
		takes: "the doubt about the first of two captures: a refusal of the second parks as rejected",
		edits: []edit{{"sync/engine/write.go", "\t\tif intent.Resent {\n", "\t\tif intent.Resent && out.Status == 0 {\n"}},
		red: []test{
			{"sync/engine", "TestAnUnknownCaptureIsSentAgainWhereTheOperatorAllowsIt"},
			{"sync/engine", "TestACaptureThatAnOperatorLetsBeSentAgain"},
		},
	},
	{
		name:  "three-sends",
		takes: "the limit of three sends of one action",
		edits: []edit{{"sync/engine/write.go", "const maxSends = 3\n", "const maxSends = 1000\n"}},
		red:   []test{{"sync/engine", "TestACreateIsSentAtMostThreeTimesAndThenParks"}},
	},
	{
		name:  "outage-breaker",
		takes: "the breaker: writes go on after five in a row without an answer",
		edits: []edit{{"sync/engine/sink.go", "const outageAfter = 5\n", "const outageAfter = 5000\n"}},
		red:   []test{{"sync/engine", "TestFiveUnknownOutcomesInARowEndTheCycle"}},
	},
	{
		name:  "canary",
		takes: "the one write that goes first after an outage",
		edits: []edit{{"sync/engine/sink.go", "\t\tcase !s.doc.Outage:\n", "\t\tcase !s.doc.Outage || !s.answered:\n"}},
		red:   []test{{"sync/engine", "TestAfterAnOutageOneWriteGoesFirst"}},
	},
}
