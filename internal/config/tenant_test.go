package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
)

// own is a property that has a v4 of its own, to be added to the minimal configuration.
func own(v4 string) string {
	return "  - {name: brno, access_token: A2, currency: CZK, customers: {file: f}, v4: {" + v4 + "}}\n"
}

// revealed gives a way in with what it really holds.
func revealed(a config.Auth) string {
	return fmt.Sprintf("%s|%s|%s|%s|%s|%s",
		a.Token.Reveal(), a.LoginAddress, a.ClientID, a.Username, a.Password.Reveal(), a.ClientSecret.Reveal())
}

func TestAPropertysOwnV4OverridesKeyByKey(t *testing.T) {
	text := change(t, "  auth:\n", "  settle: 7m\n  rate_limit: {requests: 9, per: 3s}\n  already_captured_codes: [1, 2]\n  auth:\n") +
		own("timeout: 1s, rate_limit: {requests: 0}, already_captured_codes: [3]") +
		strings.Replace(strings.Replace(own("capture_field: id"), "brno", "graz", 1), "A2", "A3", 1) +
		strings.Replace(strings.Replace(own(""), "brno", "wien", 1), "A2", "A4", 1)
	c := mustLoad(t, text, config.Options{})
	want := c.V4
	want.Timeout, want.RateLimit.Requests, want.AlreadyCapturedCodes = 1e9, 0, []int64{3}
	if diff := cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", c.Properties[1].V4)); diff != "" {
		t.Error(diff)
	}
	want = c.V4
	want.CaptureField = "id"
	if diff := cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", c.Properties[2].V4)); diff != "" {
		t.Error(diff)
	}
	var owned []bool
	for _, p := range c.Properties {
		owned = append(owned, p.OwnV4)
		if got := revealed(p.V4.Auth); got != revealed(c.V4.Auth) {
			t.Errorf("%s is let in by %s", p.Name, got)
		}
	}
	if diff := cmp.Diff([]bool{false, true, true, false}, owned); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{1, 2}, c.V4.AlreadyCapturedCodes); diff != "" {
		t.Errorf("the top-level's list has changed: %s", diff)
	}
}

// The three ways in of a top-level, each with an address of its own.
const (
	byPassword = "    login_address: https://v4.example.com/Login\n    client_id: c\n    username: sync\n    password: PW\n"
	byClient   = "    login_address: https://v4.example.com/Login\n    client_id: c\n    client_secret: CS\n"
	byToken    = "    token: T\n"
)

