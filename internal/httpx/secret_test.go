package httpx

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

const canary = "C4NARY-token/with\"quotes\"&more"

type holder struct {
	Public  Secret `json:"public" yaml:"public"`
	private Secret
	Pointer *Secret `json:"pointer" yaml:"pointer"`
}

func TestASecretShowsInNoOutput(t *testing.T) {
	secret := NewSecret(canary)
	value := holder{Public: secret, private: secret, Pointer: &secret}
	outputs := map[string]string{"String": secret.String(), "GoString": secret.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T%v", "%p", "%100s", "%t"} {
		outputs["secret with "+verb] = fmt.Sprintf(verb, secret)
		outputs["pointer with "+verb] = fmt.Sprintf(verb, &secret)
		outputs["struct with "+verb] = fmt.Sprintf(verb, value)
		outputs["slice with "+verb] = fmt.Sprintf(verb, []Secret{secret})
		outputs["pointer to struct with "+verb] = fmt.Sprintf(verb, &value)
	}
	asJSON, err := json.Marshal(map[Secret]holder{secret: value})
	if err != nil {
		t.Fatal(err)
	}
	outputs["json"] = string(asJSON)
	asYAML, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	outputs["yaml"] = string(asYAML)
	text, err := secret.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	outputs["text"] = string(text)
	hexed := fmt.Sprintf("%x", canary)
	for how, output := range outputs {
		if strings.Contains(output, "C4NARY") || strings.Contains(strings.ToLower(output), hexed[:12]) {
			t.Errorf("%s shows the secret: %s", how, output)
		}
	}
	for _, how := range []string{"json", "yaml", "text", "String", "secret with %v", "secret with %d"} {
		if !strings.Contains(outputs[how], Redacted) {
			t.Errorf("%s does not say that something is left out: %q", how, outputs[how])
		}
	}
}

func TestAnEmptySecretReadsAsNothing(t *testing.T) {
	for _, secret := range []Secret{{}, NewSecret("")} {
		if !secret.Empty() || secret.Reveal() != "" || secret.String() != "" || fmt.Sprint(secret) != "" {
			t.Errorf("empty secret reads %q, reveals %q", secret.String(), secret.Reveal())
		}
	}
	if NewSecret("x").Empty() || NewSecret("x").Reveal() != "x" {
		t.Error("a secret lost its text")
	}
	if !NewSecret("x").Equal(NewSecret("x")) || NewSecret("x").Equal(Secret{}) {
		t.Error("secrets compare by something else than their text")
	}
}

func TestRedactFindsASecretInEverySpelling(t *testing.T) {
	secret := NewSecret(canary)
	asJSON, err := json.Marshal(canary)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plain": canary, "lower case": strings.ToLower(canary), "upper case": strings.ToUpper(canary),
		"JSON": string(asJSON), "Go quotes": fmt.Sprintf("%q", canary),
	} {
		got := Redact("before "+text+" after "+text, secret, Secret{}, NewSecret("other"))
		if strings.Contains(strings.ToLower(got), "c4nary") {
			t.Errorf("%s: %s", name, got)
		}
		if !strings.HasPrefix(got, "before ") || !strings.Contains(got, " after ") {
			t.Errorf("%s: the rest is gone: %s", name, got)
		}
	}
}

func TestRedactFindsASecretThatHTMLHasEscaped(t *testing.T) {
	const awkward = `CANARY/p&s"x<é'`
	for _, text := range []string{
		html.EscapeString(awkward),
		"CANARY/p&amp;s&quot;x&lt;é&#39;", "CANARY/p&amp;s&#34;x&lt;é&apos;", "CANARY/p&amp;s&quot;x&lt;é&apos;",
		"CANARY/p&amp;s\"x&lt;é'", "CANARY/p&amp;s&quot;x&lt;é'", "CANARY/p&amp;s&quot;x&lt;&#233;&#39;",
		"CANARY/p&amp;s&quot;x&lt;&#xE9;&#x27;", "CANARY/p&amp;s&#x22;x&lt;&#xe9;&#x27;",
		awkward, url.QueryEscape(awkward), url.PathEscape(awkward),
	} {
		if got := Redact("<b>"+text+"</b>", NewSecret(awkward)); got != "<b>"+Redacted+"</b>" {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestRedactFindsASecretInBase64(t *testing.T) {
	const awkward = "a>>a??a" // its base64 has both letters in which the alphabets differ, and padding
	for _, text := range []string{"YT4+YT8/YQ==", "YT4+YT8/YQ", "YT4-YT8_YQ==", "YT4-YT8_YQ"} {
		if got := Redact("{"+text+"}", NewSecret(awkward)); got != "{"+Redacted+"}" {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestAPlainSecretHasFewSpellings(t *testing.T) {
	got := NewSecret("Token-1").Spellings()
	slices.Sort(got)
	if diff := cmp.Diff([]string{"TOKEN-1", "Token-1", "VG9rZW4tMQ", "VG9rZW4tMQ==", "token-1"}, got); diff != "" {
		t.Error(diff)
	}
	if got := (Secret{}).Spellings(); got != nil {
		t.Errorf("the empty secret is spelled %q", got)
	}
}

func TestARedactedErrorKeepsItsChain(t *testing.T) {
	err := RedactError(fmt.Errorf("malformed reply %q: %w", canary, io.ErrUnexpectedEOF), NewSecret(canary))
	if strings.Contains(err.Error(), "C4NARY") {
		t.Errorf("the error shows the secret: %v", err)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the chain is cut")
	}
	if RedactError(nil, NewSecret("x")) != nil {
		t.Error("no error became one")
	}
}

func TestOneLineCutsAndCleans(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "two\r\nlines\x00\x1b[31m": "twolines[31m", "caf\xe9": "caf", "123456789012345": "123456789012…",
		"12345678901é": "12345678901…", "": "",
	} {
		if got := OneLine(text, 12); got != want {
			t.Errorf("OneLine(%q) = %q, want %q", text, got, want)
		}
	}
}
