// Package audit reconciles three books, and changes none of them: what the PMS
// says, what the ledger remembers, and what v4 holds.
//
// It reads them in this order: the holds of v4, then the preauthorizations of the
// PMS, then the ledger. The first two are sorted on disk, so that all three meet in
// one merge by the preauthorization's Id and memory does not grow with their number.
//
// Cycles may run meanwhile. That raises no alarm:
//
//   - Every write begins with a commit to its record. What the ledger has changed
//     since the audit began, or has under way, is counted as in motion and not
//     judged: v4 and the PMS were read before the ledger was.
//   - What v4 has been made to hold within v4.settle may not show in its lists yet,
//     so until then its absence is not judged.
//   - A hold that v4's list does not show is asked for singly.
//   - Before a finding is told its record is read again. When it has changed since
//     it was judged, it is in motion too.
//
// Three things are taken as they are. v4 does not say what is captured, so that is
// the ledger's word; and nothing says that it goes on listing what is captured, so a
// captured hold is missing only from a list that shows others. An observation that an
// operator has answered is counted, and not told again. A token in the form of an Id
// that no record and no reply explains is ours where v4 keeps tokens, unless the ledger
// has found it foreign; elsewhere gateways give such tokens of their own.
//
// A finding that the next cycle mends by itself is due. None is while something is known
// to keep that cycle from it: a pause, a mode, a fuse that has blown, a file that is older
// than the world. While the program observes, a preauthorization is decided about as if all
// had been sent that would have been, and a finding ends with what the report says of it.
//
// An audit is of one sink. What the ledger says to be on another one is left out.
//
// What cannot be read keeps nothing else from being compared: it is listed, and
// what depends on it is not judged.
package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Options describe an audit.
type Options struct {
	Ledger Ledger
	Sink   Sink
	// SinkName is the sink's in the ledger.
	SinkName string
	// Elsewhere are the enterprises that the audits of other sinks speak of.
	Elsewhere map[preauth.ID]bool
	// OwnTokens is set where a create carries its preauthorization's Id as the token.
	OwnTokens bool
	// Settle is how long a write may take to show on the sink.
	Settle time.Duration
	// Properties are the configured ones, or those that are to be compared.
	Properties []Property
	// Partial is set when there are more than Properties: what cannot be told to be
	// of one of them is left out.
	Partial bool
	// Observing is set while nothing is sent and only a report is kept.
	Observing bool
	// WithoutDue counts the findings that are due, and does not tell them.
	WithoutDue bool
	Clock      func() time.Time
	// Folder is where what is read is sorted; "" is the system's for temporary files.
	Folder string

	// memory is what each sort may use, in bytes; 0 means spillMemory.
	memory int
}

func (o Options) spill() *spill {
	return newSpill(o.Folder, cmp.Or(o.memory, spillMemory))
}

// Property is one property of the PMS, as a cycle would mirror it.
type Property struct {
	Name   string
	Source Source
	// Customers hands over whom the configuration lists, each at least once, and says
	// what is listed and is no customer. With an error the list is not complete, and a
	// cycle would create nothing; what was handed over stands.
	Customers func(ctx context.Context, visit func(preauth.ID) error) (left []string, err error)
	// Discovers is set where customers are discovered too.
	Discovers bool
	Methods   Methods
	// Lookup is the field in which the sink is asked for a card.
	Lookup string
	Policy plan.Policy
}

// Kind says how the three books differ. The set is closed.
type Kind string

