package plan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// AnswerError is an operator's answer that does not fit the record it is for.
// Nothing has been changed.
type AnswerError struct {
	ID  preauth.ID
	Why string
}

// Error names the preauthorization and says what to do instead.
func (e *AnswerError) Error() string { return fmt.Sprintf("preauthorization %s: %s", e.ID, e.Why) }

// Answered is a record after an operator's answer.
type Answered struct {
	Record Record
	// Entry is the answer's line in the journal. Its event is the caller's to name.
	Entry Entry
	// Then says in words what comes of it.
	Then string
}

// Retrying is an operator's wish that parked work goes on, and what is known of
// the sink it goes on with.
type Retrying struct {
	// ResendCreate allows a create that cannot be looked up to be sent again:
	// somebody has searched v4 by hand and it is not there.
	ResendCreate bool
	// ResendCapture allows a capture to be sent again that may have taken effect:
	// somebody has looked for its payment in v4 and there is none.
	ResendCapture bool
	// Note is the operator's, see CheckNote; it may be empty.
	Note string
	// Proof says whether the sink has shown that it keeps tokens.
	Proof Proof
	// Settle is how long a write may take to show on the sink after its deadline.
	Settle time.Duration
}

// Retry lifts a record's mark, so that the next cycle goes on with it:
//
//	phase                parked for                       becomes           and then
//	creating             unknown_create, duplicate_found  as it was         looked up by its token, as after a crash
//	creating, no lookup  unknown_create                   the phase before  decided afresh; only with ResendCreate
//	capturing            unknown_capture                  created           captured again; only with ResendCapture
//	adopted              unknown_capture                  created           captured again; only with ResendCapture
//	any other            any other                        as it was         decided afresh, and parked again while its cause is there
//
// There is no lookup where the create did not carry its own Id as the token, or
// where the sink is known not to keep tokens. A create that can be looked up is
// looked up, whatever is allowed. Nothing is sent again before the effect of the
// send before must show. It is an *AnswerError that the record is not parked,
// or that the retry needs a permission it does not have.
//
// Sends tells a capture sent again from a first one: while it is above 0 in phase
// created, an earlier capture may have taken effect, and a refusal of the next
// one proves nothing. The count goes on: one word allows one more send.
func Retry(rec Record, with Retrying, now time.Time) (Answered, error) {
	if err := errors.Join(rec.Answerable(), CheckNote(with.Note)); err != nil {
		return Answered{}, err
	}
	next := rec
	next.Park, next.Missing = nil, 0
	then := "the next cycle decides afresh, and parks it again if its cause is still there"
	var err error
	switch {
	case rec.Phase == Creating:
		then, err = next.retryCreate(rec.Park.Reason, with, now)
	case rec.captureInDoubt():
		then, err = next.retryCapture(with, now)
	case rec.Park.Reason == UnknownCreate && rec.Identity == 0:
		// Every send was found absent; the operator's word begins a new count.
		next.Sends, then = 0, "the next cycle decides afresh, with a new count of sends"
	}
	if err != nil {
		return Answered{}, err
	}
	return answered(rec, next, with.Note, then, now), nil
}

func (r *Record) retryCreate(parked Reason, with Retrying, now time.Time) (string, error) {
	in := r.Intent
	switch {
	case in.Token == string(r.ID) && (with.Proof != ProofNotKept || parked == DuplicateFound):
		return "it is looked up by its token, and sent again only once it is proven absent", nil
	case parked == DuplicateFound:
		return "", r.refuse("v4 holds something under its token: resolve it as created=IDENTITY, captured or released")
	case !with.ResendCreate:
		method := fmt.Sprintf("payment method %d", in.PaymentMethodID)
		if in.PaymentMethodID == 0 {
			method = "the AutoPay method"
		}
		return "", r.refuse("its create of %s cannot be looked up: search v4 for that amount and %s; "+
			"resolve it as created=IDENTITY if it is there, retry it with --resend-create if it is not", in.Amount, method)
	}
	if err := r.settled(with.Settle, now); err != nil {
		return "", err
	}
	r.Phase, r.Intent, r.Sends = in.Before, nil, in.Attempt
	return "the next cycle decides afresh, and may create it again", nil
}

