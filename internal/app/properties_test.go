package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/preauth-sync/preauth-sync/internal/app"
	"github.com/preauth-sync/preauth-sync/internal/config"
	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/sync/engine"
)

const (
	first  = "20725048-b6ec-40f0-9d0a-7e5273d8b861"
	second = "e98995b0-140a-4208-bbeb-b77f2c43d6ee"
)

func TestCustomersUnitesTheListsAndNamesWhatIsNoUUID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "customers.txt")
	content := "# guests\r\n" + strings.ToUpper(first) + "\n\n" + second + " # a regular\nnot-an-id\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := app.Customers(config.Customers{IDs: []string{first, "42"}, File: path})
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Customers{
		IDs: []preauth.ID{first, second},
		Invalid: []engine.InvalidCustomer{
			{Spelled: "42", Where: "customers.ids"}, {Spelled: "not-an-id", Where: path + " line 5"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestACustomersFileThatCannotBeReadKeepsTheOthers(t *testing.T) {
	got, err := app.Customers(config.Customers{IDs: []string{first}, File: filepath.Join(t.TempDir(), "absent.txt")})
	if err == nil || !strings.Contains(err.Error(), "absent.txt") {
		t.Errorf("the error does not name the file: %v", err)
	}
	if diff := cmp.Diff([]preauth.ID{first}, got.IDs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
