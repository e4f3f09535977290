package month_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/preauth-sync/preauth-sync/internal/docstest/logdoc"
)

// fewLines of each event are kept whole: a month writes hundreds of thousands.
const fewLines = 40

// logbook is where the program logs.
type logbook struct {
	mu sync.Mutex
	// lines counts them by level and event, kept has the first of each.
	lines map[string]int
	kept  strings.Builder
	// aged counts how often each hold was told to be aging.
	aged map[string]int
	// parked counts the marks that were set, by reason.
	parked map[string]int
	// fault is the first line that is no JSON object.
	fault error
}

func newLogbook() *logbook {
	return &logbook{lines: map[string]int{}, aged: map[string]int{}, parked: map[string]int{}}
}

// Write takes one line.
func (l *logbook) Write(p []byte) (int, error) {
	var line struct {
		Level, Event       string
		Reason             string
		PreauthorizationID string `json:"preauthorization_id"`
	}
	err := json.Unmarshal(p, &line)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && l.fault == nil {
		l.fault = fmt.Errorf("the log line %.200q: %w", p, err)
	}
	key := line.Level + " " + line.Event
	if l.lines[key]++; l.lines[key] <= fewLines {
		l.kept.Write(p)
	}
	switch line.Event {
	case "hold.aging":
		l.aged[line.PreauthorizationID]++
	case "action.parked":
		l.parked[line.Reason]++
	}
	return len(p), nil
}

// faults says what of the log is not as docs/logs.md says.
func (l *logbook) faults() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	if l.fault != nil {
		all = append(all, l.fault.Error())
	}
	for _, fault := range logdoc.Faults("../../docs/logs.md", l.kept.String()) {
		all = append(all, fmt.Sprint(fault))
	}
	return all
}
