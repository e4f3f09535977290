package main

// What makes the state file one that can be trusted.
//
//nolint:gochecknoglobals // a constant table
var storing = []mutation{
	{
		name: "inode", money: true,
		takes: "the look at the path before an intent: a file that was moved away keeps it",
		edits: []edit{{"state/commit.go", "\t\tif r.batch.Placed != nil || !hasIntent(r.batch) {\n", "\t\tif !hasIntent(plan.Batch{}) {\n"}},
		red:   []test{{"state", "TestAnIntentNeedsTheFileAtItsPath"}},
	},
	{
		name:  "checksum",
		takes: "the checksum of each document, when the file is opened and when it is read",
		edits: []edit{{
			"state/document.go",
			"\tif binary.BigEndian.Uint32(value[len(body):]) != checksum(bucket, key, body) {\n",
			"\tif checksum(bucket, key, body) < binary.BigEndian.Uint32(make([]byte, 4)) {\n",
		}, {
			"state/check.go",
			" || crc32.Update(c.begun, c.table, e.both[:end]) != binary.BigEndian.Uint32(e.both[end:]) {\n",
			" || end < 0 {\n",
		}},
		red: []test{{"state", "TestNoChangedByteIsBelieved"}},
	},
	{
		name:  "lock",
		takes: "the lock on the state file, which is held while it is looked at",
		edits: []edit{{"state/lock.go", "\t\terr := syscall.Flock(int(file.Fd()), how)\n", "\t\terr := syscall.Flock(int(file.Fd()), how&^how|syscall.LOCK_UN)\n"}},
		red:   []test{{"state", "TestAFileThatIsOpenIsLockedAgainstOthers"}},
	},
	{
		name:  "conditional",
		takes: "the condition of a commit: a record is overwritten whatever its revision",
		edits: []edit{{"state/stage.go", "\tif stored == read {\n", "\tif stored >= read {\n"}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name:  "journal",
		takes: "what a compaction must not leave out: the journal of what is unfinished or parked",
		edits: []edit{{
			"state/rewrite.go",
			"\t\t\tif err != nil || d.now.Unfinished() || len(d.lines) == 0 {\n",
			"\t\t\tif err != nil || len(d.lines) == 0 {\n",
		}},
		red: []test{{"state", "TestACompactionLeavesOutOldJournalLinesThatAreOnlyHistory"}},
	},
	{
		name: "explained", money: true,
		takes: "the journal line that explains a token on v4: a compaction leaves it out, and the file counts as older than the world",
		edits: []edit{{"state/rewrite.go", "return !e.ExplainsToken() && ", "return "}},
		red:   []test{{"state", "TestACompactionLeavesOutOldJournalLinesThatAreOnlyHistory"}},
	},
	{
		name: "hold-elsewhere", money: true,
		takes: "the refusal to capture an identity on another sink than the one that gave it",
		edits: []edit{{"state/identities.go", "\t\tif !owned || owner != t.now.ID {\n", "\t\tif owned && owner == \"\" {\n"}},
		red:   []test{{"state", "TestStateIsALedger"}},
	},
	{
		name: "left-behind", money: true,
		takes: "the look at what a property leaves on a sink: it is given another one while it holds something",
		edits: []edit{{"internal/cli/state_rebind.go", "\tif left > 0 {\n", "\tif left < 0 {\n"}},
		red:   []test{{"internal/cli", "TestARebindAcceptsOneThingThatIsNew"}},
	},
}