func (r *Record) retryCapture(with Retrying, now time.Time) (string, error) {
	if !with.ResendCapture {
		return "", r.refuse("whether identity %d has been captured is not known: look in v4 for its payment; "+
			"resolve it as captured if there is one, retry it with --resend-capture if there is none", r.Identity)
	}
	if r.Phase == Capturing {
		if err := r.settled(with.Settle, now); err != nil {
			return "", err
		}
	}
	r.Sends = r.captures()
	r.Phase, r.Intent, r.Unsure = Created, nil, false
	return fmt.Sprintf("identity %d is captured again once the PMS says Charged", r.Identity), nil
}

// settled refuses until the effect of the intent's send must show.
func (r Record) settled(settle time.Duration, now time.Time) error {
	if shows := r.Intent.Deadline.Add(settle); now.Before(shows) {
		return r.refuse("its %s may still take effect: look in v4 again after %s, and answer then",
			r.Intent.Action, shows.UTC().Format(time.RFC3339))
	}
	return nil
}

// captureInDoubt tells whether the hold of a parked record may have been
// captured without this file knowing.
func (r Record) captureInDoubt() bool {
	return r.Phase == Capturing || (r.Park.Reason == UnknownCapture && r.Identity != 0 && r.Phase != Captured)
}

// captures counts the captures in doubt. One that this file does not know of counts too.
func (r Record) captures() int {
	if r.Phase == Capturing {
		return r.Intent.Attempt
	}
	return max(r.Sends, 1)
}

// Answer is what an operator says has become of a parked preauthorization.
type Answer struct {
	// As is Created, Captured or Released.
	As Phase
	// Hold is what v4 holds for it, when As is Created. Its identity is the
	// operator's word; the rest is what v4 says of that identity.
	Hold preauth.Hold
	// Currency is what the hold's tenant bills in: v4 has none.
	Currency string
}

// ParseAnswer reads created=IDENTITY, captured or released.
func ParseAnswer(text string) (Answer, error) {
	number, created := strings.CutPrefix(text, "created=")
	switch {
	case text == Captured.String():
		return Answer{As: Captured}, nil
	case text == Released.String():
		return Answer{As: Released}, nil
	case created:
		if identity, err := strconv.ParseInt(number, 10, 64); err == nil && identity > 0 {
			return Answer{As: Created, Hold: preauth.Hold{Identity: identity}}, nil
		}
	}
	return Answer{}, fmt.Errorf("%.64q is no answer: use created=IDENTITY with v4's number for the hold, captured, or released", text)
}

// Resolve ends a record's doubt with an operator's answer:
//
//	answer     for                                       becomes
//	created    what v4 holds and has not captured        created, with the amount and the method v4 shows
//	captured   what has been collected, here or there    captured; nothing is sent for it any more
//	released   what is let go                            released; an identity, and doubt about its capture, stay
//
// Created does not answer whether a capture took effect: that is Captured, or a
// retry that allows another. What is captured stays so. A known identity is
// never exchanged for another. The observation that caused the mark counts as
// answered: it does not park again, and what was let go is not sent while the PMS
// says the same. Resolve needs a note. What does not fit is an *AnswerError.
func Resolve(rec Record, answer Answer, note string, now time.Time) (Answered, error) {
	if err := errors.Join(rec.Answerable(), CheckNote(note)); err != nil {
		return Answered{}, err
	}
	if strings.TrimSpace(note) == "" {
		return Answered{}, rec.refuse("an answer needs a note: say what was found, and where")
	}
	next, then := rec, ""
	next.Park, next.Intent = nil, nil
	seen := rec.Park.Seen
	next.Answered = &seen
	if rec.Park.Reason != SourceMissing {
		next.Missing = 0 // what is missing by now may be told; what was answered is not told again
	}
	var err error
	switch answer.As {
	case Created:
		then, err = next.resolveCreated(rec, answer, now)
	case Captured:
		then = next.resolveCaptured(seen)
	case Released:
		then, err = next.resolveReleased(rec)
	default:
		err = rec.refuse("it cannot be resolved as %s: use created=IDENTITY, captured or released", answer.As)
	}
	if err != nil {
		return Answered{}, err
	}
	if !rec.Seen.Equal(seen) {
		then += fmt.Sprintf("; the PMS has said %s since, and the next cycle decides on that", rec.Seen.words())
	}
	return answered(rec, next, note, then, now), nil
}

