package config

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scalars gives every single value of a table, by path.
func scalars(above string, fields []field) map[string]field {
	all := map[string]field{}
	for _, f := range fields {
		at := join(above, f.key)
		if f.scalar != nil {
			all[at] = f
		}
		if f.items == nil {
			maps.Copy(all, scalars(at, f.fields))
		}
	}
	return all
}

func TestEveryDefaultIsAcceptedByItsOwnKey(t *testing.T) {
	for _, table := range [][]field{keys(Default()), propertyKeys(new(Property))} {
		for key, f := range scalars("", table) {
			if f.def == "" {
				continue
			}
			if err := f.scalar.set(f.def); err != nil {
				t.Errorf("%s: %q %v", key, f.def, err)
			}
		}
	}
}

func TestTheExampleShowsTheDefaults(t *testing.T) {
	content, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	example, problems := decode(content, references{folder: "/"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var blank Property
	reset(propertyKeys(&blank))
	compare := func(want, got map[string]field) {
		t.Helper()
		for key, f := range want {
			if f.def == "" {
				continue
			}
			if diff := cmp.Diff(f.scalar.show(), got[key].scalar.show()); diff != "" {
				t.Errorf("%s: %s", key, diff)
			}
		}
	}
	compare(scalars("", keys(Default())), scalars("", keys(example)))
	compare(scalars("", propertyKeys(&blank)), scalars("", propertyKeys(&example.Properties[0])))
}

func TestEveryKeyIsDescribed(t *testing.T) {
	for _, key := range Keys() {
		if key.Doc == "" || key.Takes == "" || strings.Contains(key.Path, "..") {
			t.Errorf("%+v", key)
		}
	}
}
