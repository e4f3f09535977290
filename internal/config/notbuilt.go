package config

import (
	"regexp"
	"slices"
)

// unbuilt is a key whose behaviour this version does not have. It is accepted at
// its default, and at what switches it off.
type unbuilt struct {
	key string
	off []string
}

// unbuiltKeys is the whole list: what gets built leaves it.
//
//nolint:gochecknoglobals // a constant table
var unbuiltKeys = [...]unbuilt{
	{"mirror.mode", nil},
	{"mirror.hold_warn_after", []string{"0s"}},
	{"properties[].customers.discover.reservations_within", nil},
	{"properties[].payment_methods.lookup", nil},
	{"properties[].v4", nil},
}

var index = regexp.MustCompile(`\[\d+\]`)

func notBuilt(path string) (unbuilt, bool) {
	path = index.ReplaceAllString(path, "[]")
	at := slices.IndexFunc(unbuiltKeys[:], func(u unbuilt) bool { return u.key == path })
	if at < 0 {
		return unbuilt{}, false
	}
	return unbuiltKeys[at], true
}

func notAvailable(f field) string {
	def := f.def
	if def == "" {
		def = `""`
	}
	return "is not available in this version; leave it out (default: " + def + ")"
}
