package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Kind is what a fault does.
type Kind string

// The kinds of fault. What each does with After is said at Fault.After.
const (
	// KindStatus answers Status (503 when 0) with Header and Body.
	KindStatus Kind = "status"
	// KindThrottle answers 429, with a Retry-After of exactly RetryAfter unless that is empty.
	KindThrottle Kind = "throttle"
	// KindRedirect answers Status (307 when 0) to Location, the same address when empty.
	KindRedirect Kind = "redirect"
	// KindReset cuts the connection without a reply; over TCP with a reset.
	KindReset Kind = "reset"
	// KindResetUnread cuts it before the request's body is read. Match sees no body.
	KindResetUnread Kind = "reset_unread"
	// KindDelay answers rightly, Delay late.
	KindDelay Kind = "delay"
	// KindHang never answers.
	KindHang Kind = "hang"
	// KindTruncatedBody announces the whole body, sends Size bytes of it (half when 0) and hangs up.
	KindTruncatedBody Kind = "truncated_body"
	// KindHeadersOnly announces the whole body, sends none of it and hangs up.
	KindHeadersOnly Kind = "headers_only"
	// KindEmptyBody answers with the right status and no body.
	KindEmptyBody Kind = "empty_body"
	// KindHTMLBody answers with the right status and an HTML page.
	KindHTMLBody Kind = "html_body"
	// KindGarbageJSON answers with JSON that breaks off.
	KindGarbageJSON Kind = "garbage_json"
	// KindWrongTypes answers with every number as a string.
	KindWrongTypes Kind = "wrong_types"
	// KindErrorsBesideSuccess adds errors to a reply of success.
	KindErrorsBesideSuccess Kind = "errors_beside_success"
	// KindRewrite answers what Rewrite makes of the right reply.
	KindRewrite Kind = "rewrite"
	// KindInformationalFlood sends Size (1000 when 0) replies of 103 before the right one.
	KindInformationalFlood Kind = "informational_flood"
	// KindSlowBody sends the right body a byte every Delay (1 s when 0).
	KindSlowBody Kind = "slow_body"
	// KindHugeBody sends a body of Size bytes, 10 GiB when 0.
	KindHugeBody Kind = "huge_body"
	// KindGzipBomb sends Size bytes (1 GiB when 0) of spaces, compressed.
	KindGzipBomb Kind = "gzip_bomb"
	// KindEndlessHeaders sends Size bytes (1 GiB when 0) of headers.
	KindEndlessHeaders Kind = "endless_headers"
	// KindLateEffect cuts the connection, or answers Status when it is given, and
	// the request takes effect Delay after that.
	KindLateEffect Kind = "late_effect"
)

// Kinds lists every kind of fault.
func Kinds() []Kind {
	return []Kind{
		KindStatus, KindThrottle, KindRedirect, KindReset, KindResetUnread, KindDelay, KindHang, KindTruncatedBody,
		KindHeadersOnly, KindEmptyBody, KindHTMLBody, KindGarbageJSON, KindWrongTypes, KindErrorsBesideSuccess,
		KindRewrite, KindInformationalFlood, KindSlowBody, KindHugeBody, KindGzipBomb, KindEndlessHeaders, KindLateEffect,
	}
}

// RequestedKinds lists those that can be asked for over HTTP; each may end in _before
// or _after, see Fault.After.
func RequestedKinds() []Kind {
	return slices.DeleteFunc(Kinds(), func(kind Kind) bool { return kind == KindRewrite }) // it is a function
}

// Operations lists those of both APIs.
func Operations() []string {
	return []string{
		OpPoll, OpCustomers, OpReservations, OpConfiguration,
		OpLogin, OpCreate, OpCapture, OpSearch, OpPaged, OpList, OpGet, OpMethods, OpUnknown,
	}
}

