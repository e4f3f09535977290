package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
)

// minimal is a configuration with nothing but what is required, in 16 lines.
const minimal = `connector:
  address: https://api.example.com
  client_token: CT
v4:
  address: https://v4.example.com/ResourceServer
  auth:
    login_address: https://v4.example.com/Login
    username: sync
    password: PW
properties:
  - name: prague
    access_token: AT
    currency: EUR
    customers:
      ids: [20725048-b6ec-40f0-9d0a-7e5273d8b861]
`

// change replaces one piece of the minimal configuration, and fails when it is not there.
func change(t *testing.T, pairs ...string) string {
	t.Helper()
	text := minimal
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("%q is not in the text exactly once", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

func write(t *testing.T, folder, name, content string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func environment(variables map[string]string) config.Options {
	return config.Options{LookupEnv: func(name string) (string, bool) {
		value, set := variables[name]
		return value, set
	}}
}

func load(t *testing.T, text string, opts config.Options) (*config.Config, error) {
	t.Helper()
	return config.Load(write(t, t.TempDir(), "config.yaml", text), opts)
}

func mustLoad(t *testing.T, text string, opts config.Options) *config.Config {
	t.Helper()
	c, err := load(t, text, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problems gives "line key: message" of each problem, nil when there is none.
func problems(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var all []string
	for _, p := range problemsOf(t, err) {
		all = append(all, fmt.Sprintf("%d %s: %s", p.Line, p.Key, p.Message))
	}
	return all
}

func problemsOf(t *testing.T, err error) []config.Problem {
	t.Helper()
	var refused *config.Error
	if !errors.As(err, &refused) || len(refused.Problems) == 0 {
		t.Fatalf("not a *config.Error with problems: %v", err)
	}
	return refused.Problems
}

func TestTheMinimalConfigurationHasTheDefaultsOfTheContract(t *testing.T) {
	folder := t.TempDir()
	c, err := config.Load(write(t, folder, "c.yaml", minimal), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Connector.ClientToken.Reveal() + c.V4.Auth.Password.Reveal() + c.Properties[0].AccessToken.Reveal(); got != "CTPWAT" {
		t.Errorf("secrets %q", got)
	}
	got := fmt.Sprintf("%s %s %+v %+v %+v %+v %+v", c.Schedule.Expression, c.Timezone, c.State, c.Control, c.Metrics, c.Log, c.Mirror)
	want := "*/5 * * * * UTC {Path:/var/lib/preauth-sync/state.db} {Socket:/run/preauth-sync/control.sock} {Listen:127.0.0.1:9464} " +
		"{Level:info Format:json} {Mode:full FirstRun:baseline NewCustomers:park MaxActionsPerCycle:1000 UnknownCapture:park HoldWarnAfter:120h0m0s}"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = fmt.Sprintf("%+v", c.Connector)
	want = "{Address:https://api.example.com Client:preauth-sync 1.0.0 ClientToken:[redacted] Timeout:1m0s Concurrency:4 RateLimit:{Requests:180 Per:30s}}"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = fmt.Sprintf("%+v", c.V4)
	want = "{Address:https://v4.example.com/ResourceServer Auth:{Token: LoginAddress:https://v4.example.com/Login ClientID: Username:sync " +
		"Password:[redacted] ClientSecret:} Timeout:30s Settle:5m0s Concurrency:8 RateLimit:{Requests:0 Per:1s} TransactionToken:id " +
		"CaptureField:identity CaptureEmptyReply:unknown AlreadyCapturedCodes:[] CreatedByUserID:0}"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = fmt.Sprintf("%+v", c.Properties)
	want = "[{Name:prague AccessToken:[redacted] Currency:EUR Customers:{IDs:[20725048-b6ec-40f0-9d0a-7e5273d8b861] File: " +
		"Discover:{UpdatedWithin:0s ReservationsWithin:0s}} PaymentMethods:{CreditCards:map[] Customers:map[] File: Lookup: Default:none} V4:" + fmt.Sprintf("%+v", c.V4) + " OwnV4:false}]"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryValueArrives(t *testing.T) {
	text := `
schedule: "@every 30s"
timezone: Europe/Prague
state: {path: data/state.db}
control: {socket: run/control.sock}
metrics: {listen: ":0"}
log: {level: debug, format: console}
connector:
  address: HTTPS://API.example.com:8443/base//
  client: other 2
  client_token: CT
  timeout: 1m30s
  concurrency: 1
  rate_limit: {requests: 1, per: 1ms}
v4:
  address: http://[::1]:8080/ResourceServer/
  auth:
    token: tok
  timeout: 5s
  settle: 10ms
  concurrency: 2
  rate_limit:
    requests: 7
    per: 2s
  transaction_token: code
  capture_field: id
  capture_empty_reply: success
  already_captured_codes: [12, -3]
  created_by_user_id: 9007199254740993
mirror:
  mode: capture_only
  first_run: mirror
  new_customers: baseline
  max_actions_per_cycle: 0
  unknown_capture: retry
  hold_warn_after: 0
properties:
  - name: " a.b-C_1 "
    access_token: |
      first
    currency: JPY
    customers: {ids: [X, no uuid], file: lists/c.txt}
    payment_methods:
      credit_cards:
        E417DFE8-C813-4938-837B-36081199CE88: 5
        e417dfe8-c813-4938-837b-36081199ce88: 5
        Card-X: 6
      customers:
        20725048-B6EC-40F0-9D0A-7E5273D8B861: 7
      default: 9
  - name: b
    access_token: second
    currency: KWD
    customers: {file: /abs/c.txt, discover: {updated_within: 87840h, reservations_within: 8784h}}
    payment_methods: {file: lists/methods.csv, lookup: paymentMethodIdentifier, default: autopay}
    v4:
`
	folder := t.TempDir()
	c, err := config.Load(write(t, folder, "c.yaml", text), config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		c.Schedule.Expression, c.Timezone.String(), c.State.Path, c.Control.Socket, c.Metrics.Listen, fmt.Sprintf("%+v", c.Log),
		fmt.Sprintf("%+v", c.Connector), fmt.Sprintf("%+v", c.V4), fmt.Sprintf("%+v", c.Mirror),
		fmt.Sprintf("%+v", c.Properties[0]), fmt.Sprintf("%+v", c.Properties[1]),
		c.V4.Auth.Token.Reveal(), c.Properties[0].AccessToken.Reveal(),
	}
	want := []string{
		"@every 30s", "Europe/Prague", folder + "/data/state.db", folder + "/run/control.sock", ":0", "{Level:debug Format:console}",
		"{Address:https://api.example.com:8443/base Client:other 2 ClientToken:[redacted] Timeout:1m30s Concurrency:1 RateLimit:{Requests:1 Per:1ms}}",
		"{Address:http://[::1]:8080/ResourceServer Auth:{Token:[redacted] LoginAddress: ClientID: Username: Password: ClientSecret:} " +
			"Timeout:5s Settle:10ms Concurrency:2 RateLimit:{Requests:7 Per:2s} TransactionToken:code CaptureField:id " +
			"CaptureEmptyReply:success AlreadyCapturedCodes:[12 -3] CreatedByUserID:9007199254740993}",
		"{Mode:capture_only FirstRun:mirror NewCustomers:baseline MaxActionsPerCycle:0 UnknownCapture:retry HoldWarnAfter:0s}",
		"{Name:a.b-C_1 AccessToken:[redacted] Currency:JPY Customers:{IDs:[X no uuid] File:" + folder + "/lists/c.txt " +
			"Discover:{UpdatedWithin:0s ReservationsWithin:0s}} PaymentMethods:{" +
			"CreditCards:map[Card-X:6 e417dfe8-c813-4938-837b-36081199ce88:5] Customers:map[20725048-b6ec-40f0-9d0a-7e5273d8b861:7] " +
			"File: Lookup: Default:9} V4:" + fmt.Sprintf("%+v", c.V4) + " OwnV4:false}",
		"{Name:b AccessToken:[redacted] Currency:KWD Customers:{IDs:[] File:/abs/c.txt Discover:{UpdatedWithin:87840h0m0s ReservationsWithin:8784h0m0s}} " +
			"PaymentMethods:{CreditCards:map[] Customers:map[] File:" + folder + "/lists/methods.csv Lookup:paymentMethodIdentifier Default:autopay} V4:" + fmt.Sprintf("%+v", c.V4) + " OwnV4:false}",
		"tok", "first\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAFileThatCannotBeReadSaysWhy(t *testing.T) {
	folder := t.TempDir()
	for name, c := range map[string]struct{ path, want string }{
		"no name at all":  {"", "no file is named"},
		"a missing file":  {filepath.Join(folder, "absent.yaml"), "there is no such file"},
		"a folder":        {folder, "it is a folder"},
		"a huge file":     {write(t, folder, "huge", strings.Repeat("# long\n", 200_000)), "larger than 1024 KiB"},
		"an empty file":   {write(t, folder, "empty", ""), "the file is empty"},
		"comments only":   {write(t, folder, "comments", "# a\n\n# b\n"), "the file is empty"},
		"a document mark": {write(t, folder, "mark", "---\n"), "the file is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(c.path, config.Options{})
			if got := problems(t, err); len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if err != nil && !strings.Contains(err.Error(), c.path) {
				t.Errorf("the path is not in %q", err)
			}
		})
	}
	if _, err := config.Load(filepath.Join(folder, "absent.yaml"), config.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not a missing file: %v", err)
	}
}

func TestTheErrorListsEveryProblemWithItsPlace(t *testing.T) {
	_, err := load(t, change(t, "currency: EUR", "currency: eur", "    username: sync\n", ""), config.Options{})
	if err == nil {
		t.Fatal("accepted")
	}
	_, list, _ := strings.Cut(err.Error(), "\n")
	want := `  line 6, column 3: v4.auth.username: is required with password
  line 12, column 5: properties[0].currency: must be a currency's ISO 4217 code in upper case, such as EUR, not "eur"`
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
}

func TestLoadingAgainReadsEverythingAfresh(t *testing.T) {
	folder, credentials := t.TempDir(), t.TempDir()
	variables := map[string]string{"TOKEN": "t1"}
	opts := environment(variables)
	opts.CredentialsDir = credentials
	text := change(t, "CT", "${env:TOKEN}", "PW", "${credential:pw}", "AT", "${file:at}") +
		"    payment_methods: {credit_cards: {x: 1}}\n"
	path := write(t, folder, "config.yaml", text)
	secrets := func(c *config.Config) string {
		return c.Connector.ClientToken.Reveal() + c.V4.Auth.Password.Reveal() + c.Properties[0].AccessToken.Reveal()
	}
	again := func() *config.Config {
		t.Helper()
		c, err := config.Load(path, opts)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	write(t, folder, "at", "a1")
	write(t, credentials, "pw", "p1")
	before := again()
	variables["TOKEN"] = "t2"
	write(t, folder, "at", "a2")
	write(t, credentials, "pw", "p2")
	write(t, folder, "config.yaml", "schedule: '@hourly'\n"+strings.Replace(text, "{x: 1}", "{y: 2}", 1))
	after := again()
	after.Properties[0].Customers.IDs[0] = "changed"
	if got := secrets(before) + " " + secrets(after); got != "t1p1a1 t2p2a2" {
		t.Errorf("secrets %q", got)
	}
	if got := before.Schedule.Expression + " " + after.Schedule.Expression; got != "*/5 * * * * @hourly" {
		t.Errorf("schedules %q", got)
	}
	if got := fmt.Sprint(before.Properties[0].PaymentMethods.CreditCards, after.Properties[0].PaymentMethods.CreditCards); got != "map[x:1] map[y:2]" {
		t.Errorf("payment methods %q", got)
	}
	if got := before.Properties[0].Customers.IDs[0]; got == "changed" {
		t.Error("two configurations share a list")
	}
	write(t, folder, "config.yaml", "nonsense")
	if c, err := config.Load(path, opts); err == nil || c != nil {
		t.Errorf("a refused file gives %v, %v", c, err)
	}
}

func TestNoFormattingShowsASecret(t *testing.T) {
	c := mustLoad(t, change(t, "CT", "canary-1", "PW", "canary-2", "AT", "canary-3"), config.Options{})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, *c); strings.Contains(text, "canary") || strings.Contains(text, "63616e617279") {
			t.Errorf("%s shows a secret: %s", verb, text)
		}
	}
	var revealed []string
	for _, secret := range c.Secrets() {
		revealed = append(revealed, secret.Reveal())
	}
	if diff := cmp.Diff([]string{"canary-1", "canary-2", "canary-3"}, revealed); diff != "" {
		t.Error(diff)
	}
}
