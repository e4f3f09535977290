package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/config"
)

type refusal struct {
	// change holds pairs for the function of that name; text is the whole instead.
	change []string
	text   string
	want   []string
}

func check(t *testing.T, cases map[string]refusal) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if text == "" {
				text = change(t, c.change...)
			}
			_, err := load(t, text, config.Options{})
			if diff := cmp.Diff(c.want, problems(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsNoConfigurationIsRefused(t *testing.T) {
	const strange = "anchors (&), aliases (*), merge keys (<<), tags (!) and directives (%) are not supported here: write the value out"
	check(t, map[string]refusal{
		"a text":            {text: "hello", want: []string{"1 : the file must be a mapping of keys, not text"}},
		"a list":            {text: "\n- a\n", want: []string{"2 : the file must be a mapping of keys, not a list"}},
		"two documents":     {text: minimal + "---\na: 1\n", want: []string{"16 : a second YAML document begins here: one file holds one configuration"}},
		"a syntax error":    {text: "a: 1\nb: [1\nc: 2\n", want: []string{"3 : is not valid YAML: ',' or ']' must be specified"}},
		"a tab":             {text: "a:\n\tb: 1\n", want: []string{"2 : is not valid YAML: found character '\t' that cannot start any token"}},
		"no UTF-8":          {text: "a: 1\nb: \xff\n", want: []string{"2 : is not valid UTF-8 here"}},
		"brackets for ever": {text: "a:\n  " + strings.Repeat("[", 100_000), want: []string{"2 : is nested more than 32 deep"}},
		"dashes for ever":   {text: strings.Repeat("- ", 100_000), want: []string{"1 : is nested more than 32 deep"}},
		"an unquoted ${ in {": {
			text: "a: 1\nb: {c: ${env:X}}\n",
			want: []string{"2 : is not valid YAML: ',' or '}' must be specified (inside { } and [ ] a ${…} must stand in quotes)"},
		},
		"an anchor, an alias, a tag and a merge key": {
			change: []string{
				"CT", "&a CT", "username: sync", "username: *a", "currency: EUR", "currency: !!str EUR",
				"    customers:\n", "    <<: *a\n    customers:\n",
			},
			want: []string{
				"3 connector.client_token: " + strange, "8 v4.auth.username: " + strange, "13 properties[0].currency: " + strange,
				"14 properties[0]: a key must be a plain word: anchors, merge keys (<<), tags and keys of several parts are not supported here",
			},
		},
		"a key given twice": {
			change: []string{"    currency: EUR\n", "    currency: EUR\n    'currency': USD\n"},
			want:   []string{"14 properties[0].currency: is given twice; the first is in line 13"},
		},
		"Windows line ends are counted as lines": {
			text: strings.ReplaceAll(strings.Replace(minimal, "EUR", "EU", 1), "\n", "\r\n"),
			want: []string{"13 properties[0].currency: must be a currency's ISO 4217 code in upper case, such as EUR, not \"EU\""},
		},
		"a byte order mark is not part of the first key": {text: "\ufeff" + minimal},
	})
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	check(t, map[string]refusal{"a file full of mistakes": {
		text: `schedule: "61 * * * *"
timezone: Mars/Olympus
log: {level: loud, colour: yes}
connector:
  address: ftp://api.example.com
  timeout: 60
  rate_limit: {requests: 0, per: 0s}
v4:
  auth: {}
  concurrency: many
mirror: on
properties:
  - name: a b
    access_token: ${env:ABSENT}
    currency: EUR
    customers: {}
    payment_methods: {default: never, credit_cards: {x: 0, y: 1.5, z: "7"}}
  - 17
extra: 1
`,
		want: []string{
			`1 schedule: must be five cron fields such as "*/5 * * * *", or a descriptor such as @hourly or @every 30s, not "61 * * * *"`,
			`2 timezone: must be the IANA name of a time zone, such as UTC or Europe/Prague, not "Mars/Olympus"`,
			`3 log.level: must be one of info, debug, warn, error, not "loud"`,
			`3 log.colour: is not a known key; known here: level, format`,
			`4 connector.client_token: is required`,
			`5 connector.address: must be an absolute URL such as https://host.example.com/path`,
			`6 connector.timeout: must be a duration with its unit, such as 30s, 5m or 120h, not "60"`,
			`7 connector.rate_limit.requests: must be a whole number from 1 to 1000000, not "0"`,
			`7 connector.rate_limit.per: must be above zero, not "0s"`,
			`8 v4.address: is required`,
			`9 v4.auth: is required: give token, or login_address with username and password or with client_id and client_secret`,
			`10 v4.concurrency: must be a whole number, not "many"`,
			`11 mirror: must be a mapping of keys, not text`,
			`13 properties[0].name: must consist of letters, digits, dots, dashes and underscores: it becomes a metric's label, not "a b"`,
			`14 properties[0].access_token: ${env:ABSENT}: the environment variable ABSENT is not set`,
			`16 properties[0].customers: names no customers: give ids, a file or discover`,
			`17 properties[0].payment_methods.default: must be none, autopay or a paymentMethodId, which is a whole number above zero, not "never"`,
			`17 properties[0].payment_methods.credit_cards.x: must be a paymentMethodId, which is a whole number above zero, not "0"`,
			`17 properties[0].payment_methods.credit_cards.y: must be a paymentMethodId, which is a whole number above zero, not "1.5"`,
			`17 properties[0].payment_methods.credit_cards.z: must be a paymentMethodId, not "7"`,
			`18 properties[1]: must be a mapping of keys, not a number`,
			`19 extra: is not a known key; known here: schedule, timezone, state, control, metrics, log, connector, v4, mirror, properties`,
		},
	}})
}

func TestMissingKeysAreNamed(t *testing.T) {
	check(t, map[string]refusal{
		"everything": {text: "log: {}\n", want: []string{
			"1 connector.address: is required", "1 connector.client_token: is required", "1 properties: is required", "1 v4.address: is required",
			"1 v4.auth: is required: give token, or login_address with username and password or with client_id and client_secret",
		}},
		"no property":      {text: minimal[:strings.Index(minimal, "  - name")], want: []string{"10 properties: is required"}},
		"an empty list":    {text: minimal[:strings.Index(minimal, "\n  - name")] + " []\n", want: []string{"10 properties: at least one property is required"}},
		"an empty item":    {text: minimal + "  -\n", want: []string{"16 properties[1].access_token: is required", "16 properties[1].currency: is required", "16 properties[1].customers: names no customers: give ids, a file or discover", "16 properties[1].name: is required"}},
		"an empty token":   {change: []string{" CT", ` ""`}, want: []string{"3 connector.client_token: must not be empty"}},
		"no value":         {change: []string{" AT", ""}, want: []string{"12 properties[0].access_token: is required"}},
		"no value to keep": {text: "timezone:\n" + minimal, want: []string{"1 timezone: has no value: write one, or leave the key out"}},
		"a section without keys takes the defaults": {text: "log:\nstate:\nmirror: {}\n" + minimal},
		"a list without items is empty":             {change: []string{"  address: https://v4", "  already_captured_codes:\n  address: https://v4"}},
		"null for what is a mapping by Id is empty": {text: minimal + "    payment_methods:\n      credit_cards:\n"},
	})
}

func TestAddressesAreRefused(t *testing.T) {
	const absolute = "must be an absolute URL such as https://host.example.com/path"
	const clear = "must begin with https:// unless it is this very machine: tokens and money would travel in clear"
	for address, want := range map[string]string{
		"api.example.com":                         absolute,
		"/path":                                   absolute,
		"https://":                                absolute,
		"https://:443":                            absolute,
		"https:api.example.com":                   absolute,
		"https://a b.example.com":                 absolute,
		"https://a.example.com:99999":             "must have a port from 1 to 65535, if any",
		"https://a.example.com:0":                 "must have a port from 1 to 65535, if any",
		"https://me:canary@a.example.com":         "must not contain a user name or password: they have keys of their own",
		"https://a.example.com/?canary":           "must not have a query or a fragment",
		"https://a.example.com/?":                 "must not have a query or a fragment",
		"https://a.example.com/#":                 "must not have a query or a fragment",
		"http://a.example.com":                    clear,
		"http://192.168.0.1":                      clear,
		"http://localhost.example.com":            clear,
		"http://127.0.0.1.example.com":            clear,
		"http://0.0.0.0:80":                       clear,
		"https://a.example.com/Api/Connector/V1/": "must not end in /api/connector/v1: that is appended",
		"http://localhost":                        "",
		"http://LOCALHOST:8080/x":                 "",
		"http://127.8.9.1":                        "",
		"http://[::1]:1":                          "",
		"https://a.example.com:443/base/":         "",
	} {
		t.Run(address, func(t *testing.T) {
			_, err := load(t, change(t, "https://api.example.com", `"`+address+`"`), config.Options{})
			var all []string
			if want != "" {
				all = []string{"2 connector.address: " + want}
			}
			if diff := cmp.Diff(all, problems(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAuthIsExactlyOneWay(t *testing.T) {
	const at = "    login_address: https://v4.example.com/Login\n    username: sync\n    password: PW\n"
	const login = "    login_address: https://v4.example.com/Login\n"
	for auth, want := range map[string][]string{
		"    token: T\n": nil,
		login + "    username: u\n    password: p\n":                       nil,
		login + "    client_id: c\n    username: u\n    password: p\n":     nil,
		login + "    client_id: c\n    client_secret: s\n":                 nil,
		login + "    client_secret: s\n":                                   {"6 v4.auth.client_id: is required with client_secret"},
		login + "    username: u\n":                                        {"6 v4.auth.password: is required with username"},
		login + "    password: p\n":                                        {"6 v4.auth.username: is required with password"},
		login:                                                              {"6 v4.auth: has a login_address but no credentials: give username and password, or client_id and client_secret"},
		login + "    token: T\n":                                           {"6 v4.auth: has both a token and a login: give token alone, or login_address with its credentials"},
		"    username: u\n    password: p\n":                               {"6 v4.auth.login_address: is required for a login"},
		login + "    username: u\n    password: p\n    client_secret: s\n": {"6 v4.auth: has both a password and a client_secret: give username and password, or client_id and client_secret"},
		"    token: \"a\\nb\"\n":                                           {"7 v4.auth.token: must consist of printable ASCII without spaces or line breaks, since it travels in an HTTP header"},
		login + "    username: u\n    password: ${env:ABSENT}\n":           {"9 v4.auth.password: ${env:ABSENT}: the environment variable ABSENT is not set"},
		"    client_secret: ${env:ABSENT}\n": {
			"6 v4.auth.client_id: is required with client_secret", "6 v4.auth.login_address: is required for a login",
			"7 v4.auth.client_secret: ${env:ABSENT}: the environment variable ABSENT is not set",
		},
	} {
		t.Run(auth, func(t *testing.T) {
			_, err := load(t, change(t, at, auth), config.Options{})
			if diff := cmp.Diff(want, problems(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPropertiesAreDistinct(t *testing.T) {
	second := "  - {name: brno, access_token: A2, currency: CZK, customers: {file: f}}\n"
	check(t, map[string]refusal{
		"two distinct ones are accepted": {text: minimal + second},
		"one name twice": {
			text: minimal + strings.Replace(second, "brno", "' prague '", 1),
			want: []string{"16 properties[1].name: is the name of properties[0] too: names must be distinct"},
		},
		"one access token twice": {
			text: minimal + strings.Replace(second, "A2", "AT", 1),
			want: []string{"16 properties[1].access_token: is the access token of properties[0] too: a property mirrored twice would be charged twice"},
		},
		"one card with two payment methods": {
			text: minimal + "    payment_methods:\n      credit_cards:\n" +
				"        E417DFE8-C813-4938-837B-36081199CE88: 5\n        e417dfe8-c813-4938-837b-36081199ce88: 6\n",
			want: []string{"19 properties[0].payment_methods.credit_cards.e417dfe8-c813-4938-837b-36081199ce88: is mapped to 6 here and to 5 in line 18"},
		},
		"Ids that are no UUIDs differ in letter case": {
			text: minimal + "    payment_methods: {customers: {Card: 5, card: 6, 12: 7}}\n",
		},
		"an empty Id": {
			text: minimal + "    payment_methods: {customers: {'': 5}}\n",
			want: []string{"16 properties[0].payment_methods.customers.: an Id must not be empty"},
		},
	})
}

func TestNumbersDurationsAndSchedulesOutOfRangeAreRefused(t *testing.T) {
	for line, want := range map[string]string{
		"mirror: {max_actions_per_cycle: -1}":               `mirror.max_actions_per_cycle: must be a whole number from 0 to 2147483647, not "-1"`,
		"mirror: {max_actions_per_cycle: 010}":              `mirror.max_actions_per_cycle: must be a whole number from 0 to 2147483647, not "010"`,
		"mirror: {max_actions_per_cycle: 1_000}":            `mirror.max_actions_per_cycle: must be a whole number from 0 to 2147483647, not "1_000"`,
		"mirror: {max_actions_per_cycle: 0x10}":             `mirror.max_actions_per_cycle: must be a whole number from 0 to 2147483647, not "0x10"`,
		"mirror: {max_actions_per_cycle: 1.0}":              `mirror.max_actions_per_cycle: must be a whole number from 0 to 2147483647, not "1.0"`,
		"mirror: {max_actions_per_cycle: true}":             `mirror.max_actions_per_cycle: must be a whole number, not a truth value or the like`,
		"mirror: {max_actions_per_cycle: [1]}":              `mirror.max_actions_per_cycle: must be a whole number, not a list`,
		"mirror: {max_actions_per_cycle: 9999999999999999}": `mirror.max_actions_per_cycle: must be a whole number from 0 to 2147483647, not "9999999999999999"`,
		"state: {path: ''}":                                 `state.path: must not be empty, not ""`,
		"state: {path: 5}":                                  `state.path: must be a path, not a number: put it in quotes if it is meant`,
		"mirror: {first_run: Mirror}":                       `mirror.first_run: must be one of baseline, mirror, not "Mirror"`,
		"timezone: ''":                                      `timezone: must be the IANA name of a time zone, such as UTC or Europe/Prague, not ""`,
		"timezone: ../../etc/passwd":                        `timezone: must be the IANA name of a time zone, such as UTC or Europe/Prague, not "../../etc/passwd"`,
		"schedule: TZ=UTC":                                  `schedule: must not name a time zone: that is what the key timezone is for, not "TZ=UTC"`,
		"schedule: ' CRON_TZ=UTC * * * * *'":                `schedule: must not name a time zone: that is what the key timezone is for, not " CRON_TZ=UTC * * * * *"`,
		"schedule: '@every 10ms'":                           `schedule: @every must be followed by a second at least, not "@every 10ms"`,
		"schedule: 0 0 31 2 *":                              `schedule: must come at all: there is no such day, not "0 0 31 2 *"`,
		"schedule: ', * * * *'":                             `schedule: must come at all: there is no such day, not ", * * * *"`,
		"schedule: '* * * * * *'":                           `schedule: must be five cron fields such as "*/5 * * * *", or a descriptor such as @hourly or @every 30s, not "* * * * * *"`,
		"schedule: ''":                                      `schedule: must be five cron fields such as "*/5 * * * *", or a descriptor such as @hourly or @every 30s, not ""`,
		"schedule: 0 0 29 2 *":                              "",
		"schedule: '@daily'":                                "",
	} {
		t.Run(line, func(t *testing.T) {
			_, err := load(t, line+"\n"+minimal, config.Options{})
			var all []string
			if want != "" {
				all = []string{"1 " + want}
			}
			if diff := cmp.Diff(all, problems(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for line, want := range map[string]string{
		"timeout: 0":                   `v4.timeout: must be above zero, not "0"`,
		"timeout: -1s":                 `v4.timeout: must be above zero, not "-1s"`,
		"settle: 2000000h":             `v4.settle: must be at most 8784 hours, not "2000000h"`,
		"settle: 9999999999h":          `v4.settle: must be a duration with its unit, such as 30s, 5m or 120h, not "9999999999h"`,
		"settle: 1d":                   `v4.settle: must be a duration with its unit, such as 30s, 5m or 120h, not "1d"`,
		"concurrency: 0":               `v4.concurrency: must be a whole number from 1 to 1000, not "0"`,
		"rate_limit: {requests: -1}":   `v4.rate_limit.requests: must be a whole number from 0 to 1000000, not "-1"`,
		"rate_limit: {per: 0}":         `v4.rate_limit.per: must be above zero, not "0"`,
		"created_by_user_id: -1":       `v4.created_by_user_id: must be a whole number, 0 or more, not "-1"`,
		"capture_field: ' '":           `v4.capture_field: must not be empty, not " "`,
		"capture_field: \"a\\tb\"":     `v4.capture_field: must not contain line breaks or other control characters, not "a\tb"`,
		"already_captured_codes: 5":    `v4.already_captured_codes: must be a list, not a number`,
		"already_captured_codes: [x]":  `v4.already_captured_codes[0]: must be a whole number, not "x"`,
		"already_captured_codes: [.5]": `v4.already_captured_codes[0]: must be a whole number in plain digits, not ".5"`,
		"address_: x":                  `v4.address_: is not a known key; known here: address, auth, timeout, settle, concurrency, rate_limit, transaction_token, capture_field, capture_empty_reply, already_captured_codes, created_by_user_id`,
	} {
		t.Run("v4 "+line, func(t *testing.T) {
			_, err := load(t, change(t, "v4:\n", "v4:\n  "+line+"\n"), config.Options{})
			if diff := cmp.Diff([]string{"5 " + want}, problems(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListenAddressesPathsAndDiscoveryOutOfRangeAreRefused(t *testing.T) {
	const form = `must be host:port such as 127.0.0.1:9464 or [::1]:9464, or "" for off`
	const host = "must have an IP address or a host's name before its port, or nothing for every interface"
	const port = "must end in a port from 1 to 65535, or in 0 for any that is free"
	for address, want := range map[string]string{
		"": "", "127.0.0.1:9464": "", ":9464": "", "0.0.0.0:1": "", "[::]:65535": "", "[fe80::1%eth0]:80": "", "localhost:0": "", "metrics.example.com:80": "",
		"127.0.0.1": form, "9464": form, "::1:9464": form, "http://localhost:9464": form, " ": form,
		"a b:1": host, "/x:1": host, "[x/y]:1": host,
		"127.0.0.1:": port, "127.0.0.1:http": port, "127.0.0.1:65536": port, "127.0.0.1:-1": port, "127.0.0.1:+1": port, "127.0.0.1:080": port, "127.0.0.1:80 ": port,
	} {
		t.Run(address, func(t *testing.T) {
			_, err := load(t, "metrics: {listen: '"+address+"'}\n"+minimal, config.Options{})
			var all []string
			if want != "" {
				all = []string{"1 metrics.listen: " + want + `, not "` + address + `"`}
			}
			if diff := cmp.Diff(all, problems(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for line, want := range map[string]string{
		"control: {socket: ''}":           "",
		"control: {socket: control.sock}": "",
		"control: {socket: ' '}":          `1 control.socket: must be a path, or "" for none, not " "`,
		"control: {socket: [a]}":          "1 control.socket: must be a path, not a list",
	} {
		t.Run(line, func(t *testing.T) {
			_, err := load(t, line+"\n"+minimal, config.Options{})
			if got := strings.Join(problems(t, err), "\n"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	for line, want := range map[string]string{
		"  discover: {updated_within: 1h}":     "",
		"  discover: {updated_within: 0}":      "",
		"  discover: {updated_within: -1h}":    `16 properties[0].customers.discover.updated_within: must not be below zero, not "-1h"`,
		"  discover: {updated_within: 87841h}": `16 properties[0].customers.discover.updated_within: must be at most 87840 hours, not "87841h"`,
		"  file: ' '":                          `16 properties[0].customers.file: must be a path, or "" for none, not " "`,
		"payment_methods: {file: ' '}":         `16 properties[0].payment_methods.file: must be a path, or "" for none, not " "`,
		"payment_methods: {file: ''}":          "",
		"payment_methods: {file: x.csv}":       "",

		"  discover: {reservations_within: 8784h}":           "",
		"  discover: {reservations_within: 0}":               "",
		"  discover: {reservations_within: 8785h}":           `16 properties[0].customers.discover.reservations_within: must be at most 8784 hours, not "8785h"`,
		"  discover: {reservations_within: -1h}":             `16 properties[0].customers.discover.reservations_within: must not be below zero, not "-1h"`,
		"payment_methods: {lookup: ''}":                      "",
		"payment_methods: {lookup: paymentMethodIdentifier}": "",
		"payment_methods: {lookup: 'a\"b'}":                  `16 properties[0].payment_methods.lookup: must be the name of a field such as paymentMethodIdentifier, of letters, digits and underscores, not "a\"b"`,
		"payment_methods: {lookup: account.name}":            `16 properties[0].payment_methods.lookup: must be the name of a field such as paymentMethodIdentifier, of letters, digits and underscores, not "account.name"`,
	} {
		t.Run(line, func(t *testing.T) {
			_, err := load(t, minimal+"    "+line+"\n", config.Options{})
			if got := strings.Join(problems(t, err), "\n"); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	for _, discover := range []string{"{updated_within: 1h}", "{reservations_within: 1h}"} {
		_, err := load(t, change(t, "ids: [20725048-b6ec-40f0-9d0a-7e5273d8b861]", "discover: "+discover), config.Options{})
		if err != nil {
			t.Errorf("customers that are only discovered, %s: %v", discover, err)
		}
	}
}