func (r *Record) resolveCreated(was Record, answer Answer, now time.Time) (string, error) {
	hold := answer.Hold
	switch {
	case hold.Identity <= 0:
		return "", r.refuse("%d is no identity of v4", hold.Identity)
	case was.Phase == Captured:
		return "", r.refuse("identity %d has been captured, and v4 cannot undo that: resolve it as captured", was.Identity)
	case was.captureInDoubt(), was.Unsure:
		return "", r.refuse("whether identity %d has been captured is not known: resolve it as captured, "+
			"or retry it with --resend-capture", was.Identity)
	case was.Identity != 0 && was.Identity != hold.Identity:
		return "", r.refuse("its identity on v4 is %d, not %d", was.Identity, hold.Identity)
	case was.Identity == 0:
		r.Sends, r.HeldSince = 0, now
	}
	r.Phase, r.Identity, r.PaymentMethodID = Created, hold.Identity, hold.PaymentMethodID
	r.Amount = preauth.Money{Amount: hold.Amount, Currency: answer.Currency}
	if seen := was.Park.Seen; !seen.Amount.Equal(r.Amount) {
		return fmt.Sprintf("v4 holds %s under identity %d, and nothing is captured while the PMS says %s",
			r.Amount, r.Identity, seen.words()), nil
	}
	return fmt.Sprintf("v4 holds %s under identity %d, which is captured once the PMS says Charged", r.Amount, r.Identity), nil
}

func (r *Record) resolveCaptured(seen Observation) string {
	r.Phase, r.Unsure, r.Sends = Captured, false, 0
	if r.Amount.IsZero() {
		r.Amount = seen.Amount
	}
	return "nothing more is sent for it"
}

func (r *Record) resolveReleased(was Record) (string, error) {
	if was.Phase == Captured {
		return "", r.refuse("it has been captured, and v4 cannot undo that: resolve it as captured")
	}
	switch {
	case was.captureInDoubt():
		r.Unsure, r.Sends = true, was.captures()
	case was.Identity == 0:
		r.Sends = 0
	}
	r.Phase = Released
	return fmt.Sprintf("nothing is sent for it while the PMS says %s", was.Park.Seen.words()), nil
}

// maxNote is the length of an operator's note, in characters.
const maxNote = 1000

// CheckNote says what is wrong with an operator's note: it is one line of at most
// 1000 characters, and may be empty.
func CheckNote(note string) error {
	switch {
	case !utf8.ValidString(note):
		return errors.New("the note is not UTF-8")
	case utf8.RuneCountInString(note) > maxNote:
		return fmt.Errorf("the note has %d characters; at most %d are kept", utf8.RuneCountInString(note), maxNote)
	case strings.ContainsFunc(note, unicode.IsControl):
		return errors.New("the note has control characters: write it as one line")
	}
	return nil
}

// Answerable gives an *AnswerError for a record that is not parked.
func (r Record) Answerable() error {
	switch {
	case r.Park != nil:
		return nil
	case r.Phase.InFlight():
		return r.refuse("it is not parked: its phase is %s, and its outcome is still being found out", r.Phase)
	default:
		return r.refuse("it is not parked: its phase is %s", r.Phase)
	}
}

func (r Record) refuse(format string, args ...any) error {
	return &AnswerError{ID: r.ID, Why: fmt.Sprintf(format, args...)}
}

// answered puts an answer together. Its journal line tells of the doubt that it ends.
func answered(rec, next Record, note, then string, now time.Time) Answered {
	next.Updated = now
	entry := Entry{
		ID: rec.ID, At: now, Phase: next.Phase, Amount: next.AtStake(), PaymentMethodID: next.PaymentMethodID,
		Identity: next.Identity, TrackingID: rec.Park.TrackingID, Reason: rec.Park.Reason, Note: note,
	}
	if in := rec.Intent; in != nil {
		entry.Action, entry.Attempt = in.Action, in.Attempt
	}
	return Answered{Record: next, Entry: entry, Then: then}
}

// words says an observation as people do.
func (o Observation) words() string {
	state, amount := o.State.String(), o.Amount.String()
	if o.State == preauth.Unknown {
		state = strconv.Quote(o.StateText)
	}
	if !o.Active {
		state += " (not active)"
	}
	if o.AmountFault != "" {
		amount = o.AmountFault
	}
	return state + ", " + amount
}