// The kinds of findings.
const (
	// Missing: the PMS has it, or the ledger says that v4 does, and v4 does not hold it.
	Missing Kind = "missing"
	// Uncaptured: the PMS has charged it, and v4's hold is not known to be captured.
	Uncaptured Kind = "uncaptured"
	// Duplicate: v4 holds it once more than the ledger knows.
	Duplicate Kind = "duplicate"
	// Orphaned: v4 has held or captured what the PMS has released, has not charged, or
	// does not show any more.
	Orphaned Kind = "orphaned"
	// AmountDiffers: two of the three name different amounts.
	AmountDiffers Kind = "amount_differs"
	// MethodDiffers: v4 holds it on another payment method than the ledger says.
	MethodDiffers Kind = "payment_method_differs"
	// TokenDiffers: v4's hold carries the token of another preauthorization, or where v4
	// keeps tokens one in the form of an Id that is nobody's.
	TokenDiffers Kind = "token_differs"
	// Unknown: v4 holds it under a token of ours, and the ledger does not know.
	Unknown Kind = "unknown"
	// Undecided: the PMS says a state that this program does not know.
	Undecided Kind = "undecided"
)

// Kinds lists every kind of finding.
func Kinds() []Kind {
	return []Kind{Missing, Uncaptured, Duplicate, Orphaned, AmountDiffers, MethodDiffers, TokenDiffers, Unknown, Undecided}
}

// Finding is one difference.
type Finding struct {
	Kind Kind
	ID   preauth.ID
	// Identity is v4's, 0 where v4 has none.
	Identity int64
	// Property is empty where nothing says whose it is.
	Property string
	// Detail says in words what differs, and what comes of it.
	Detail string
	// Due is set when the next cycle sends what is missing.
	Due bool
	// Shadow is nil unless the program observes.
	Shadow *Shadow
}

// Shadow is the last that would have been done about a preauthorization, had the
// program not only observed.
type Shadow struct {
	// Action is create, capture, park or none.
	Action string
	// Amount is what was about to be sent, or would wait parked.
	Amount preauth.Money
	At     time.Time
	// Reason is that of a park.
	Reason plan.Reason
}

// Summary closes an audit.
type Summary struct {
	// Checked counts the preauthorizations that were compared.
	Checked int
	// Holds counts what v4 has shown, Foreign those of them that are not ours.
	Holds, Foreign int
	// InMotion counts what changed while it was being compared, has a request under way,
	// or was made too short a time ago to show on v4.
	InMotion int
	// Answered counts what differs and has been answered by an operator.
	Answered int
	// Unlisted counts captured holds that are not to be seen on a v4 that shows none
	// of the captured.
	Unlisted int
	// Findings counts what was told, Due what was due, told or not.
	Findings map[Kind]int
	Due      int
	// Unread says what could not be compared, and why.
	Unread []string
}

// Plus adds up two audits.
func (s Summary) Plus(other Summary) Summary {
	out := Summary{
		Checked: s.Checked + other.Checked, Holds: s.Holds + other.Holds, Foreign: s.Foreign + other.Foreign,
		InMotion: s.InMotion + other.InMotion, Answered: s.Answered + other.Answered, Unlisted: s.Unlisted + other.Unlisted,
		Findings: map[Kind]int{}, Due: s.Due + other.Due, Unread: slices.Concat(s.Unread, other.Unread),
	}
	for _, kind := range Kinds() {
		if n := s.Findings[kind] + other.Findings[kind]; n > 0 {
			out.Findings[kind] = n
		}
	}
	return out
}

// Run compares, and hands over what differs, by Id. The error is one of finding, of
// the ledger, of the folder or of ctx: then the rest was not compared.
func Run(ctx context.Context, opts Options, finding func(Finding) error) (_ Summary, err error) {
	a := &audit{
		Options: opts, tell: finding, facts: facts{opts.spill()},
		started: opts.Clock().Truncate(time.Millisecond), // as precisely as the ledger keeps times
		names:   map[preauth.ID]string{}, sinks: map[preauth.ID]string{}, summary: Summary{Findings: map[Kind]int{}},
	}
	defer func() { err = errors.Join(err, a.facts.close()) }()
	for _, step := range []func(context.Context) error{a.meet, a.readSink, a.readSource, a.compare} {
		if err := step(ctx); err != nil {
			return a.summary, err
		}
	}
	a.summary.Unread = a.unread.lines()
	return a.summary, nil
}