// Fault is a rule: which requests meet which fault.
type Fault struct {
	// API and Operation choose the requests, see the constants; "" is any.
	API, Operation string
	// Match chooses further, when set. It is called without the world's lock.
	Match func(Request) bool
	// Nth lets the first Nth-1 of the chosen requests pass. Times is then 1 when 0.
	Nth int
	// Probability is that of the fault for each request so chosen; 0 is always. It
	// depends on the seed, the request's key and how often that came.
	Probability float64
	// Times is how often the rule applies; 0 is without end.
	Times int

	Kind Kind
	// After says that the request takes effect all the same, before the fault. Without
	// it the request takes no effect, except that KindDelay then has it after the
	// delay, and that KindInformationalFlood, KindSlowBody and KindLateEffect always
	// have it. For reads it makes no difference but to KindDelay's order.
	After bool
	// Delay comes before the reply of every kind; see KindSlowBody and KindLateEffect.
	// When the client hangs up before it is over nothing more happens: to have the
	// effect nevertheless, use After or KindLateEffect.
	Delay time.Duration

	Status     int
	Header     http.Header
	Body       string
	RetryAfter string
	Location   string
	Size       int64
	// Rewrite gets the right reply's status and body. What it makes of a write that
	// takes no effect (see After) must not read as success, or the sink has lied.
	Rewrite func(status int, body []byte) (int, []byte)
}

// Validate says what is wrong with a rule.
func (f Fault) Validate() error {
	if !slices.Contains(Kinds(), f.Kind) {
		return fmt.Errorf("there is no kind of fault %q", f.Kind)
	}
	if f.API != "" && f.API != APIConnector && f.API != APIV4 {
		return fmt.Errorf("there is no API %q: it is connector or v4", f.API)
	}
	if f.Operation != "" && !slices.Contains(Operations(), f.Operation) {
		return fmt.Errorf("there is no operation %q", f.Operation)
	}
	if f.Kind == KindRewrite && f.Rewrite == nil {
		return fmt.Errorf("a fault of kind %s needs a Rewrite function", f.Kind)
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("the status %d is not one of 200 to 599", f.Status)
	}
	if f.Nth < 0 || f.Times < 0 || f.Delay < 0 || f.Size < 0 || f.Probability < 0 || f.Probability > 1 {
		return fmt.Errorf("a fault's numbers are not negative, and its probability is at most 1")
	}
	return nil
}

type rule struct {
	Fault
	id         int64
	seen, used int
}

// Inject adds a rule; the oldest rule that applies to a request is the one used.
// It panics when Validate refuses the rule, since it would silently test nothing.
func (w *World) Inject(f Fault) (cancel func()) {
	id, err := w.inject(f)
	if err != nil {
		panic("simulator: " + err.Error())
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		// a new slice: pick may be walking the old one
		w.rules = slices.DeleteFunc(slices.Clone(w.rules), func(r *rule) bool { return r.id == id })
	}
}

func (w *World) inject(f Fault) (int64, error) {
	if err := f.Validate(); err != nil {
		return 0, err
	}
	if f.Nth > 0 && f.Times == 0 {
		f.Times = 1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ruleCount++
	w.rules = append(slices.Clone(w.rules), &rule{Fault: f, id: w.ruleCount})
	return w.ruleCount, nil
}

// ClearFaults removes every rule and ends the chaos. Late effects still come.
func (w *World) ClearFaults() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules, w.chaos = nil, nil
}

// pick gives the fault that this request meets, or nil. It is asked twice:
// before the body is read, for the kind that does not read it, and after.
func (w *World) pick(c *call, unread bool) *Fault {
	w.mu.Lock()
	rules, chaos := w.rules, w.chaos
	w.mu.Unlock()
	for _, r := range rules {
		if (r.Kind == KindResetUnread) == unread && r.concerns(c) && w.use(r, c) {
			w.met(c, r.Kind)
			return &r.Fault
		}
	}
	if chaos == nil || unread {
		return nil
	}
	f := chaos.pick(w.seed, c)
	if f != nil {
		w.met(c, f.Kind)
	}
	return f
}

// met notes the fault before the client can feel it, so that who has felt it
// finds it in the log.
func (w *World) met(c *call, kind Kind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.entry.Fault = kind
	w.note(c.entry)
}

func (r *rule) concerns(c *call) bool {
	return (r.API == "" || r.API == c.api.name) && (r.Operation == "" || r.Operation == c.op.name) &&
		(r.Match == nil || r.Match(c.entry))
}

// use counts a request against a rule and tells whether it applies.
func (w *World) use(r *rule, c *call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.seen++
	if r.seen < r.Nth || (r.Times > 0 && r.used >= r.Times) {
		return false
	}
	if r.Probability > 0 {
		dice := random(w.seed, "fault", strconv.FormatInt(r.id, 10), c.op.name, c.entry.Key, strconv.Itoa(c.occasion))
		if dice.Float64() >= r.Probability {
			return false
		}
	}
	r.used++
	return true
}
