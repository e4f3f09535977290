package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// list is a list of sections, each with the same keys.
func list[T any](key, doc string, dst *[]T, itemKeys func(*T) []field) field {
	return field{
		key: key, takes: "a list", doc: doc, fields: itemKeys(new(T)),
		items: func(l *loader, path string, from *node) {
			// Made at once: the keys of each item point into it.
			*dst = make([]T, len(from.items))
			for i, item := range from.items {
				at := itemPath(path, i)
				fields := itemKeys(&(*dst)[i])
				reset(fields)
				if item != nil {
					l.places[at] = item.position
					l.section(at, fields, item)
				}
			}
		},
	}
}

// texts is a list of strings, kept as they are written.
func texts(key string, dst *[]string, doc string) field {
	f := field{key: key, takes: "a list of text", def: "[]", doc: doc}
	f.items = func(l *loader, path string, from *node) {
		for i, item := range from.items {
			if value, ok := l.item(itemPath(path, i), text("", new(string), "", "", nil), item); ok {
				*dst = append(*dst, value)
			}
		}
	}
	return f
}

// numbers is a list of whole numbers.
func numbers(key string, dst *[]int64, doc string) field {
	f := field{key: key, takes: "a list of whole numbers", def: "[]", doc: doc}
	f.items = func(l *loader, path string, from *node) {
		*dst = nil // a property's own list takes the place of the top-level's
		for i, item := range from.items {
			var n int64
			if _, ok := l.item(itemPath(path, i), wholeNumber(&n), item); ok {
				*dst = append(*dst, n)
			}
		}
	}
	return f
}

// methods maps Ids to paymentMethodIds. Ids that are UUIDs count as the same in
// any letter case.
func methods(key string, dst *map[string]int64, doc string) field {
	f := field{key: key, takes: "a mapping to paymentMethodIds", def: "{}", doc: doc}
	f.table = func(l *loader, path string, from *node) {
		*dst = make(map[string]int64, len(from.entries))
		lines := make(map[string]int, len(from.entries))
		for _, e := range from.entries {
			at := join(path, e.key)
			l.places[at] = e.position
			if e.key == "" {
				l.report(at, "an Id must not be empty")
				continue
			}
			var id int64
			if _, ok := l.item(at, methodField(&id), e.value); !ok {
				continue
			}
			name := MethodKey(e.key)
			if other, twice := (*dst)[name]; twice && other != id {
				l.report(at, fmt.Sprintf("is mapped to %d here and to %d in line %d", id, other, lines[name]))
				continue
			}
			(*dst)[name], lines[name] = id, e.line
		}
	}
	return f
}

// MethodKey gives an Id as PaymentMethods holds it: lower-case when it is a UUID,
// unchanged otherwise.
func MethodKey(id string) string {
	if canonical, err := preauth.ParseID(id); err == nil {
		return string(canonical)
	}
	return id
}

func methodField(dst *int64) field {
	return field{takes: "a paymentMethodId", scalar: &scalar{numbers: true, set: func(value string) (err error) {
		*dst, err = ParseMethodID(value)
		return err
	}}}
}

// trimmed cuts the white space around a value before anything else sees it.
func trimmed(f field) field {
	set := f.scalar.set
	f.scalar.set = func(value string) error { return set(strings.TrimSpace(value)) }
	return f
}

func itemPath(path string, index int) string { return path + "[" + strconv.Itoa(index) + "]" }
