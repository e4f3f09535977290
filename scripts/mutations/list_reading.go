package main

// What is not believed of what is read.
//
//nolint:gochecknoglobals // a constant table
var reading = []mutation{
	{
		name: "methods-default", money: true,
		takes: "stopping at a payment methods file that cannot be used: its cards get the default",
		edits: []edit{{
			"internal/app/methods.go",
			"\tif err != nil {\n\t\treturn methods{}, fmt.Errorf(\n",
			"\tif err != nil {\n\t\treturn m, nil\n\t}\n\tif err != nil {\n\t\treturn methods{}, fmt.Errorf(\n",
		}},
		red: []test{{"internal/app", "TestAPaymentMethodsFileThatCannotBeUsedNamesLineAndRemedy"}},
	},
	{
		name:  "mistyped-card",
		takes: "the refusal of a card that is a UUID but for a slip: the card that was meant gets the default",
		edits: []edit{{"internal/app/methodsfile.go", "\tif almostUUID(card) {\n", "\tif almostUUID(card) && card == \"\" {\n"}},
		red:   []test{{"internal/app", "TestAPaymentMethodsFileThatCannotBeUsedNamesLineAndRemedy"}},
	},
	{
		name: "half-written", money: true,
		takes: "the refusal of a payment methods file whose last line has no end: 101 of 1017",
		edits: []edit{{"internal/app/methodsfile.go", "\t\tcase line[len(line)-1] != '\\n':\n", "\t\tcase len(line) == 0:\n"}},
		red:   []test{{"internal/app", "TestAPaymentMethodsFileThatCannotBeUsedNamesLineAndRemedy"}},
	},
	{
		name:  "another-host",
		takes: "leaving a tenant's credentials to their host: another property's v4 is sent them",
		edits: []edit{{"internal/config/tenant.go", "\tif elsewhere || token {\n", "\tif token {\n"}},
		red:   []test{{"internal/config", "TestAWayInIsInheritedKeyByKeyUnlessItIsAnother"}},
	},
	{
		name: "own-tenant", money: true,
		takes: "a property's own v4: its money is collected by the shared tenant",
		edits: []edit{{"internal/app/sinks.go", "\tif p.OwnV4 {\n\t\treturn p.Name\n", "\tif p.OwnV4 && p.Name == \"\" {\n\t\treturn p.Name\n"}},
		red:   []test{{"internal/app", "TestAPropertyWithItsOwnV4WritesThereAlone"}},
	},
	{
		name: "lookup-default", money: true,
		takes: "asking v4 for a card that nothing names: it gets the default",
		edits: []edit{{"internal/app/methods.go", "\tcase m.ask:\n", "\tcase m.ask && d == (config.DefaultMethod{}):\n"}},
		red:   []test{{"internal/app", "TestMethodsAreLookedForInTheirOrder"}},
	},
	{
		name:  "methods-stop",
		takes: "stopping creates while the payment methods file cannot be used",
		edits: []edit{{
			"sync/engine/list.go",
			"\t\trun.stopCreates = true\n\t\trun.account.fail(err)\n\t\tmethods = noMethods{}\n",
			"\t\trun.account.fail(err)\n\t\tmethods = noMethods{}\n",
		}},
		red: []test{{"sync/engine", "TestAPaymentMethodsFileThatCannotBeUsedStopsCreatesAndNotCaptures"}},
	},
	{
		name:  "customers-stop",
		takes: "stopping creates while the customers file cannot be read",
		edits: []edit{{
			"sync/engine/list.go",
			"\tcustomers, err := run.p.opts.Customers(ctx)\n\tif err != nil {\n\t\trun.stopCreates = true\n",
			"\tcustomers, err := run.p.opts.Customers(ctx)\n\tif err != nil {\n",
		}},
		red: []test{{"sync/engine", "TestACustomersFileThatCannotBeReadStopsCreatesAndNotCaptures"}},
	},
	{
		name:  "discovery",
		takes: "remembering who was discovered: a failed page shortens the list",
		edits: []edit{{
			"sync/engine/discover.go",
			"\treturn slices.Collect(maps.Keys(known)), failed\n",
			"\tif failed != nil {\n\t\treturn nil, failed\n\t}\n\treturn slices.Collect(maps.Keys(known)), nil\n",
		}},
		red: []test{{"sync/engine", "TestAFailedPageNeverShortensTheList"}},
	},
	{
		name:  "mark-of-a-failed-walk",
		takes: "the rule that a walk that failed does not move the mark: what it did not read is never asked for",
		edits: []edit{{"sync/engine/discover.go", "\tif complete(failed) && run.listing {\n", "\tif run.listing {\n"}},
		red:   []test{{"sync/engine", "TestManyPagesAreFollowedByWhatIsNew"}},
	},
	{
		name:  "conflicting",
		takes: "leaving alone what a reply shows twice with different contents",
		edits: []edit{{"sources/connector/decode.go", "\t\tcase d.conflicting(e):\n", "\t\tcase d.conflicting(e) && e[0].ID == \"\":\n"}},
		red:   []test{{"sync/engine", "TestConflictingItemsAreNotActedOn"}},
	},
	{
		name:  "unfinished-customers",
		takes: "polling who has left the list with something unfinished",
		edits: []edit{{"sync/engine/list.go", "\t\t\tids := slices.Concat(run.listed, unlisted)\n", "\t\t\tids := slices.Concat(run.listed, unlisted[:0])\n"}},
		red:   []test{{"sync/engine", "TestUnfinishedCustomersArePolledAfterTheyHaveLeftTheList"}},
	},
}