// audit is an audit under way.
type audit struct {
	Options

	tell    func(Finding) error
	started time.Time
	facts   facts
	sink    plan.Sink
	// older is set when the ledger is older than the world.
	older bool
	// properties are those of Options, names those of the ledger and the
	// configuration by enterprise.
	properties []property
	names      map[preauth.ID]string
	// sinks are the ledger's, by enterprise.
	sinks map[preauth.ID]string
	// listed is set when v4 has shown all that it holds.
	listed bool
	// listsCaptured is set once v4 has shown a hold that is captured; unlisted are the
	// captured that it did not show before.
	listsCaptured bool
	unlisted      *spill
	// asked counts the holds asked for singly.
	asked   int
	unread  unread
	summary Summary
}

// property is a property and what the ledger knows of it.
type property struct {
	Property

	// enterprise is empty when it is not known.
	enterprise preauth.ID
	// asked is set when its token has told its enterprise.
	asked bool
	// firstRun is set while charged history becomes the baseline.
	firstRun bool
	// halted says why a cycle sends nothing, and is empty when it does.
	halted string
}

// meet finds out which enterprise each property is.
func (a *audit) meet(ctx context.Context) error {
	var err error
	if a.sink, _, err = a.Ledger.Sink(ctx, a.SinkName); err != nil {
		return err
	}
	docs, err := a.Ledger.Properties(ctx)
	if err != nil {
		return err
	}
	pauses, err := a.Ledger.Pauses(ctx)
	if err != nil {
		return err
	}
	a.older = a.Ledger.File().Older != ""
	for _, doc := range docs {
		a.names[doc.Enterprise], a.sinks[doc.Enterprise] = doc.Name, doc.Sink
	}
	for _, p := range a.Properties {
		next := property{Property: p}
		enterprise, err := p.Source.Enterprise(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			a.unread.add("property %s was not compared with the PMS: %v", p.Name, err)
		}
		at := slices.IndexFunc(docs, func(doc plan.Property) bool {
			return doc.Enterprise == enterprise || err != nil && doc.Name == p.Name
		})
		next.enterprise, next.asked, next.firstRun = enterprise, err == nil, !a.sink.TokensAtCreation
		if at >= 0 {
			next.enterprise = docs[at].Enterprise
			done := docs[at].FirstRunDone || a.Observing && docs[at].ObservedFirstRunDone
			next.firstRun = next.firstRun && !done
			next.halted = blown(docs[at].LastCycle)
		}
		if slices.ContainsFunc(pauses, func(p plan.Pause) bool { return p.Enterprise == "" || p.Enterprise == next.enterprise }) {
			next.halted = "writes are paused"
		}
		if a.Observing {
			next.halted = "mirror.mode is observe"
		}
		if next.enterprise != "" {
			a.names[next.enterprise] = p.Name
		}
		a.properties = append(a.properties, next)
	}
	return nil
}

// blown says that the last cycle has sent nothing for its fuse, or gives "".
func blown(last *plan.CycleReport) string {
	if last == nil || !last.Fuse {
		return ""
	}
	return "the fuse has blown in the last cycle, which sent nothing"
}

// of gives the index of the property that an enterprise is, -1 for none.
func (a *audit) of(enterprise preauth.ID) int {
	return slices.IndexFunc(a.properties, func(p property) bool { return enterprise != "" && p.enterprise == enterprise })
}

// isApart tells whether an enterprise's records are on another sink.
func (a *audit) isApart(enterprise preauth.ID) bool {
	if sink := a.sinks[enterprise]; sink != "" {
		return sink != a.SinkName
	}
	return a.Elsewhere[enterprise]
}

// mostUnread is how many lines say what could not be compared; the rest is counted.
const mostUnread = 100

// unread collects what could not be compared.
type unread struct {
	said []string
	more int
}

func (u *unread) add(format string, args ...any) {
	if len(u.said) == mostUnread {
		u.more++
		return
	}
	u.said = append(u.said, fmt.Sprintf(format, args...))
}

func (u *unread) lines() []string {
	if u.more == 0 {
		return u.said
	}
	return append(u.said, fmt.Sprintf("and %d more", u.more))
}
