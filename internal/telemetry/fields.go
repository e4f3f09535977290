package telemetry

import (
	"time"

	"go.uber.org/zap"
)

// Event names what happened, with one of this package's constants.
func Event(name string) zap.Field { return zap.String("event", name) }

// CycleID tells the lines of one cycle from those of another.
func CycleID(id string) zap.Field { return zap.String("cycle_id", id) }

// Property is the property's name in the configuration.
func Property(name string) zap.Field { return zap.String("property", name) }

// CustomerID is the PMS's Id of a customer.
func CustomerID(id string) zap.Field { return zap.String("customer_id", id) }

// PreauthorizationID is the PMS's Id of a preauthorization.
func PreauthorizationID(id string) zap.Field { return zap.String("preauthorization_id", id) }

// Action is "create" or "capture".
func Action(action string) zap.Field { return zap.String("action", action) }

// Attempt counts the sends of an action, from 1.
func Attempt(attempt int) zap.Field { return zap.Int("attempt", attempt) }

// Amount is a decimal as text: a JSON number would be read back as a float.
func Amount(decimal string) zap.Field { return zap.String("amount", decimal) }

// Currency is an ISO 4217 code.
func Currency(code string) zap.Field { return zap.String("currency", code) }

// Identity is v4's number for a hold.
func Identity(identity int64) zap.Field { return zap.Int64("identity", identity) }

// TrackingID keys v4's request log; an empty one is left out of the line.
func TrackingID(id string) zap.Field { return optional("tracking_id", id) }

// RequestID keys the Connector API's request log; an empty one is left out of
// the line.
func RequestID(id string) zap.Field { return optional("request_id", id) }

// Status is an HTTP status; 0, for no reply, is left out of the line.
func Status(status int) zap.Field {
	if status == 0 {
		return zap.Skip()
	}
	return zap.Int("status", status)
}

// Reason says why something was parked, refused or skipped.
func Reason(reason string) zap.Field { return zap.String("reason", reason) }

// Err is an error's text and nothing else: no type, no stack, no verbose form.
// Nil is left out of the line.
func Err(err error) zap.Field {
	if err == nil {
		return zap.Skip()
	}
	return zap.String("error", err.Error())
}

// Duration is given in whole milliseconds.
func Duration(d time.Duration) zap.Field { return zap.Int64("duration_ms", d.Milliseconds()) }

func optional(key, value string) zap.Field {
	if value == "" {
		return zap.Skip()
	}
	return zap.String(key, value)
}
