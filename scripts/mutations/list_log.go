package main

// What makes the log of the state file, and what is written from it, as good as its trees.
//
//nolint:gochecknoglobals // a constant table
var logging = []mutation{
	{
		name: "log-sync", money: true,
		takes: "the sync of the log: an intent may be lost with the power",
		edits: []edit{{"state/redo/redo.go", "\tif err := l.file.Sync(); err != nil {\n", "\tif err := l.failed; err != nil {\n"}},
		red:   []test{{"state/redo", "TestWhatIsAppendedIsDurableAndComesBackInOrder"}},
	},
	{
		name:  "placed",
		takes: "the place in the order of commits before the word of it: an intent may be durable before the outcome whose place it takes",
		edits: []edit{{
			"state/commit.go",
			"\tleads := l.group.join(r)\n\tif batch.Placed != nil {\n\t\tbatch.Placed()\n\t}\n",
			"\tif batch.Placed != nil {\n\t\tbatch.Placed()\n\t}\n\tleads := l.group.join(r)\n",
		}},
		red: []test{{"state", "TestStateIsALedger"}},
	},
	{
		name: "placed-in-vain", money: true,
		takes: "the end after an outcome that cannot be stored: the intents that took its place are, and their requests leave",
		edits: []edit{
			{"state/commit.go", "\t\t\t\tbroken = r.refused\n", "\t\t\t\tbroken = nil\n"},
			{"state/commit.go", "\t\t\t_ = l.fail(r.err) // whoever committed it is told by its own error\n", "\t\t\t_ = r.err\n"},
		},
		red: []test{{"state", "TestStateIsALedger"}},
	},
	{
		name: "lookup-first", money: true,
		takes: "the look into the first page of a branch for what is before its first key: one bit of that key makes records look new",
		edits: []edit{{"state/trees.go", "\t\tif n < page.header.count {\n", "\t\tif bytes.Compare(key, page.key(0)) < 0 {\n\t\t\treturn nil, nil\n\t\t}\n\t\tif n < page.header.count {\n"}},
		red:   []test{{"state", "TestAChangedBranchIsNoMissingKey"}},
	},
	{
		name: "log-damage", money: true,
		takes: "what tells a damaged group of the log from a torn one: the last durable one may count as absent",
		edits: []edit{{"state/redo/redo.go", "\t\treturn damaged, head{}\n", "\t\treturn left, head{}\n"}},
		red:   []test{{"state/redo", "TestNoChangedByteIsBelieved"}, {"state", "TestNoChangedByteOfTheLogIsBelieved"}},
	},
	{
		name:  "log-torn",
		takes: "the new epoch after a torn first group: two torn groups may be pieced together",
		edits: []edit{{"state/redo/redo.go", "\treturn used || r.groups > 0, nil\n", "\treturn r.groups > 0, nil\n"}},
		red:   []test{{"state/redo", "TestATornFirstGroupUsesUpItsEpoch"}},
	},
	{
		name:  "log-half",
		takes: "the doubt in a group that lacks a block: what was torn is believed",
		edits: []edit{{"state/redo/redo.go", "\tif torn {\n", "\tif torn && count == 0 {\n"}},
		red:   []test{{"state/redo", "TestATornGroupCountsAsAbsent"}},
	},
	{
		name:  "log-earlier",
		takes: "the epoch of a group: one of an earlier epoch is applied again",
		edits: []edit{{"state/redo/redo.go", "\tcase h.epoch < r.epoch:\n\t\treturn left, h\n", "\tcase h.epoch < r.epoch:\n\t\th.epoch = r.epoch\n\t\treturn present, h\n"}},
		red:   []test{{"state/redo", "TestOtherEpochsAndOwnersCountAsNothing"}},
	},
	{
		name:  "log-later",
		takes: "the look at what stands behind the last group: a lost one before it counts as torn",
		edits: []edit{{"state/redo/redo.go", "\t\tif found == ahead || found == present && h.group != r.groups {\n", "\t\tif found == ahead && found == present && h.group != r.groups {\n"}},
		red: []test{
			{"state/redo", "TestALostSectorOfAnEarlierGroupIsFound"},
			{"state/redo", "TestALogAheadOfItsEpochIsDamage"},
		},
	},
	{
		name:  "log-owner",
		takes: "the file's name in the log: that of another installation is believed",
		edits: []edit{{"state/redo/redo.go", "\tsum := crc32.Update(0, table, []byte(r.Owner))\n", "\tsum := crc32.Update(0, table, nil)\n"}},
		red:   []test{{"state/redo", "TestOtherEpochsAndOwnersCountAsNothing"}},
	},
	{
		name:  "log-place",
		takes: "the place of a block in its checksum: one that a disk has written elsewhere is believed",
		edits: []edit{{"state/redo/redo.go", "\tbinary.BigEndian.PutUint64(number[:], uint64(place))\n", "\tbinary.BigEndian.PutUint64(number[:], uint64(place-place))\n"}},
		red:   []test{{"state/redo", "TestABlockElsewhereIsNotBelieved"}},
	},
	{
		name:  "log-failure",
		takes: "the end after an error of the log: the next group is written over one that may be durable",
		edits: []edit{{"state/redo/redo.go", "\tif l.failed != nil {\n", "\tif l.failed != nil && l.end < 0 {\n"}},
		red:   []test{{"state/redo", "TestAFileThatFailsEndsTheLog"}},
	},
	{
		name: "log-failure-heeded", money: true,
		takes: "heeding an error of the log: intents that may not be durable are sent",
		edits: []edit{{"state/log.go", "\tif err := l.log.open.Append(l.log.encoded); err != nil {\n\t\treturn false, l.fail(err)\n", "\tif err := l.log.open.Append(l.log.encoded); err != nil {\n\t\treturn true, nil\n"}},
		red:   []test{{"state", "TestAFailedCommitIsFinal"}},
	},
	{
		name: "log-epoch", money: true,
		takes: "the epoch of a fold: the log would be applied again over what came later",
		edits: []edit{{"state/log.go", "\t\t\terr = putLogNumber(s.tx, keyEpoch, next)\n", "\t\t\terr = putLogNumber(s.tx, keyEpoch, l.log.epoch)\n"}},
		red:   []test{{"state", "TestWhatTheLogHoldsIsThere"}},
	},
	{
		name: "log-replay", money: true,
		takes: "reading the log when the file is opened: what was durable is gone after a kill",
		edits: []edit{{"state/log.go", "\t\tif err == nil {\n\t\t\tgroups.add(group, sequence)\n", "\t\tif err != nil {\n\t\t\tgroups.add(group, sequence)\n"}},
		red:   []test{{"state", "TestWhatTheLogHoldsIsThere"}},
	},
	{
		name: "lookup-trees", money: true,
		takes: "the look at which transaction the trees are of: a record stored since is not found, and created again",
		edits: []edit{{"state/trees.go", " && known.id == tx.ID() {\n", " && known.id > 0 {\n"}},
		red:   []test{{"state", "TestALookupSeesWhatTheTreesHaveBecome"}},
	},
	{
		name: "lookup-unsound", money: true,
		takes: "the error of a lookup: a page that cannot be read is taken for a record that is not there",
		edits: []edit{{"state/snapshot.go", "\tif err != nil {\n\t\tpanic(err) ", "\tif err != nil {\n\t\treturn nil "}},
		red:   []test{{"state", "TestAPageDamagedUnderAnOpenLedgerIsAnError"}},
	},
	{
		name: "lookup-bounds", money: true,
		takes: "the bounds of a leaf: a reference that leads elsewhere makes records look absent",
		edits: []edit{{"state/trees.go", "t.elements(page.bytes, page.header, low, high, wanted.visit)", "t.elements(page.bytes, page.header, nil, nil, wanted.visit)"}},
		red:   []test{{"state", "TestAChangedBranchIsNoMissingKey"}},
	},
	{
		name:  "log-read",
		takes: "what the log holds when something is read: a conflict with it is not seen",
		edits: []edit{{"state/snapshot.go", "\tif value, known := s.recent.get(bucket, key); known {\n", "\tif value, known := s.recent.get(\"\", key); known {\n"}},
		red:   []test{{"state", "TestStateIsALedger"}, {"state", "TestConcurrentCommitsAreAllDurable"}},
	},
	{
		name:  "log-sequence",
		takes: "the number of the newest journal line in the log: numbers are given twice",
		edits: []edit{{"state/snapshot.go", "\tif number, known := s.recent.sequence(); known {\n", "\tif number, known := s.recent.sequence(); known && number == 0 {\n"}},
		red:   []test{{"state", "TestWhatTheLogHoldsIsThere"}},
	},
	{
		name:  "log-later-groups",
		takes: "the end of a reader's state: it sees what was stored since it began",
		edits: []edit{{"state/log_recent.go", "\t\tif w.group <= s.groups {\n", "\t\tif w.group > 0 {\n"}},
		red:   []test{{"state", "TestAReaderSeesNoLaterGroup"}},
	},
	{
		name: "log-pair", money: true,
		takes: "the look at the layer once a reader has begun: it may lie over trees that are newer",
		edits: []edit{{"state/log_recent.go", "\t\tif layer.Load() == before {\n", "\t\tif before != nil {\n"}},
		red:   []test{{"state", "TestALayerIsPairedWithItsTrees"}},
	},
	{
		name:  "log-group",
		takes: "what a batch sees of those that share its group: a conflict with them is not seen",
		edits: []edit{{"state/stage.go", "\ts := &stager{snapshot: g.under(g.writes), ", "\ts := &stager{snapshot: g.under(nil), "}},
		red:   []test{{"state", "TestOfManyWhoWantARecordOneGetsIt"}},
	},
	{
		name:  "log-refused",
		takes: "taking back what a refused batch has staged: part of it is stored with the others of its group",
		edits: []edit{{"state/stage.go", "\t\ts.undo()\n", ""}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name: "log-followers", money: true,
		takes: "the wait of those who share a group: they go on before it is durable",
		edits: []edit{
			{"state/commit.go", "\tl.store(taken)\n", "\tfor _, r := range taken[1:] {\n\t\tr.turn <- false\n\t}\n\tl.store(taken)\n"},
			{"state/commit.go", "\tfor _, r := range taken[1:] {\n\t\tr.turn <- false\n\t}\n\tg.mu.Lock()\n", "\tg.mu.Lock()\n"},
		},
		red: []test{{"state", "TestWhoSharesAGroupWaitsUntilItIsStored"}},
	},
	{
		name:  "log-copy",
		takes: "bringing the trees up to date before a copy: it lacks what the log holds",
		edits: []edit{{
			"state/backup.go",
			"\t\tif err := l.fold(); err != nil {\n\t\t\treturn nil, run, err\n",
			"\t\tif err := l.writable(); err != nil {\n\t\t\treturn nil, run, err\n",
		}},
		red: []test{{"state", "TestACopyHasNothingOfWhatCameMeanwhile"}},
	},
	{
		name:  "log-compact",
		takes: "bringing the trees up to date before a compaction: the new file lacks what the log holds",
		edits: []edit{{
			"state/compact.go",
			"\tif err := l.fold(); err != nil {\n",
			"\tif err := l.writable(); err != nil {\n",
		}},
		red: []test{{"state", "TestACompactionTakesTheLogWithIt"}},
	},
	{
		name:  "log-copied",
		takes: "the zeros in the place of a copy's log: what others append meanwhile is copied",
		edits: []edit{{"state/backup.go", "\tif from < until {\n", "\tif from > until {\n"}},
		red:   []test{{"state", "TestACopyHasNothingOfWhatCameMeanwhile"}},
	},
	{
		name:  "journal-of-nothing",
		takes: "the refusal of a journal line without a record",
		edits: []edit{{"state/journal.go", "\t\tif d.now.Revision == 0 {\n", "\t\tif d.now.Revision == 0 && e.ID == \"\" {\n"}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name:  "journal-number",
		takes: "the number of the newest line with its record: lines whose numbers go back are believed",
		edits: []edit{{"state/wire_journal.go", "\tif r.err == nil && lines != nil && r.above.Seq != last {\n", "\tif r.err == nil && lines == nil && r.above.Seq != last {\n"}},
		red:   []test{{"state", "TestLinesWhoseNumbersGoBackAreNotBelieved"}},
	},
	{
		name:  "migration-checked",
		takes: "the order: an earlier file is replaced before the new one has been verified",
		edits: []edit{{
			"state/migrate.go",
			"\t\terr = verifyFile(ctx, Options{Path: temp, LockTimeout: l.options.LockTimeout, Now: l.options.Now})\n\t}\n\tif err == nil {\n\t\t_, _, err = l.exchange(temp, path)\n",
			"\t\t_, _, err = l.exchange(temp, path)\n\t}\n\tif err == nil {\n\t\t_, err = l.Verify(ctx)\n",
		}},
		red: []test{{"state", "TestAMigrationThatComesToAnUnsoundFileLeavesTheEarlierOne"}},
	},
	{
		name:  "migration-aside",
		takes: "writing a migrated file aside: a crash leaves half of it",
		edits: []edit{{
			"state/migrate.go",
			"\tif err = l.buildMigrated(ctx, temp, false, found); err == nil {\n",
			"\tif err = os.Rename(path, temp+\".old\"); err == nil {\n\t\terr = l.buildMigrated(ctx, temp, false, found)\n\t}\n\tif err == nil {\n",
		}},
		red: []test{{"state", "TestAMigrationThatIsKilledLeavesTheEarlierFile"}},
	},
	{
		name:  "migration-numbers",
		takes: "what a migration knows of the enterprises from one transaction to the next: their numbers are given again",
		edits: []edit{{"state/migrate.go", "\tm.l.settleKnown(m.group.known)\n", ""}},
		red:   []test{{"state", "TestManyRecordsAreMigrated"}},
	},
	{
		name:  "enterprise-number",
		takes: "the number of an enterprise: all have the first one's",
		edits: []edit{{"state/enterprises.go", "\tnext.numbers[id] = uint16(len(e.ids))\n", "\tnext.numbers[id] = 1\n"}},
		red:   []test{{"state", "TestStateIsALedger"}, {"state", "TestAFileOfAnEarlierSchemaIsMigratedByAWriter"}},
	},
	{
		name:  "enterprise-order",
		takes: "the refusal of enterprises whose numbers are out of order: one would answer for another",
		edits: []edit{{"state/enterprises.go", "\t\tif err == nil && !bytes.Equal(key, numberKey(uint16(len(all.ids)))) {\n", "\t\tif err == nil && !bytes.Equal(key, key) {\n"}},
		red:   []test{{"state", "TestWhatIsKeptInMemoryMustBeSound"}},
	},
}
