package state

import (
	"encoding/binary"
	"slices"

	"github.com/google/uuid"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// Two lines or more are stored for each preauthorization, so a line takes as few bytes as
// it can: what it has in common with its record, or with the line before, is not stored
// again. A line is
//
//	flags, 2 bytes: how the five common fields are stored, the action, what follows at the end
//	the number: for the first line how far it is from the newest, else how many are between
//	the time: for the first line how far it is from the record's Updated, else from the line's before
//	the event: its number, or 0 and its text
//	the phase, 1 byte, and the attempt
//	of cycle, request, amount, payment method and identity those that are given
//	of status, tracking id, reason and note those that are set

// How a field is stored.
const (
	isNone  = iota // it is empty or zero
	isGiven        // it follows; a cycle or request as the 16 bytes of a UUID
	asAbove        // the line before has the same
	asOwner        // the record has the same; a cycle or request follows as text
)

const isText = asOwner

// The flags: two bits each for the common fields and the action, then one each.
const (
	cycleShift    = 0
	requestShift  = 2
	amountShift   = 4
	methodShift   = 6
	identityShift = 8
	actionShift   = 10
	hasStatus     = 1 << 12
	hasTracking   = 1 << 13
	hasReason     = 1 << 14
	hasNote       = 1 << 15
	flagsLength   = 2
	usualLine     = 64 // most lines take less
)

// lineEvents are the events of journal lines. Their positions are stored: new ones go at
// the end. One that is missing here is stored as text.
//
//nolint:gochecknoglobals // a constant table
var lineEvents = [...]string{
	1: "create.intent", "create.applied", "create.unknown", "create.adopted", "create.not_sent", "create.absent",
	"create.rejected", "capture.intent", "capture.applied", "capture.unknown", "capture.not_sent", "capture.rejected",
	"action.parked", "action.lifted", "hold.orphaned", "hold.aging", "record.released", "record.baselined",
	"parked.retried", "parked.resolved", "state.older",
}

// owner is what lines may have in common with their record. Older lines of a long journal
// stand apart from it and have none.
type owner struct {
	updated          int64
	amount           preauth.Money
	method, identity int64
}

func ownerOf(r plan.Record) owner {
	return owner{updated: toMillis(r.Updated), amount: r.Amount, method: r.PaymentMethodID, identity: r.Identity}
}

// encodeLines gives the bytes of lines, the oldest first.
func encodeLines(of owner, lines []plan.Entry) []byte {
	if len(lines) == 0 {
		return nil
	}
	first, last := &lines[0], &lines[len(lines)-1]
	above := &plan.Entry{Seq: first.Seq - 1, At: first.At}
	b := make([]byte, 0, usualLine*len(lines))
	for n := range lines {
		e := &lines[n]
		w := lineWriter{b: append(b, make([]byte, flagsLength)...), start: len(b), of: of, above: above}
		if n == 0 {
			w.b = binary.AppendUvarint(w.b, last.Seq-e.Seq)
			w.b = binary.AppendVarint(w.b, of.updated-toMillis(e.At))
		} else {
			w.b = binary.AppendUvarint(w.b, e.Seq-above.Seq-1)
			w.b = binary.AppendVarint(w.b, toMillis(e.At)-toMillis(above.At))
		}
		b, above = w.line(e), e
	}
	return b
}

type lineWriter struct {
	b     []byte
	start int
	of    owner
	above *plan.Entry
	flags uint16
}

func (w *lineWriter) line(e *plan.Entry) []byte {
	number := max(slices.Index(lineEvents[:], e.Event), 0)
	if w.b = binary.AppendUvarint(w.b, uint64(number)); number == 0 {
		w.text(e.Event)
	}
	w.b = append(w.b, uint8(e.Phase))
	w.b = binary.AppendVarint(w.b, int64(e.Attempt))
	w.name(cycleShift, e.CycleID, w.above.CycleID)
	w.name(requestShift, e.RequestID, w.above.RequestID)
	switch {
	case e.Amount.IsZero():
	case sameMoney(e.Amount, w.of.amount):
		w.how(amountShift, asOwner)
	case sameMoney(e.Amount, w.above.Amount):
		w.how(amountShift, asAbove)
	default:
		w.how(amountShift, isGiven)
		w.text(preauth.AmountText(e.Amount.Amount))
		w.text(e.Amount.Currency)
	}
	w.count(methodShift, e.PaymentMethodID, w.of.method, w.above.PaymentMethodID)
	w.count(identityShift, e.Identity, w.of.identity, w.above.Identity)
	w.how(actionShift, uint16(e.Action))
	if e.Status != 0 {
		w.flags |= hasStatus
		w.b = binary.AppendVarint(w.b, int64(e.Status))
	}
	w.optional(hasTracking, e.TrackingID)
	w.optional(hasReason, string(e.Reason))
	w.optional(hasNote, e.Note)
	binary.BigEndian.PutUint16(w.b[w.start:], w.flags)
	return w.b
}

func (w *lineWriter) how(shift int, how uint16) { w.flags |= how << shift }

func (w *lineWriter) text(text string) {
	w.b = append(binary.AppendUvarint(w.b, uint64(len(text))), text...)
}

func (w *lineWriter) optional(flag uint16, text string) {
	if text != "" {
		w.flags |= flag
		w.text(text)
	}
}

// name stores the name of a cycle or a request.
func (w *lineWriter) name(shift int, name, above string) {
	switch name {
	case "":
		return
	case above:
		w.how(shift, asAbove)
		return
	}
	if id, err := idKey(preauth.ID(name)); err == nil {
		w.how(shift, isGiven)
		w.b = append(w.b, id...)
	} else {
		w.how(shift, isText)
		w.text(name)
	}
}

func (w *lineWriter) count(shift int, n, own, above int64) {
	switch n {
	case 0:
	case own:
		w.how(shift, asOwner)
	case above:
		w.how(shift, asAbove)
	default:
		w.how(shift, isGiven)
		w.b = binary.AppendVarint(w.b, n)
	}
}

// sameMoney compares two amounts that are not zero values.
func sameMoney(a, b preauth.Money) bool { return a.Equal(b) && !b.IsZero() }

// decodeLines gives back what encodeLines was given; last is the number of the newest.
func decodeLines(id preauth.ID, of owner, last uint64, b []byte) ([]plan.Entry, error) {
	var lines []plan.Entry
	r := lineReader{b: b, of: of}
	for len(r.b) > 0 && r.err == nil {
		e := plan.Entry{ID: id}
		flags := binary.BigEndian.Uint16(r.take(flagsLength))
		if lines == nil {
			e.Seq = last - r.unsigned()
			e.At = fromMillis(of.updated - r.signed())
		} else {
			e.Seq = r.above.Seq + 1 + r.unsigned()
			e.At = fromMillis(toMillis(r.above.At) + r.signed())
		}
		r.line(&e, flags)
		lines, r.above = append(lines, e), e
	}
	if r.err == nil && lines != nil && r.above.Seq != last {
		r.fault("its newest journal line has number %d and should have %d", r.above.Seq, last)
	}
	return lines, r.err
}

type lineReader struct {
	wireFaults
	b     []byte
	of    owner
	above plan.Entry
}

func (r *lineReader) line(e *plan.Entry, flags uint16) {
	if number := r.unsigned(); number == 0 {
		e.Event = r.text()
	} else if number < uint64(len(lineEvents)) {
		e.Event = lineEvents[number]
	} else {
		r.fault("a journal line's event of number %d", number)
	}
	how := func(shift int) uint16 { return flags >> shift & 3 }
	e.Phase = r.phase(r.take(1)[0])
	e.Attempt = int(r.signed())
	e.CycleID = r.name(how(cycleShift), r.above.CycleID)
	e.RequestID = r.name(how(requestShift), r.above.RequestID)
	switch how(amountShift) {
	case asOwner:
		e.Amount = r.of.amount
	case asAbove:
		e.Amount = r.above.Amount
	case isGiven:
		e.Amount = preauth.Money{Amount: r.amount(r.text()), Currency: r.text()}
	}
	e.PaymentMethodID = r.number(how(methodShift), r.of.method, r.above.PaymentMethodID)
	e.Identity = r.number(how(identityShift), r.of.identity, r.above.Identity)
	e.Action = r.action(uint8(how(actionShift)))
	if flags&hasStatus != 0 {
		e.Status = int(r.signed())
	}
	e.TrackingID = r.optional(flags & hasTracking)
	e.Reason = plan.Reason(r.optional(flags & hasReason))
	e.Note = r.optional(flags & hasNote)
}

// take gives the next bytes; zeros where there are fewer, which is a fault.
func (r *lineReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.fault("a journal line is cut short")
		r.b = nil
		return make([]byte, min(n, idLength))
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *lineReader) unsigned() uint64 {
	n, length := binary.Uvarint(r.b)
	r.take(uint64(r.used(length)))
	return n
}

func (r *lineReader) signed() int64 {
	n, length := binary.Varint(r.b)
	r.take(uint64(r.used(length)))
	return n
}

// used is the length of a number, which must have one.
func (r *lineReader) used(length int) int {
	if length <= 0 {
		r.fault("a number of a journal line cannot be decoded")
		r.b = nil
	}
	return max(length, 0)
}

func (r *lineReader) text() string {
	n := r.unsigned()
	if n > uint64(len(r.b)) {
		r.fault("a journal line is cut short")
		r.b = nil
		return ""
	}
	return string(r.take(n))
}

func (r *lineReader) optional(set uint16) string {
	if set == 0 {
		return ""
	}
	return r.text()
}

func (r *lineReader) name(how uint16, above string) string {
	switch how {
	case isGiven:
		return uuid.UUID(r.take(idLength)).String()
	case asAbove:
		return above
	case isText:
		return r.text()
	default:
		return ""
	}
}

func (r *lineReader) number(how uint16, own, above int64) int64 {
	switch how {
	case isGiven:
		return r.signed()
	case asAbove:
		return above
	case asOwner:
		return own
	default:
		return 0
	}
}
