package state

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sealedGroup draws what a commit may write.
func sealedGroup(t *rapid.T) overlay {
	group := make(overlay)
	for range rapid.IntRange(0, 8).Draw(t, "writes") {
		bucket := rapid.SampledFrom([]string{bucketRecords, bucketTallies, bucketObservedReads}).Draw(t, "bucket")
		key := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "key")
		var value []byte
		if rapid.Bool().Draw(t, "put") {
			value = seal(bucket, key, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body"))
		}
		group.put(bucket, key, value)
	}
	return group
}

func TestAGroupComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		group, sequence := sealedGroup(t), rapid.Uint64().Draw(t, "sequence")
		encoded := encodeGroup(nil, group, sequence)
		got, at, err := decodeGroup(encoded)
		if err != nil || at != sequence || !cmp.Equal(group, got) {
			t.Fatalf("sequence %d, %v\n%s", at, err, cmp.Diff(group, got))
		}
		if len(encoded) > 1 {
			if got, _, err := decodeGroup(encoded[:rapid.IntRange(0, len(encoded)-1).Draw(t, "cut")]); err == nil && cmp.Equal(group, got) {
				t.Fatal("a part of the group was taken for all of it")
			}
		}
	})
}

func TestAGroupOfWhatNoCommitWritesIsRefused(t *testing.T) {
	key := []byte("key")
	one := func(bucket string, key, value []byte) []byte {
		return encodeGroup(nil, overlay{bucket: {string(key): value}}, 1)
	}
	sound := one(bucketRecords, key, seal(bucketRecords, key, nil))
	if _, _, err := decodeGroup(sound); err != nil {
		t.Fatal(err)
	}
	for name, encoded := range map[string][]byte{
		"what the file says of itself": one(bucketMeta, key, seal(bucketMeta, key, nil)),
		"the log's own bucket":         one(bucketLog, key, seal(bucketLog, key, nil)),
		"an unknown bucket":            one("other", key, seal("other", key, nil)),
		"an empty key":                 one(bucketRecords, nil, seal(bucketRecords, nil, nil)),
		"an unsealed value":            one(bucketRecords, key, []byte("value")),
		"a key twice":                  append(bytes.Clone(sound), sound[1:]...),
		"nothing":                      nil,
		"a byte too many":              append(bytes.Clone(sound), 0),
	} {
		if group, _, err := decodeGroup(encoded); err == nil {
			t.Errorf("%s was taken: %v", name, group)
		}
	}
	if _, _, err := decodeGroup(one(bucketRecords, key, []byte("value"))); !errors.Is(err, errChecksum) {
		t.Errorf("an unsealed value: %v", err)
	}
}

// FuzzDecodeGroup wants an error or a group, whatever it is given.
func FuzzDecodeGroup(f *testing.F) {
	key := []byte("key")
	f.Add([]byte{})
	f.Add(encodeGroup(nil, overlay{bucketRecords: {"key": seal(bucketRecords, key, []byte("x"))}}, 7))
	f.Add(encodeGroup(nil, overlay{bucketTallies: {"key": nil}}, 1<<60))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		group, sequence, err := decodeGroup(encoded)
		if err != nil {
			return
		}
		again, at, err := decodeGroup(encodeGroup(nil, group, sequence))
		if err != nil || at != sequence || !cmp.Equal(group, again) {
			t.Fatalf("it came back as another one: %v\n%s", err, cmp.Diff(group, again))
		}
	})
}
