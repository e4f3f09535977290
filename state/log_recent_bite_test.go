package state

import "testing"

// A reader goes on with what there was when it began, whatever is stored meanwhile.
func TestAReaderSeesNoLaterGroup(t *testing.T) {
	const bucket = "records"
	key, later := []byte("key"), []byte("later")
	r := newRecent()
	r.add(overlay{bucket: {"key": []byte("old")}}, 10)
	began := r.now()
	r.add(overlay{bucket: {"key": []byte("new"), "later": []byte("new")}}, 11)
	for _, c := range []struct {
		at       recentAt
		want     string
		later    bool
		sequence uint64
	}{{began, "old", false, 10}, {r.now(), "new", true, 11}} {
		value, _ := c.at.get(bucket, key)
		_, known := c.at.get(bucket, later)
		if sequence, _ := c.at.sequence(); string(value) != c.want || known != c.later || sequence != c.sequence {
			t.Errorf("after %d groups: %q, a later key %t, sequence %d", c.at.groups, value, known, sequence)
		}
	}
}
