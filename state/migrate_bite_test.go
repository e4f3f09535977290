package state_test

import (
	"bytes"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/preauth-sync/preauth-sync/state"
)

// What is not seen before the new file is verified must not cost the earlier one.
func TestAMigrationThatComesToAnUnsoundFileLeavesTheEarlierOne(t *testing.T) {
	path := earlierFile(t, "4")
	tamper(t, path, func(tx *bolt.Tx) error {
		key := []byte("v4\x00of no token")
		return tx.Bucket([]byte("unmatched")).Put(key, state.Seal("unmatched", key, nil))
	})
	before := read(t, path)
	if _, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite}); kindOf(err) != state.Corrupt {
		t.Errorf("want corrupt, got %v", err)
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the file has been changed")
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("something was left: %v", left)
	}
}
