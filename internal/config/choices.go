package config

// TransactionToken is what a create sends as its transactionToken.
type TransactionToken string

// The transaction tokens. Only an Id can be verified.
const (
	// TokenID sends the preauthorization's own Id.
	TokenID TransactionToken = "id"
	// TokenCode sends its Code.
	TokenCode TransactionToken = "code"
	// TokenNone sends none.
	TokenNone TransactionToken = "none"
)

// CaptureEmptyReply is what an empty 2xx reply to a capture means.
type CaptureEmptyReply string

// The meanings of an empty reply.
const (
	EmptyUnknown CaptureEmptyReply = "unknown"
	EmptySuccess CaptureEmptyReply = "success"
)

// Mode is what is sent at all.
type Mode string

// The modes.
const (
	// ModeObserve sends nothing.
	ModeObserve Mode = "observe"
	// ModeCaptureOnly creates nothing.
	ModeCaptureOnly Mode = "capture_only"
	// ModeFull creates and captures.
	ModeFull Mode = "full"
)

// FirstRun is what becomes of what was charged before this program came.
type FirstRun string

// The treatments of a first run.
const (
	FirstRunBaseline FirstRun = "baseline"
	FirstRunMirror   FirstRun = "mirror"
)

// NewCustomers is what becomes of the charged history of customers added later.
type NewCustomers string

// The treatments of customers added later.
const (
	NewCustomersPark     NewCustomers = "park"
	NewCustomersBaseline NewCustomers = "baseline"
	NewCustomersMirror   NewCustomers = "mirror"
)

// UnknownCapture is what becomes of a capture whose outcome is not known.
type UnknownCapture string

// The treatments of an unknown capture.
const (
	UnknownCapturePark UnknownCapture = "park"
	// UnknownCaptureRetry sends it again: only for a gateway that refuses a second
	// full capture.
	UnknownCaptureRetry UnknownCapture = "retry"
)
