package state_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/state"
)

func TestADatabaseOfAnotherProgramIsForeign(t *testing.T) {
	cases := map[string]func(tx *bolt.Tx) error{
		"an empty one": func(*bolt.Tx) error { return nil },
		"with nested buckets": func(tx *bolt.Tx) error {
			outer, err := tx.CreateBucket([]byte("outer"))
			if err != nil {
				return err
			}
			inner, err := outer.CreateBucket([]byte("inner"))
			if err != nil {
				return err
			}
			return inner.Put([]byte("k"), bytes.Repeat([]byte("v"), 100000))
		},
		"with a bucket called meta": func(tx *bolt.Tx) error {
			meta, err := tx.CreateBucket([]byte("meta"))
			if err != nil {
				return err
			}
			return meta.Put([]byte("version"), []byte("3"))
		},
	}
	for name, fill := range cases {
		for _, unsynced := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "state.db")
				db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: unsynced})
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(db.Update(fill), db.Close()); err != nil {
					t.Fatal(err)
				}
				if got := refusal(t, path, state.Binding{}); got != state.Foreign {
					t.Fatalf("want foreign, got %s", got)
				}
			})
		}
	}
}

func TestWhatTheDatabaseSaysOfItselfIsHeeded(t *testing.T) {
	cases := []struct {
		name    string
		binding state.Binding
		change  func(tx *bolt.Tx) error
		want    state.Kind
	}{
		{"it opens for its own addresses", addresses(), nil, 0},
		{"it opens for a trailing slash more", state.Binding{SinkAddress: "https://v4.test/"}, nil, 0},
		{"it opens for whoever names none", state.Binding{}, nil, 0},
		{"another source is refused", state.Binding{ConnectorAddress: "https://other.test"}, nil, state.OtherAddresses},
		{"another sink is refused", state.Binding{SinkAddress: "https://other.test"}, nil, state.OtherAddresses},
		{"a newer schema is refused", state.Binding{}, schemaTo("6"), state.NewerSchema},
		{"an older schema with buckets it does not have is corrupt", state.Binding{}, schemaTo("1"), state.Corrupt},
		{"the schema before with a bucket it does not have is corrupt", state.Binding{}, schemaTo("3"), state.Corrupt},
		{"a schema before the first is corrupt", state.Binding{}, schemaTo("0"), state.Corrupt},
		{"an impossible schema is corrupt", state.Binding{}, schemaTo("zero"), state.Corrupt},
		{"another application's mark is foreign", state.Binding{}, func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("meta")).Put([]byte("application"), state.Seal("meta", []byte("application"), []byte("other")))
		}, state.Foreign},
		{"a missing bucket is corrupt", state.Binding{}, func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("journal")) }, state.Corrupt},
		{"a bucket too many is corrupt", state.Binding{}, func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket([]byte("extra"))
			return err
		}, state.Corrupt},
		{"a journal sequence set back is corrupt", state.Binding{}, func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("journal")).SetSequence(3)
		}, state.Corrupt},
		{"a value under another key is corrupt", state.Binding{}, func(tx *bolt.Tx) error {
			_, value := tx.Bucket([]byte("records")).Cursor().First()
			return tx.Bucket([]byte("records")).Put(bytes.Repeat([]byte{7}, 16), value)
		}, state.Corrupt},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			sample(t, path, 10)
			if c.change != nil {
				tamper(t, path, c.change)
			}
			if got := refusal(t, path, c.binding); got != c.want {
				t.Fatalf("want %s, got %s", c.want, got)
			}
		})
	}
}

func schemaTo(version string) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), state.Seal("meta", []byte("schema"), []byte(version)))
	}
}

func tamper(t *testing.T, path string, change func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}
