// Package telemetry is how the program tells what it does: the logger, the
// names of its events and the names of their fields.
package telemetry

import (
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The formats of a log line.
const (
	// FormatJSON writes one JSON object a line. It is the default.
	FormatJSON = "json"
	// FormatConsole writes lines for people; their layout is not a contract.
	FormatConsole = "console"
)

// timeLayout is RFC 3339 with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// Options are a logger's settings. The zero value is usable.
type Options struct {
	// Level is the lowest that is written: debug, info (the default), warn or error.
	Level string
	// Format is FormatJSON (the default) or FormatConsole.
	Format string
	// Clock dates the lines; nil means the system's clock.
	Clock func() time.Time
}

// Option is a further setting of a logger.
type Option func(*settings)

type settings struct{ secrets []string }

// New builds a logger that writes to w, one line a call, never two at a time.
// Every line is written: nothing is sampled, and no line carries a stack trace.
// The error says which option is not one of the allowed.
func New(w io.Writer, options Options, more ...Option) (*zap.Logger, error) {
	level, err := parseLevel(options.Level)
	if err != nil {
		return nil, err
	}
	var chosen settings
	for _, option := range more {
		option(&chosen)
	}
	var encoder zapcore.Encoder
	redact := redactLine
	switch options.Format {
	case FormatJSON, "":
		encoder, redact = zapcore.NewJSONEncoder(encoding()), redactJSON
	case FormatConsole:
		encoder = zapcore.NewConsoleEncoder(encoding())
	default:
		return nil, fmt.Errorf("log format %q is neither %s nor %s", options.Format, FormatJSON, FormatConsole)
	}
	out := zapcore.Lock(zapcore.AddSync(w))
	if len(chosen.secrets) > 0 {
		out = &redactor{out: out, secrets: newSpellings(chosen.secrets), redact: redact}
	}
	core := zapcore.NewCore(encoder, out, level)
	// zap's own complaints are plain text and would break "one JSON object a line";
	// all it has to complain of is that this very stream cannot be written.
	extras := []zap.Option{zap.ErrorOutput(zapcore.AddSync(io.Discard))}
	if options.Clock != nil {
		extras = append(extras, zap.WithClock(clock(options.Clock)))
	}
	return zap.New(core, extras...), nil
}

func parseLevel(name string) (zapcore.Level, error) {
	switch name {
	case "debug":
		return zapcore.DebugLevel, nil
	case "info", "":
		return zapcore.InfoLevel, nil
	case "warn":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	default:
		return 0, fmt.Errorf("log level %q is none of debug, info, warn, error", name)
	}
}

func encoding() zapcore.EncoderConfig {
	inLayout := zapcore.TimeEncoderOfLayout(timeLayout)
	return zapcore.EncoderConfig{
		TimeKey:     "ts",
		LevelKey:    "level",
		MessageKey:  "msg",
		LineEnding:  zapcore.DefaultLineEnding,
		EncodeLevel: zapcore.LowercaseLevelEncoder,
		EncodeTime: func(t time.Time, to zapcore.PrimitiveArrayEncoder) {
			inLayout(t.UTC(), to)
		},
		EncodeDuration: zapcore.MillisDurationEncoder,
	}
}

// clock lets a function date zap's lines.
type clock func() time.Time

// Now gives the function's time.
func (c clock) Now() time.Time { return c() }

// NewTicker is asked for by zap's interface; nothing that is used here ticks.
func (c clock) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }
