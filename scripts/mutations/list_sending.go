package main

// What makes one send one request.
//
//nolint:gochecknoglobals // a constant table
var sending = []mutation{
	{
		name: "redirect", money: true,
		takes: "the refusal of redirects",
		edits: []edit{{"internal/httpx/writes.go", "w.transport.RoundTrip(req)", "(&http.Client{Transport: w.transport}).Do(req)"}},
		red:   []test{{"internal/httpx", "TestNoRedirectIsFollowed"}},
	},
	{
		name: "resend", money: true,
		takes: "one send: a write is repeated after a network error",
		edits: []edit{{
			"sinks/v4/client.go",
			"\tresult, err := c.writes.Do(ctx, write)\n",
			"\tresult, err := c.writes.Do(ctx, write)\n\tif err != nil {\n\t\tresult, err = c.writes.Do(ctx, write)\n\t}\n",
		}},
		red: []test{{"sinks/v4", "TestWritesAreSentOnceWhateverBreaks"}},
	},
	{
		name: "get-body", money: true,
		takes: "the missing GetBody, without which net/http cannot replay a body",
		edits: []edit{{"internal/httpx/writes_proof.go", "write.URL, http.NoBody)", "write.URL, bytes.NewReader(write.Body))"}},
		red:   []test{{"internal/httpx", "TestWhatAKeptConnectionDoesNotTakeIsNotSentAgain"}},
	},
	{
		name:  "not-sent-proof",
		takes: "the proof: any network error counts as not sent, and is sent again",
		edits: []edit{{"internal/httpx/writes_proof.go", "\tif !w.headersWritten.Load() {\n", "\tif !w.headersWritten.Load() || w.gate.Load() != nil {\n"}},
		red:   []test{{"internal/httpx", "TestWhatFailsAfterTheSendMayHaveBeenSent"}},
	},
	{
		name:  "deadline-gate",
		takes: "the gate that lets nothing through after the deadline",
		edits: []edit{{"internal/httpx/writes_proof.go", "\tif !deadline.IsZero() && !time.Now().Before(deadline) {\n", "\tif deadline.IsZero() && len(p) == 0 {\n"}},
		red: []test{
			{"internal/httpx", "TestAGateLetsNothingThroughAfterTheDeadline"},
			{"internal/httpx", "TestAProcessStoppedPastItsDeadlineSendsNothing"},
		},
	},
	{
		name: "refused-or-unknown", money: true,
		takes: "the difference between refused and unknown: a 5xx with errors is a refusal",
		edits: []edit{{"sinks/v4/classify.go", "\t\treturn status >= 400 && status <= 499\n", "\t\treturn status >= 400\n"}},
		red:   []test{{"sinks/v4", "TestRepliesToACreate"}, {"sinks/v4", "TestRepliesToACapture"}},
	},
	{
		name:  "places",
		takes: "the bound on intents in flight: there are as many as senders",
		edits: []edit{{"sync/engine/sink.go", "places: make(chan struct{}, s.opts.Concurrency)", "places: make(chan struct{}, 2*s.opts.Concurrency)"}},
		red:   []test{{"sync/engine", "TestTheNextIntentJoinsTheOutcomeBeforeIt"}},
	},
	{
		name:  "claims",
		takes: "the turn of one at a time: what is under way is taken for something in doubt by whoever else shows it",
		edits: []edit{{"sync/engine/write.go", "\tdefer disclaim()\n", "\tdisclaim()\n"}},
		red:   []test{{"sync/engine", "TestWhoComesSecondWaitsForTheFirst"}},
	},
	{
		name:  "rate-limiter",
		takes: "the rate limiter",
		edits: []edit{{"internal/httpx/limiter.go", "\tif l == nil {\n\t\treturn func() {}, contextError(ctx)\n", "\tif l == nil || cap(l.slots) > 0 {\n\t\treturn func() {}, contextError(ctx)\n"}},
		red: []test{
			{"internal/httpx", "TestTheWindowSlidesAtItsEdges"},
			{"sinks/v4", "TestEveryRequestWaitsForTheLimiter"},
		},
	},
	{
		name:  "redaction",
		takes: "the redaction of secrets in log lines",
		edits: []edit{{"internal/telemetry/logger.go", "\tif len(chosen.secrets) > 0 {\n", "\tif len(chosen.secrets) < 0 {\n"}},
		red:   []test{{"internal/telemetry", "TestASecretIsRedactedWhereverItStands"}},
	},
	{
		name:  "redacted-errors",
		takes: "the redaction of secrets in errors",
		edits: []edit{{
			"internal/httpx/secret.go",
			"\tif err == nil || Redact(err.Error(), secrets...) == err.Error() {\n",
			"\tif err == nil || len(secrets) >= 0 {\n",
		}},
		red: []test{{"internal/httpx", "TestARedactedErrorKeepsItsChain"}, {"internal/httpx", "TestWhatFailsAfterTheSendMayHaveBeenSent"}},
	},
}
