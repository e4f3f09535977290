package telemetry

// The stable names under the key "event". A name is never reused for something
// else: alerts are built on them. Journal lines carry the same names.
const (
	// CycleStarted and CycleFinished frame a property's cycle. The latter carries
	// the counts.
	CycleStarted  = "cycle.started"
	CycleFinished = "cycle.finished"

	// CreateApplied: v4 made the hold.
	CreateApplied = "create.applied"
	// CreateUnknown: whether v4 made the hold is not known yet.
	CreateUnknown = "create.unknown"
	// CreateAdopted: v4 holds it already, without an intent in this file.
	CreateAdopted = "create.adopted"
	// CreateNotSent: it is proven that no complete request left.
	CreateNotSent = "create.not_sent"
	// CreateAbsent: an unknown create turned out not to have happened.
	CreateAbsent = "create.absent"
	// CreateRejected: v4 refused the create.
	CreateRejected = "create.rejected"

	// CaptureApplied: v4 made the payment.
	CaptureApplied = "capture.applied"
	// CaptureUnknown: whether v4 made the payment is not known.
	CaptureUnknown = "capture.unknown"
	// CaptureNotSent: it is proven that no complete request left.
	CaptureNotSent = "capture.not_sent"
	// CaptureRejected: v4 refused the capture.
	CaptureRejected = "capture.rejected"

	// ActionParked: work on a preauthorization stopped; the reason says why.
	ActionParked = "action.parked"
	// ActionLifted: a parked one goes on by itself.
	ActionLifted = "action.lifted"
	// HoldOrphaned: the PMS released what v4 still holds and cannot void.
	HoldOrphaned = "hold.orphaned"
	// HoldAging: a hold stands at v4 for longer than mirror.hold_warn_after allows
	// unnoticed; once for each hold.
	HoldAging = "hold.aging"
	// FuseBlown: the plan was larger than allowed, so nothing was sent.
	FuseBlown = "fuse.blown"

	// SourceThrottled: the Connector API asked to wait.
	SourceThrottled = "source.throttled"
	// SourceCustomerRefused: one customer could not be read.
	SourceCustomerRefused = "source.customer_refused"
	// SourceConflict: one reply showed an Id twice with different contents.
	SourceConflict = "source.conflict"
	// SourceFailed: a poll failed.
	SourceFailed = "source.failed"
	// FirstRunOpen: not every listed customer has been read yet, so charged history
	// goes on becoming the baseline.
	FirstRunOpen = "first_run.open"
	// PropertyUnconfigured: the state file holds unfinished records of a property that
	// the configuration does not name; they are not polled.
	PropertyUnconfigured = "property.unconfigured"

	// SinkUnusable: nothing can be sent to v4 now.
	SinkUnusable = "sink.unusable"
	// SinkThrottled: v4 asked to wait.
	SinkThrottled = "sink.throttled"
	// SinkListed: what v4 holds has been listed, before the first write.
	SinkListed = "sink.listed"
	// SinkOutage: too many unknown outcomes in a row; sending has stopped.
	SinkOutage = "sink.outage"
	// TokenKept: v4 has been seen to keep the tokens it is given.
	TokenKept = "token.kept"
	// TokenNotKept: it has been seen not to.
	TokenNotKept = "token.not_kept"

	// StateOlder: the state file is older than the world.
	StateOlder = "state.older"
	// StateFailed: the state file can no longer be written; the process ends.
	StateFailed = "state.failed"
	// ConfigRefused: the configuration was refused; on SIGHUP the old one stays.
	ConfigRefused = "config.refused"
)

// What is done in the shadow, and what is looked up.
const (
	// ObserveStarted: from this cycle on the property is mirrored in the shadow.
	ObserveStarted = "observe.started"
	// CreateObserved: in the shadow, v4 would have been asked for the hold.
	CreateObserved = "create.observed"
	// CaptureObserved: in the shadow, v4 would have been asked to capture the hold.
	CaptureObserved = "capture.observed"
	// ReleaseObserved: in the shadow, the PMS released what v4 would hold.
	ReleaseObserved = "release.observed"
	// ParkObserved: in the shadow, the preauthorization would have been parked.
	ParkObserved = "park.observed"
	// MethodsFailed: v4 could not be asked which card is which payment method.
	MethodsFailed = "methods.failed"
)

// Events of the daemon.
const (
	// DaemonStarted: the daemon runs; its next cycle begins at once.
	DaemonStarted = "daemon.started"
	// DaemonStopping: a signal came, or it cannot go on; what has been sent is waited for.
	DaemonStopping = "daemon.stopping"
	// DaemonStopped is its last line; the field error says why it could not go on.
	DaemonStopped = "daemon.stopped"
	// ConfigReloaded: SIGHUP was answered, the new configuration holds.
	ConfigReloaded = "config.reloaded"
	// CyclePanicked: a defect of this program ended the cycle; the next one runs.
	CyclePanicked = "cycle.panicked"
	// NotifyFailed: systemd could not be told how the daemon fares.
	NotifyFailed = "notify.failed"
	// ControlFailed: operators cannot reach the daemon by its socket; it mirrors on.
	ControlFailed = "control.failed"
	// ControlRefused: a process of another user was turned away from the control socket.
	ControlRefused = "control.refused"
	// ControlAnswered: an operator was answered on the control socket.
	ControlAnswered = "control.answered"
	// ControlPanicked: a defect of this program ended an operator's request.
	ControlPanicked = "control.panicked"
)

// What operators order.
const (
	// WritesPaused: nothing that writes is sent, for one property or all, until resumed.
	WritesPaused = "writes.paused"
	// WritesResumed: it is again.
	WritesResumed = "writes.resumed"
	// BackfillProgress says how far a backfill is.
	BackfillProgress = "backfill.progress"
)

// What operators answer. The journal carries these with their notes.
const (
	// ParkedRetried: a mark was lifted, and the next cycle goes on.
	ParkedRetried = "parked.retried"
	// ParkedResolved: an operator has said what became of it.
	ParkedResolved = "parked.resolved"
)

// Events that only the journal carries, or that tell of a record without a request.
const (
	// CreateIntent and CaptureIntent are durable before their request leaves.
	CreateIntent  = "create.intent"
	CaptureIntent = "capture.intent"
	// RecordReleased is a preauthorization that the PMS released before anything was created.
	RecordReleased = "record.released"
	// RecordBaselined is one that was charged before this program came.
	RecordBaselined = "record.baselined"
	// StateRefused is a state file that does not fit the world it is used in.
	StateRefused = "state.refused"
	// TokenHidden is a sink that does not show a token it is known to keep.
	TokenHidden = "token.hidden"
	// IntentsInDoubt are requests without a definite answer at the end of a cycle.
	IntentsInDoubt = "intents.in_doubt"
	// RunFailed is a one-shot run that could not be done at all.
	RunFailed = "run.failed"
	// RuntimeMessage is what Go's own libraries have to say.
	RuntimeMessage = "runtime.message"
	// Request is an exchange with one of the APIs, whatever came of it.
	Request = "request"
	// RequestRetried is a read that failed and is tried again.
	RequestRetried = "request.retried"
	// VerifyFailed is an unknown create that could not be looked up.
	VerifyFailed = "verify.failed"
)
