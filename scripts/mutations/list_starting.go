package main

// What a start has to find out before it may write.
//
//nolint:gochecknoglobals // a constant table
var starting = []mutation{
	{
		name: "adoption", money: true,
		takes: "adoption: what v4 was found to hold at the start is created again",
		edits: []edit{{"sync/engine/startup.go", "\tholds := distinct(token.Holds, string(rec.ID))\n", "\tholds := distinct(nil, string(rec.ID))\n"}},
		red:   []test{{"sync/engine", "TestADeletedFileAdoptsWhatV4Holds"}},
	},
	{
		name: "inherited-holds", money: true,
		takes: "adopting what an older file inherited: its holds are captured as if nothing had been missed",
		edits: []edit{{
			"sync/engine/older.go",
			"\t\tnext.Phase, next.Unsure = plan.Adopted, true\n\tcase plan.Released:\n",
			"\t\treturn rec, false\n\tcase plan.Released:\n",
		}},
		red: []test{{"sync/engine", "TestAnOlderCopyOfTheFileIsFoundOut"}},
	},
	{
		name:  "unmatched-tokens",
		takes: "the wait of inherited captures while tokens on the sink are not matched",
		edits: []edit{{"sync/engine/older.go", "\treturn s.unmatched && rec.Generation <= s.e.inherited\n", "\treturn false\n"}},
		red:   []test{{"sync/engine", "TestCapturesOfInheritedRecordsWaitUntilUnmatchedTokensAreKnownToBeForeign"}},
	},
	{
		name:  "evidence",
		takes: "the refusal to start where nothing tells which holds are ours",
		edits: []edit{{"sync/engine/evidence.go", "\tif !s.e.isOlder() || found.unexplained == 0 {\n", "\tif !s.e.isOlder() || found.unexplained >= 0 {\n"}},
		red: []test{
			{"sync/engine", "TestAnOlderCopyIsRefusedWhereNothingTellsWhichHoldsAreOurs"},
			{"sync/engine", "TestANewFileIsRefusedWhereNothingTellsWhichHoldsAreOurs"},
		},
	},
	{
		name: "generation", money: true,
		takes: "the generation beside the file: an earlier copy put back looks current",
		edits: []edit{{"state/open.go", "\tbeside, why := readGeneration(l.options.Path, file)\n", "\tbeside, why := uint64(0), \"\"\n"}},
		red: []test{
			{"state", "TestWhatStandsBesideTheFileTellsItsAge"},
			{"sync/engine", "TestAnOlderCopyOfTheFileIsFoundOut"},
		},
	},
	{
		name:  "state-restored",
		takes: "what `state restored` says",
		edits: []edit{{
			"state/generation.go",
			"\treturn l.MarkOlder(ctx, \"an operator said with 'state restored' that it is an older copy\")\n",
			"\treturn ctx.Err()\n",
		}},
		red: []test{{"state", "TestAnOperatorsWordIsRemembered"}},
	},
	{
		name:  "enterprise",
		takes: "the binding of a property to its enterprise",
		edits: []edit{{"sync/engine/cycle.go", "\t\tif doc.Name == name && doc.Enterprise != enterprise {\n", "\t\tif doc.Name == name && enterprise == \"\" {\n"}},
		red:   []test{{"sync/engine", "TestTheEnterpriseBehindAName"}},
	},
	{
		name:  "addresses",
		takes: "the binding of the file to both addresses",
		edits: []edit{{
			"state/open.go",
			"\t\treturn stored != \"\" && asked != \"\" && strings.TrimRight(stored, \"/\") != strings.TrimRight(asked, \"/\")\n",
			"\t\treturn stored != \"\" && asked == \"\" && strings.TrimRight(stored, \"/\") != strings.TrimRight(asked, \"/\")\n",
		}},
		red: []test{{"state", "TestRebindIsRememberedAndThenCompared"}},
	},
	{
		name:  "addresses-blank",
		takes: "keeping a file with something in it bound to its addresses",
		edits: []edit{{"state/inspect.go", "\treturn !i.stored && i.file.Generation == 0", "\treturn i.file.Generation == 0"}},
		red:   []test{{"state", "TestOnlyAFileThatHasNeverBeenOfUseTakesOtherAddresses"}},
	},
	{
		name:  "lost",
		takes: "telling a lost state file from one that has never been",
		edits: []edit{{
			"state/generation.go",
			"\tif _, err := os.Lstat(beside); errors.Is(err, fs.ErrNotExist) {\n",
			"\tif _, err := os.Lstat(beside); err != nil || beside != \"\" {\n",
		}},
		red: []test{{"state", "TestAnAbsentFileIsToldFromALostOne"}},
	},
}
