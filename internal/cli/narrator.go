package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// narrator turns the program's log lines into a story for people: one short
// line for each thing that happened to a preauthorization or a sink.
type narrator struct{ out io.Writer }

type toldLine struct {
	Event    string `json:"event"`
	Msg      string `json:"msg"`
	ID       string `json:"preauthorization_id"`
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	Identity int64  `json:"identity"`
	Error    string `json:"error"`
}

// Write takes one log line at a time, as the logger writes them.
func (n *narrator) Write(line []byte) (int, error) {
	var told toldLine
	if err := json.Unmarshal(line, &told); err != nil {
		return 0, err
	}
	var err error
	switch told.Event {
	case "cycle.started", "cycle.finished", "request":
	default:
		_, err = fmt.Fprintf(n.out, "  %-15s %s\n", told.Event, told.describe())
	}
	return len(line), err
}

func (t toldLine) describe() string {
	if t.ID == "" {
		return t.Msg
	}
	text := fmt.Sprintf("%s…  %12s", t.ID[:8], money(t.Amount, t.Currency))
	if t.Identity != 0 {
		text += fmt.Sprintf("  identity %d", t.Identity)
	}
	if t.Error != "" {
		text += "  " + strings.TrimPrefix(t.Error[max(0, strings.LastIndex(t.Error, ": ")):], ": ")
	}
	return text
}
