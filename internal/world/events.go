package main

import (
	"strings"
	"sync"

	"go.uber.org/zap/zapcore"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// events is the worker's log, of which only the parks are kept.
type events struct {
	k  *worker
	mu sync.Mutex
	// parked counts the parks told, by preauthorization and reason.
	parked map[string]int
}

// Enabled implements zapcore.Core.
func (*events) Enabled(zapcore.Level) bool { return true }

// With implements zapcore.Core: what a logger adds to every line is not of interest.
func (e *events) With([]zapcore.Field) zapcore.Core { return e }

// Check implements zapcore.Core.
func (e *events) Check(line zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(line, e)
}

// Write implements zapcore.Core.
func (e *events) Write(line zapcore.Entry, fields []zapcore.Field) error {
	var event, id, reason, cause string
	for _, f := range fields {
		switch f.Key {
		case "event":
			event = f.String
		case "preauthorization_id":
			id = f.String
		case "reason":
			reason = f.String
		case "error":
			cause = f.String
		}
	}
	if line.Level > zapcore.InfoLevel && !e.k.isDead() {
		e.k.w.say("log", "%s %s %s %s", event, id, reason, cause)
	}
	switch {
	case event == "action.parked":
		e.mu.Lock()
		defer e.mu.Unlock()
		e.parked[id+" "+reason]++
	case e.k.isDead():
	case event == "hold.aging":
		e.k.w.locked(func() { e.k.w.oracle.tellsAge(e.k, preauth.ID(id)) })
	case event == "cycle.panicked" && !strings.Contains(cause, defect):
		e.k.w.locked(func() { e.k.w.oracle.fail("X", "", "%s", cause) })
	}
	return nil
}

// Sync implements zapcore.Core.
func (*events) Sync() error { return nil }

// begin forgets the cycle before.
func (e *events) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.parked = map[string]int{}
}

// tells says whether a park was told.
func (e *events) tells(park string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.parked[park] > 0
}
