package telemetry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

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

// In lower case two Kelvin signs are two bytes, fewer than are looked at together.
func TestASecretIsRedactedWhateverTheLengthOfItsSpellings(t *testing.T) {
	log, out := newLogger(t, telemetry.Options{}, telemetry.Redact(httpx.NewSecret("\u212a\u212a")))
	log.Info("m", zap.String("a", "xkkx"), zap.String("b", "\u212a\u212a"))
	if strings.Count(out.String(), httpx.Redacted) != 2 {
		t.Error(out)
	}
}

// FuzzRedact looks for a line in which a secret is not found, or found where none stands.
func FuzzRedact(f *testing.F) {
	f.Add(canary, "before ", " behind", "without")
	f.Add("pa\"ss\\wo\nrd<&>é", "canary-7f3", "", "PA\"SS")
	f.Add("\u212a\u212a", "k", "k", "kk")
	f.Fuzz(func(t *testing.T, text, before, behind, other string) {
		if !utf8.ValidString(strings.Join([]string{text, before, behind, other}, " ")) {
			t.Skip("it is no text")
		}
		secret := httpx.NewSecret(text)
		pairs := []string{}
		if len(text) >= 4 {
			for _, spelling := range secret.Spellings() {
				pairs = append(pairs, spelling, httpx.Redacted)
			}
		}
		log, out := newLogger(t, telemetry.Options{}, telemetry.Redact(secret))
		for _, message := range []string{before + text + behind, other} {
			out.Reset()
			log.Info(message)
			if got, want := lines(t, out)[0]["msg"], strings.NewReplacer(pairs...).Replace(message); got != want {
				t.Errorf("%q became %q and not %q", message, got, want)
			}
		}
	})
}

// BenchmarkLine writes the line of an applied create, by a program that knows no secrets
// and by one of a group with 20 properties.
func BenchmarkLine(b *testing.B) {
	var secrets []httpx.Secret
	for n := range 20 {
		secrets = append(secrets, httpx.NewSecret(fmt.Sprintf("%032X-%031X", n*7919, n*104729)))
	}
	for name, option := range map[string]telemetry.Option{"plain": telemetry.Redact(), "redacted": telemetry.Redact(secrets...)} {
		b.Run(name, func(b *testing.B) {
			log, err := telemetry.New(io.Discard, telemetry.Options{}, option)
			if err != nil {
				b.Fatal(err)
			}
			log = log.With(telemetry.CycleID("0a1ee26f-5a8f-4f3e-8d9c-0c6a86e3a4f1"), telemetry.Property("prague-center"))
			b.ReportAllocs()
			for b.Loop() {
				log.Info("hold created",
					telemetry.PreauthorizationID("2d93962f-067f-45a6-b7c4-bc4b9d899456"),
					telemetry.CustomerID("6a2f7c1e-5d3b-4c0a-9e1f-2b8d4f6a7c90"), telemetry.Action("create"), telemetry.Attempt(1),
					telemetry.Amount("10.50"), telemetry.Currency("EUR"), telemetry.Identity(4711),
					telemetry.Event(telemetry.CreateApplied), telemetry.TrackingID("1f8b2c4d5e6f"), telemetry.Status(200))
			}
		})
	}
}

type stringer string

func (s stringer) String() string { return string(s) }

type failing struct{ writes int }

func (f *failing) Write([]byte) (int, error) {
	f.writes++
	return 0, errors.New("the disk is full")
}

func jsonText(s string) string {
	encoded, _ := json.Marshal(map[string]string{"password": s})
	return string(encoded)
}
