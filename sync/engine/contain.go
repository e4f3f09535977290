package engine

import (
	"errors"
	"fmt"
	"runtime/debug"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

// ErrPanicked is wrapped by the error of a cycle that a panic ended. What it may
// have sent is in doubt, as after a crash; the next cycle runs.
var ErrPanicked = errors.New("a defect of this program ended the cycle")

// contain runs a part of a cycle. A panic in it ends the cycle, not the process:
// nothing more is planned or sent, and what has been sent is waited for.
func (e *Engine) contain(c *cycle, part func()) {
	defer e.contained(c)
	part()
}

// contained, when it is deferred, is contain for the rest of a function. What the function
// has deferred before is given back only once the cycle has been ended.
func (e *Engine) contained(c *cycle) {
	if value := recover(); value != nil {
		e.panicked(c, value, debug.Stack())
	}
}

func (e *Engine) panicked(c *cycle, value any, stack []byte) {
	err := fmt.Errorf("%w: %v", ErrPanicked, value)
	c.mu.Lock()
	if c.panicked == nil {
		c.panicked = err
	}
	c.mu.Unlock()
	e.mu.Lock()
	stop := e.stop
	e.mu.Unlock()
	stop(err)
	e.reloadDoubts()
	e.log.Error("please report this with the stack; the next cycle runs", telemetry.Event(telemetry.CyclePanicked),
		telemetry.CycleID(c.id), telemetry.Err(err), zap.ByteString("stack", stack))
}

// broken gives the panic that ended the cycle, if one did.
func (c *cycle) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.panicked
}
