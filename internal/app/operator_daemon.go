package app

import (
	"os"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/control"
	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// operator answers one request, with what is in force now.
func (s *service) operator() *Operator {
	s.mu.Lock()
	defer s.mu.Unlock()
	desk := s.desk
	return &desk
}

// comesIntoForce tells those who ask between cycles of a configuration that holds
// from now on.
func (s *service) comesIntoForce() {
	outside := s.app.outside
	outside.Hooks = Hooks{Request: s.metrics.Request} // an operator's request is no sign of the daemon's life
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = s.app.Log
	if s.supersede != nil {
		close(s.supersede)
	}
	s.supersede = make(chan struct{})
	s.desk = Operator{
		Config: s.app.Config, Ledger: s.ledger, Outside: outside, daemon: s, limits: s.app.limits, superseded: s.supersede,
	}
}

// fill adds to a status what only a running daemon knows.
func (s *service) fill(out *control.Status) {
	out.Daemon = &control.DaemonStatus{
		PID: os.Getpid(), Version: s.Build.Version, Started: s.began, Problems: append([]string{}, s.problems()...),
	}
	next := s.runner.Next()
	for i := range out.Properties {
		out.Properties[i].NextCycle = next
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sink := range s.last.sinks {
		for i := range out.Sinks {
			if out.Sinks[i].Name == sink.Name && sink.Err != nil {
				out.Sinks[i].Error = httpx.Redact(sink.Err.Error(), s.desk.secrets()...)
			}
		}
	}
}

// answered tells of an operator's answer. What is in flight by it is taken up again.
func (s *service) answered(a plan.Answered) {
	s.logger().Info("an operator's answer: "+a.Then, telemetry.Event(a.Entry.Event), telemetry.PreauthorizationID(string(a.Record.ID)),
		telemetry.Reason(string(a.Entry.Reason)), zap.String("phase", a.Record.Phase.String()), zap.String("note", a.Entry.Note))
	if a.Record.Phase.InFlight() {
		s.app.Engine.Recheck()
	}
}
