package cli

import (
	"fmt"
	"strings"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

// told says a line of the journal as a sentence, and what either vendor's support
// asks for.
func told(l control.Entry) string {
	parts := []string{happened(l)}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if l.Attempt > 1 {
		add("attempt %d", l.Attempt)
	}
	if l.Status != 0 {
		add("HTTP %d", l.Status)
	}
	if l.TrackingID != "" {
		add("trackingId %s", l.TrackingID)
	}
	if l.RequestID != "" {
		add("Request-Id %s", l.RequestID)
	}
	if l.Note != "" {
		add("%s", l.Note)
	}
	return strings.Join(parts, "; ")
}

// happened is the sentence of an event.
func happened(l control.Entry) string {
	amount := money(l.Amount, l.Currency)
	switch l.Event {
	case telemetry.CreateIntent:
		return fmt.Sprintf("about to ask v4 for a hold of %s on %s", amount, method(l.PaymentMethodID))
	case telemetry.CreateApplied:
		return fmt.Sprintf("v4 holds %s as identity %d", amount, l.Identity)
	case telemetry.CreateAdopted:
		return fmt.Sprintf("v4 was found to hold %s as identity %d already", amount, l.Identity)
	case telemetry.CreateUnknown:
		return "whether v4 made the hold is not known" + parkedAs(l)
	case telemetry.CreateAbsent:
		return "v4 has not made the hold" + parkedAs(l)
	case telemetry.CreateRejected:
		return "v4 refused to make the hold" + parkedAs(l)
	case telemetry.CreateNotSent, telemetry.CaptureNotSent:
		return "the request did not reach v4: it is planned again"
	case telemetry.CaptureIntent:
		return fmt.Sprintf("about to ask v4 to capture identity %d, %s", l.Identity, amount)
	case telemetry.CaptureApplied:
		return fmt.Sprintf("v4 captured identity %d, %s", l.Identity, amount)
	case telemetry.CaptureUnknown:
		return fmt.Sprintf("whether v4 captured identity %d is not known", l.Identity) + parkedAs(l)
	case telemetry.CaptureRejected:
		return fmt.Sprintf("v4 refused to capture identity %d", l.Identity) + parkedAs(l)
	default:
		return became(l)
	}
}

// became is the sentence of an event without a request.
func became(l control.Entry) string {
	switch l.Event {
	case telemetry.ActionParked:
		return fmt.Sprintf("parked as %s", l.Reason)
	case telemetry.ActionLifted:
		return fmt.Sprintf("no longer parked as %s: its cause is gone", l.Reason)
	case telemetry.HoldOrphaned:
		return fmt.Sprintf("the PMS released it; v4 still has identity %d and cannot void it", l.Identity)
	case telemetry.RecordReleased:
		return "the PMS released it before anything was created"
	case telemetry.RecordBaselined:
		return "charged before this program came: left alone"
	case telemetry.StateOlder:
		return fmt.Sprintf("the state file is older than the world: it is %s now", l.Phase)
	case telemetry.ParkedRetried:
		return fmt.Sprintf("an operator let what was parked as %s go on: it is %s now", l.Reason, l.Phase)
	case telemetry.ParkedResolved:
		return fmt.Sprintf("an operator answered what was parked as %s: it is %s now", l.Reason, l.Phase)
	default:
		return fmt.Sprintf("it is %s now", l.Phase)
	}
}

func parkedAs(l control.Entry) string {
	if l.Reason == "" {
		return ""
	}
	return fmt.Sprintf(": parked as %s", l.Reason)
}

// inkOf colours an event by what it means for operators.
func inkOf(l control.Entry) ink {
	switch l.Event {
	case telemetry.CreateRejected, telemetry.CaptureRejected:
		return failure
	case telemetry.CreateUnknown, telemetry.CaptureUnknown, telemetry.ActionParked, telemetry.HoldOrphaned, telemetry.StateOlder:
		return warning
	case telemetry.CreateApplied, telemetry.CaptureApplied, telemetry.CreateAdopted:
		return fine
	default:
		return noInk
	}
}