func TestAWayInIsInheritedKeyByKeyUnlessItIsAnother(t *testing.T) {
	const here, there = "https://v4.example.com/Login", "https://other.example.com/Login"
	const missing = "properties[1].v4.auth"
	const elsewhere = "; those of the top-level v4 are not sent to another host"
	const noWay = missing + ": is required: give token, or login_address with username and password or with client_id and client_secret"
	const noCredentials = missing + ": has a login_address but no credentials: give username and password, or client_id and client_secret"
	for name, c := range map[string]struct {
		shared, own string
		// want is token|login_address|client_id|username|password|client_secret, refused the message in its place.
		want, refused string
	}{
		"another user":                          {shared: byPassword, own: "auth: {username: u, password: p}", want: "|" + here + "|c|u|p|"},
		"another password":                      {shared: byPassword, own: "auth: {password: p}", want: "|" + here + "|c|sync|p|"},
		"another client_id":                     {shared: byPassword, own: "auth: {client_id: d}", want: "|" + here + "|d|sync|PW|"},
		"no client_id":                          {shared: byPassword, own: `auth: {client_id: ""}`, want: "|" + here + "||sync|PW|"},
		"a token in place of a login":           {shared: byPassword, own: "auth: {token: t}", want: "t|||||"},
		"a client in place of a user":           {shared: byPassword, own: "auth: {client_secret: s}", want: "|" + here + "|c|||s"},
		"a user in place of a client":           {shared: byClient, own: "auth: {username: u, password: p}", want: "|" + here + "|c|u|p|"},
		"a login in place of a token":           {shared: byToken, own: "auth: {login_address: " + here + ", username: u, password: p}", want: "|" + here + "||u|p|"},
		"a login without address for a token":   {shared: byToken, own: "auth: {username: u, password: p}", refused: missing + ".login_address: is required for a login"},
		"another place on the same host":        {shared: byPassword, own: "address: https://V4.example.com/other", want: "|" + here + "|c|sync|PW|"},
		"another login on the same host":        {shared: byPassword, own: "auth: {login_address: https://v4.example.com/B}", want: "|https://v4.example.com/B|c|sync|PW|"},
		"a token is not sent to another host":   {shared: byToken, own: "address: https://other.example.com", refused: noWay + elsewhere},
		"nor what a login on it gives":          {shared: byPassword, own: "address: https://other.example.com", refused: noWay + elsewhere},
		"nor to another port":                   {shared: byToken, own: "address: 'https://v4.example.com:8443'", refused: noWay + elsewhere},
		"a password is not sent to another one": {shared: byPassword, own: "auth: {login_address: " + there + "}", refused: noCredentials + elsewhere},
		"nor with a user of its own":            {shared: byPassword, own: "auth: {login_address: " + there + ", username: u}", refused: missing + ".password: is required with username" + elsewhere},
		"nor a client's":                        {shared: byClient, own: "auth: {login_address: " + there + ", client_id: d}", refused: noCredentials + elsewhere},
		"nor its own to the shared one's host": {
			shared: byPassword, own: "address: https://other.example.com, auth: {username: u, password: p}",
			refused: missing + ".login_address: is required for a login" + elsewhere,
		},
		"another host with all of its own": {
			shared: byPassword, own: "address: https://other.example.com, auth: {login_address: " + there + ", username: u, password: p}",
			want: "|" + there + "||u|p|",
		},
		"both ways at once": {
			shared: byPassword, own: "auth: {token: t, password: p}",
			refused: missing + ": has both a token and a login: give token alone, or login_address with its credentials",
		},
		"a value that was refused counts as given": {
			shared: byPassword, own: "auth: {token: '${env:ABSENT}'}",
			refused: missing + ".token: ${env:ABSENT}: the environment variable ABSENT is not set",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(t, change(t, "    login_address: https://v4.example.com/Login\n    username: sync\n    password: PW\n", c.shared)+own(c.own), config.Options{})
			if c.refused != "" {
				said := problems(t, err)
				if len(said) != 1 || !strings.HasSuffix(said[0], " "+c.refused) {
					t.Errorf("got %q, want %q", said, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, revealed(cfg.Properties[1].V4.Auth)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPropertysOwnV4IsCheckedLikeTheOther(t *testing.T) {
	const noWay = "is required: give token, or login_address with username and password or with client_id and client_secret"
	withoutAuth := []string{"  auth:\n    login_address: https://v4.example.com/Login\n    username: sync\n    password: PW\n", ""}
	check(t, map[string]refusal{
		"values and keys": {
			text: minimal + own("timeout: 0s, place: x, concurrency: 0"),
			want: []string{
				`16 properties[1].v4.timeout: must be above zero, not "0s"`,
				"16 properties[1].v4.place: is not a known key; known here: address, auth, timeout, settle, concurrency, rate_limit, " +
					"transaction_token, capture_field, capture_empty_reply, already_captured_codes, created_by_user_id",
				`16 properties[1].v4.concurrency: must be a whole number from 1 to 1000, not "0"`,
			},
		},
		"no mapping": {text: minimal + "    v4: [1]\n", want: []string{"16 properties[0].v4: must be a mapping, not a list"}},
		"no keys":    {text: minimal + "    v4:\n"},
		"a name that would be ambiguous": {
			text: minimal + strings.Replace(own("timeout: 1s"), "brno", "default", 1),
			want: []string{"16 properties[1].name: must not be default where the property has a v4 of its own: the shared one is called so"},
		},
		"a name that is not": {text: minimal + strings.Replace(own(""), "brno", "default", 1)},
		"the top-level's mistake is told once": {
			text: change(t, withoutAuth...) + own("timeout: 1s"), want: []string{"4 v4.auth: " + noWay},
		},
		"a way in that nobody uses need not be there": {
			text: change(t, withoutAuth...) + "    v4: {auth: {token: t}}\n",
		},
	})
}

func TestTheSecretsOfEveryTenantAreKnown(t *testing.T) {
	c := mustLoad(t, minimal+own("auth: {client_id: c, client_secret: CS}"), config.Options{})
	var all []string
	for _, secret := range c.Secrets() {
		all = append(all, secret.Reveal())
	}
	if diff := cmp.Diff([]string{"CT", "PW", "AT", "A2", "CS"}, all); diff != "" {
		t.Error(diff)
	}
	if text := fmt.Sprintf("%+v %#v", *c, *c); strings.Contains(text, "CS") {
		t.Errorf("it shows a secret: %s", text)
	}
}
