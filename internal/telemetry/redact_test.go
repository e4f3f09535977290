package telemetry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
	"github.com/preauth-sync/preauth-sync/internal/telemetry"
)

const canary = "canary-7f3a"

func TestASecretIsRedactedWhereverItStands(t *testing.T) {
	const awkward = "pa\"ss\\wo\nrd<&>é"
	for name, field := range map[string]zap.Field{
		"as a value":                      zap.String("password", awkward),
		"within a value":                  zap.String("a", "before "+awkward+" behind"),
		"in an error":                     telemetry.Err(fmt.Errorf("login: %w", errors.New(awkward))),
		"in a nested map":                 zap.Any("a", map[string]any{"event": []string{"x", awkward}}),
		"in a reflected struct":           zap.Reflect("a", struct{ P string }{awkward}),
		"in a Stringer":                   zap.Stringer("a", stringer(awkward)),
		"in a list":                       zap.Strings("a", []string{"x", awkward}),
		"as a body quoted it":             zap.String("a", jsonText(awkward)),
		"as Go quotes it":                 zap.String("a", fmt.Sprintf("%q", awkward)),
		"as a form carries it":            zap.String("a", "password="+url.QueryEscape(awkward)),
		"in upper case":                   zap.String("a", strings.ToUpper(awkward)),
		"as bytes that are not base64":    zap.ByteString("a", []byte(awkward)),
		"in a namespace":                  zap.Dict("a", zap.String("b", awkward)),
		"where another one is around it":  zap.String("a", awkward+"-longer"),
		"twice in a value, and with more": zap.String("a", awkward+`\`+awkward+`"`),
	} {
		t.Run(name, func(t *testing.T) {
			log, out := newLogger(t, telemetry.Options{},
				telemetry.Redact(httpx.NewSecret(awkward), httpx.NewSecret(awkward+"-longer"), httpx.Secret{}))
			log.With(field).Info("m", field)
			lines(t, out) // it is still JSON
			text := out.String()
			if strings.Count(text, httpx.Redacted) < 2 {
				t.Errorf("not redacted: %s", text)
			}
			for _, part := range []string{"pa\\\"ss", "wo\\nrd", "longer", "WO\\nRD", "wo%0Ard"} {
				if strings.Contains(text, part) {
					t.Errorf("%q is left of the secret: %s", part, text)
				}
			}
		})
	}
}

func TestASecretThatHTMLHasEscapedIsRedacted(t *testing.T) {
	const awkward = `CANARY/p&s"x<é'`
	for _, format := range []string{telemetry.FormatJSON, telemetry.FormatConsole} {
		for _, text := range []string{
			html.EscapeString(awkward), "CANARY/p&amp;s&quot;x&lt;é&#39;", "CANARY/p&amp;s&#34;x&lt;é&apos;",
			"CANARY/p&amp;s&quot;x&lt;é&apos;", "CANARY/p&amp;s&quot;x&lt;&#233;&#39;",
		} {
			log, out := newLogger(t, telemetry.Options{Format: format}, telemetry.Redact(httpx.NewSecret(awkward)))
			log.Info("m <b>"+text+"</b>", zap.String("a", text), zap.Any("b", map[string]string{"c": text}))
			if strings.Contains(out.String(), "CANARY") || strings.Count(out.String(), httpx.Redacted) != 3 {
				t.Errorf("%s: %s became %s", format, text, out)
			}
		}
	}
}

func TestASecretInTheMessageAndInAConsoleLineIsRedacted(t *testing.T) {
	for _, format := range []string{telemetry.FormatJSON, telemetry.FormatConsole} {
		log, out := newLogger(t, telemetry.Options{Format: format}, telemetry.Redact(httpx.NewSecret(canary)))
		log.Info("token " + canary + ".")
		if strings.Contains(out.String(), canary) || !strings.Contains(out.String(), "token [redacted].") {
			t.Errorf("%s: %s", format, out)
		}
	}
}

func TestALineStaysWholeWhateverASecretLooksLike(t *testing.T) {
	log, out := newLogger(t, telemetry.Options{}, telemetry.Redact(
		httpx.NewSecret("info"), httpx.NewSecret("2026"), httpx.NewSecret("event"), httpx.NewSecret("cycle.started"),
		httpx.NewSecret("1234"), httpx.NewSecret("true"), httpx.NewSecret(`,"msg`), httpx.NewSecret("n123"), httpx.NewSecret("m")))
	log.Info("m", telemetry.Event(telemetry.CycleStarted), telemetry.Identity(1234), zap.Bool("b", true), zap.String("s", "x\n1230"))
	want := []map[string]any{{
		"ts": "2026-03-29T00:30:00.007Z", "level": "info", "msg": "m", "event": "cycle.started",
		"identity": 1234.0, "b": true, "s": "x\n1230",
	}}
	if diff := cmp.Diff(want, lines(t, out)); diff != "" {
		t.Error(diff)
	}
}

func TestASecretTypePrintsItselfRedacted(t *testing.T) {
	log, out := newLogger(t, telemetry.Options{})
	secret := httpx.NewSecret(canary)
	log.Info("m", zap.Any("a", secret), zap.Reflect("b", struct{ S httpx.Secret }{secret}), zap.Stringer("c", secret))
	if strings.Contains(out.String(), canary) {
		t.Error(out)
	}
}

func TestAStreamThatFailsIsTriedAgainWithTheNextLine(t *testing.T) {
	var stream failing
	log, err := telemetry.New(&stream, telemetry.Options{}, telemetry.Redact(httpx.NewSecret(canary)))
	if err != nil {
		t.Fatal(err)
	}
	log.Info("one")
	log.Error("two")
	if stream.writes != 2 {
		t.Errorf("%d writes for two lines", stream.writes)
	}
}

func BenchmarkRedact(b *testing.B) {
	var secrets []httpx.Secret
	for n := range 20 {
		secrets = append(secrets, httpx.NewSecret(fmt.Sprintf("%032X-%031X", n*7919, n*104729)))
	}
	log, err := telemetry.New(discard{}, telemetry.Options{}, telemetry.Redact(secrets...))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		log.Info("captured", telemetry.Event(telemetry.CaptureApplied), telemetry.Property("prague-center"),
			telemetry.PreauthorizationID("2d93962f-067f-45a6-b7c4-bc4b9d899456"), telemetry.Amount("10.50"))
	}
}

type stringer string

func (s stringer) String() string { return string(s) }

type failing struct{ writes int }

func (f *failing) Write([]byte) (int, error) {
	f.writes++
	return 0, errors.New("the disk is full")
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func jsonText(s string) string {
	encoded, _ := json.Marshal(map[string]string{"password": s})
	return string(encoded)
}
