package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/preauth-sync/preauth-sync/preauth"
)

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func notEmpty(value string) error {
	if strings.TrimSpace(value) == "" {
		return errors.New("must not be empty")
	}
	return nil
}

// notBlank refuses a path of spaces: "" is how a file is left out.
func notBlank(value string) error {
	if value != "" && strings.TrimSpace(value) == "" {
		return errors.New(`must be a path, or "" for none`)
	}
	return nil
}

// plain refuses what cannot be a JSON key or a header's value without surprises.
func plain(value string) error {
	if err := notEmpty(value); err != nil {
		return err
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return errors.New("must not contain line breaks or other control characters")
	}
	return nil
}

// bearer refuses what no HTTP header can carry; an empty token is no token.
func bearer(value string) error {
	if value == "" {
		return nil
	}
	for _, c := range []byte(value) {
		if c <= ' ' || c > '~' {
			return errors.New("must consist of printable ASCII without spaces or line breaks, since it travels in an HTTP header")
		}
	}
	return nil
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

// listenAddress takes host:port, where no host means every interface, or "".
func listenAddress(value string) error {
	if value == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		return errors.New(`must be host:port such as 127.0.0.1:9464 or [::1]:9464, or "" for off`)
	}
	if _, err := netip.ParseAddr(host); err != nil && !hostForm.MatchString(host) {
		return errors.New("must have an IP address or a host's name before its port, or nothing for every interface")
	}
	if n, err := parseWhole(port); err != nil || n < 0 || n > math.MaxUint16 {
		return errors.New("must end in a port from 1 to 65535, or in 0 for any that is free")
	}
	return nil
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func propertyName(value string) error {
	if !nameForm.MatchString(value) {
		return errors.New("must consist of letters, digits, dots, dashes and underscores: it becomes a metric's label")
	}
	return nil
}

var fieldForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// fieldName takes the name of a field of v4, or "" for none. It travels within a query.
func fieldName(value string) error {
	if value != "" && !fieldForm.MatchString(value) {
		return errors.New("must be the name of a field such as paymentMethodIdentifier, of letters, digits and underscores")
	}
	return nil
}

func currency(value string) error {
	if _, known := preauth.MinorUnits(value); !known {
		return errors.New("must be a currency's ISO 4217 code in upper case, such as EUR")
	}
	return nil
}

func timezone(dst **time.Location) field {
	return field{key: "timezone", takes: "a time zone", def: "UTC", doc: "IANA name of the zone the schedule is read in", scalar: &scalar{
		texts: true,
		set: func(value string) error {
			location, err := time.LoadLocation(value)
			if value == "" || err != nil {
				return errors.New("must be the IANA name of a time zone, such as UTC or Europe/Prague")
			}
			*dst = location
			return nil
		},
		show: func() string { return (*dst).String() },
	}}
}

func schedule(dst *Schedule) field {
	return field{key: "schedule", takes: "a schedule", def: "*/5 * * * *", doc: "when cycles begin: a cron expression or @every 30s", scalar: &scalar{
		texts: true,
		set: func(value string) error {
			parsed, err := parseSchedule(value)
			if err == nil {
				*dst = parsed
			}
			return err
		},
		show: func() string { return dst.Expression },
	}}
}

func defaultMethod(dst *DefaultMethod) field {
	return field{
		key: "default", takes: "none, autopay or a paymentMethodId", def: "none",
		doc: "for a card that nothing else names; autopay leaves the choice to v4",
		scalar: &scalar{
			texts: true, numbers: true,
			set: func(value string) error {
				switch value {
				case "none":
					*dst = DefaultMethod{}
				case "autopay":
					*dst = DefaultMethod{Autopay: true}
				default:
					id, err := ParseMethodID(value)
					if err != nil {
						return errors.New("must be none, autopay or a paymentMethodId, which is a whole number above zero")
					}
					*dst = DefaultMethod{ID: id}
				}
				return nil
			},
			show: func() string { return dst.String() },
		},
	}
}

// ParseMethodID reads a paymentMethodId: plain digits, above zero.
func ParseMethodID(value string) (int64, error) {
	id, err := parseWhole(value)
	if err != nil || id < 1 {
		return 0, errors.New("must be a paymentMethodId, which is a whole number above zero")
	}
	return id, nil
}

// whole checks what no single key can tell: how to log in, and that the
// properties are distinct and have customers.
func (l *loader) whole(c *Config) {
	l.waysIn(c)
	if len(c.Properties) == 0 && !l.failed("properties") {
		l.report("properties", "at least one property is required")
	}
	names, tokens := map[string]string{}, map[string]string{}
	for i, p := range c.Properties {
		at := fmt.Sprintf("properties[%d]", i)
		if first, twice := names[p.Name]; twice && p.Name != "" {
			l.report(at+".name", "is the name of "+first+" too: names must be distinct")
		} else {
			names[p.Name] = at
		}
		if p.OwnV4 && p.Name == SharedV4 {
			l.report(at+".name", "must not be "+SharedV4+" where the property has a v4 of its own: the shared one is called so")
		}
		token := p.AccessToken.Reveal()
		if first, twice := tokens[token]; twice && token != "" {
			l.report(at+".access_token", "is the access token of "+first+" too: a property mirrored twice would be charged twice")
		} else {
			tokens[token] = at
		}
		if c := p.Customers; len(c.IDs) == 0 && c.File == "" && c.Discover == (Discover{}) && !l.failed(at+".customers") {
			l.report(at+".customers", "names no customers: give ids, a file or discover")
		}
	}
}

// waysIn checks each way into v4 that is used.
func (l *loader) waysIn(c *Config) {
	if len(c.Properties) == 0 || slices.ContainsFunc(c.Properties, func(p Property) bool { return !p.OwnV4 }) {
		l.auth("v4.auth", c.V4.Auth, "")
	}
	for i, p := range c.Properties {
		at := fmt.Sprintf("properties[%d].v4.auth", i)
		why := notTakenOver(p.V4, c.V4)
		if _, own := l.places[at]; p.OwnV4 && (own || why != "" || !l.failed("v4.auth")) {
			l.auth(at, p.V4.Auth, why)
		}
	}
}

// auth checks that there is exactly one way to be let in; why ends what is said of
// a missing one. A key whose value was refused counts as given, so that one mistake
// is not told twice.
func (l *loader) auth(at string, a Auth, why string) {
	if l.broken(at) {
		return
	}
	given := func(key, value string) bool { return value != "" || l.broken(at+"."+key) }
	token := given("token", a.Token.Reveal())
	address := given("login_address", a.LoginAddress)
	username, password := given("username", a.Username), given("password", a.Password.Reveal())
	client := given("client_secret", a.ClientSecret.Reveal())
	login := address || username || password || client
	switch {
	case token && login:
		l.report(at, "has both a token and a login: give token alone, or login_address with its credentials")
	case token:
		return
	case !login:
		l.report(at, "is required: give token, or login_address with username and password or with client_id and client_secret"+why)
		return
	case (username || password) && client:
		l.report(at, "has both a password and a client_secret: give username and password, or client_id and client_secret")
	case !username && !password && !client:
		l.report(at, "has a login_address but no credentials: give username and password, or client_id and client_secret"+why)
	case password && !username:
		l.report(at+".username", "is required with password"+why)
	case username && !password:
		l.report(at+".password", "is required with username"+why)
	case client && !given("client_id", a.ClientID):
		l.report(at+".client_id", "is required with client_secret"+why)
	}
	if login && !address && !token {
		l.report(at+".login_address", "is required for a login"+why)
	}
}
