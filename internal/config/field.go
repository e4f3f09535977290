package config

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/preauth-sync/preauth-sync/internal/httpx"
)

// field is one key of the configuration: what it is called, what it takes, what
// it is by default, and where its value goes. Everything that is known of a key
// is here, so that loading, defaults and documentation cannot disagree.
type field struct {
	key string
	// takes names the kind of value for people, such as "a duration".
	takes string
	// def is the default as it would be written in the file.
	def      string
	required bool
	// hidden keeps the value out of every message.
	hidden bool
	doc    string

	// Exactly one of these four is set.
	scalar *scalar
	fields []field
	items  func(l *loader, path string, list *node)
	table  func(l *loader, path string, mapping *node)
}

// scalar is how a single value is read.
type scalar struct {
	// numbers tells whether an unquoted number is a value; texts, whether a text is.
	numbers, texts bool
	// set stores a value. Its error says what a value must be and never what it is.
	set func(text string) error
	// show gives the stored value, for comparing it with the default.
	show func() string
}

func section(key, doc string, fields ...field) field {
	return field{key: key, takes: "a mapping", doc: doc, fields: fields}
}

// text is any string that check accepts; a nil check accepts all.
func text(key string, dst *string, def, doc string, check func(string) error) field {
	return field{key: key, takes: "text", def: def, doc: doc, scalar: &scalar{
		texts: true,
		set: func(value string) error {
			if check != nil {
				if err := check(value); err != nil {
					return err
				}
			}
			*dst = value
			return nil
		},
		show: func() string { return *dst },
	}}
}

// path is a file's path; a relative one is taken from the configuration's folder.
func path(key string, dst *string, def, doc string, check func(string) error) field {
	f := text(key, dst, def, doc, check)
	f.takes = "a path"
	return f
}

func secret(key string, dst *httpx.Secret, doc string, check func(string) error) field {
	return field{key: key, takes: "a secret", hidden: true, doc: doc, scalar: &scalar{
		texts: true,
		set: func(value string) error {
			if check != nil {
				if err := check(value); err != nil {
					return err
				}
			}
			*dst = httpx.NewSecret(value)
			return nil
		},
		show: func() string { return dst.String() },
	}}
}

// address is a URL. Its value is hidden, since people put passwords into those.
func address(key string, dst *string, appended, doc string) field {
	f := text(key, dst, "", doc, nil)
	f.takes, f.hidden = "a URL", true
	f.scalar.set = func(value string) error {
		base, err := parseAddress(value, appended)
		if err == nil {
			*dst = base
		}
		return err
	}
	return f
}

const day = 24 * time.Hour

// duration takes Go's durations from least to a year; a bare 0 needs no unit.
func duration(key string, dst *time.Duration, least time.Duration, def, doc string) field {
	return durationTo(key, dst, least, 366*day, def, doc)
}

func durationTo(key string, dst *time.Duration, least, most time.Duration, def, doc string) field {
	return field{key: key, takes: "a duration", def: def, doc: doc, scalar: &scalar{
		texts: true, numbers: true,
		set: func(value string) error {
			d, err := time.ParseDuration(value)
			switch {
			case err != nil:
				return errors.New("must be a duration with its unit, such as 30s, 5m or 120h")
			case d < least && least > 0:
				return errors.New("must be above zero")
			case d < least:
				return errors.New("must not be below zero")
			case d > most:
				return fmt.Errorf("must be at most %d hours", most/time.Hour)
			}
			*dst = d
			return nil
		},
		show: func() string { return dst.String() },
	}}
}

// number takes whole numbers from least to most.
func number[T int | int64](key string, dst *T, least, most T, def, doc string) field {
	return field{key: key, takes: "a whole number", def: def, doc: doc, scalar: &scalar{
		numbers: true,
		set: func(value string) error {
			n, err := parseWhole(value)
			if err != nil || n < int64(least) || n > int64(most) {
				return fmt.Errorf("must be a whole number%s", span(int64(least), int64(most)))
			}
			*dst = T(n)
			return nil
		},
		show: func() string { return strconv.FormatInt(int64(*dst), 10) },
	}}
}

// wholeNumber is any whole number, as an item of a list.
func wholeNumber(dst *int64) field { return number("", dst, math.MinInt64, math.MaxInt64, "", "") }

// parseWhole takes plain digits only: whether 010 is eight or ten depends on
// whom one asks.
func parseWhole(value string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err == nil && strconv.FormatInt(n, 10) != value {
		err = strconv.ErrSyntax
	}
	return n, err
}

func span(least, most int64) string {
	switch {
	case least == math.MinInt64:
		return " in plain digits"
	case most == math.MaxInt64:
		return fmt.Sprintf(", %d or more", least)
	default:
		return fmt.Sprintf(" from %d to %d", least, most)
	}
}

// choice takes one of a few words. The first is the default.
func choice[T ~string](key string, dst *T, doc string, words ...T) field {
	names := make([]string, len(words))
	for i, word := range words {
		names[i] = string(word)
	}
	return field{key: key, takes: "one of " + strings.Join(names, ", "), def: names[0], doc: doc, scalar: &scalar{
		texts: true,
		set: func(value string) error {
			for _, word := range words {
				if value == string(word) {
					*dst = word
					return nil
				}
			}
			return fmt.Errorf("must be one of %s", strings.Join(names, ", "))
		},
		show: func() string { return string(*dst) },
	}}
}

// required marks a field as one that has to be given.
func required(f field) field {
	f.required = true
	return f
}

// reset sets every field of the table to its default.
func reset(fields []field) {
	for _, f := range fields {
		reset(f.fields)
		if f.scalar != nil && f.def != "" {
			// A default that its own key refuses is a mistake in the table; a test looks.
			_ = f.scalar.set(f.def)
		}
	}
}

// parseAddress normalizes an absolute URL to which paths are appended: no
// trailing slash, scheme and host in lower case.
func parseAddress(value, appended string) (string, error) {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", errors.New("must be an absolute URL such as https://host.example.com/path")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", errors.New("must have a port from 1 to 65535, if any")
		}
	}
	switch {
	case u.User != nil:
		return "", errors.New("must not contain a user name or password: they have keys of their own")
	case strings.ContainsAny(value, "?#"):
		return "", errors.New("must not have a query or a fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", errors.New("must begin with https:// unless it is this very machine: tokens and money would travel in clear")
	}
	u.Host = strings.ToLower(u.Host)
	base := strings.TrimRight(u.String(), "/")
	if appended != "" && strings.HasSuffix(strings.ToLower(base), appended) {
		return "", fmt.Errorf("must not end in %s: that is appended", appended)
	}
	return base, nil
}
