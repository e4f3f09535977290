package simulator

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// mostListed is the largest page of a listing of the Connector API [D].
const mostListed = 1000

// place is where an entry stands in the order of a listing, the newest first.
// Both of its parts make it one that no other entry shares.
type place struct {
	updated time.Time
	id      uuid.UUID
}

// compare is negative when a comes before b.
func (a place) compare(b place) int {
	return cmp.Or(b.updated.Compare(a.updated), bytes.Compare(b.id[:], a.id[:]))
}

// cursor spells a place. Clients have to take it as it is: base64 in its
// standard alphabet has characters that need care in other places than JSON.
func (a place) cursor() string {
	b := binary.BigEndian.AppendUint64(nil, uint64(a.updated.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(a.updated.Nanosecond()))
	return base64.StdEncoding.EncodeToString(append(b, a.id[:]...))
}

func placeOf(cursor string) (place, bool) {
	const seconds, nanoseconds = 8, 4
	b, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil || len(b) != seconds+nanoseconds+len(uuid.UUID{}) {
		return place{}, false
	}
	unix, rest := int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[seconds:]))
	return place{updated: time.Unix(unix, rest).UTC(), id: uuid.UUID(b[seconds+nanoseconds:])}, true
}

// limitation says which page is asked for.
type limitation struct {
	count  int
	after  place
	cursor string
}

// limitationOf takes 1 to 1000 [D], and a cursor that was given out.
func limitationOf(raw json.RawMessage) (limitation, error) {
	var l limitation
	body, err := members(raw, "Count", "Cursor")
	if err != nil {
		return l, fmt.Errorf("the Limitation, which is required: %w", err)
	}
	count, ok := whole(body["Count"])
	if !ok || count < 1 || count > mostListed {
		return l, fmt.Errorf("the Limitation's Count is not 1 to %d", mostListed)
	}
	l.count = int(count)
	if !present(body["Cursor"]) {
		return l, nil
	}
	l.cursor = text(body["Cursor"])
	if l.after, ok = placeOf(l.cursor); !ok {
		return l, errors.New("the Limitation's Cursor was not given out by this API")
	}
	return l, nil
}

// passed tells whether a place lies behind the cursor.
func (l limitation) passed(at place) bool { return l.cursor != "" && at.compare(l.after) <= 0 }

// pageOf puts what was found in order and cuts a page out of it, with the cursor
// to the next one.
func pageOf[T any](w *World, l limitation, found []T, at func(T) place) (page []T, cursor string) {
	if most := w.settings.CustomersPageCap; most > 0 {
		l.count = min(l.count, most)
	}
	slices.SortFunc(found, func(a, b T) int { return at(a).compare(at(b)) })
	switch page = found[:min(len(found), l.count)]; {
	case len(found) > l.count:
		return page, at(page[l.count-1]).cursor()
	case !w.settings.CursorAtEnd:
		return page, ""
	case len(page) > 0:
		return page, at(page[len(page)-1]).cursor()
	default:
		return page, l.cursor
	}
}

// span is an interval of a request, its ends included [D].
type span struct{ start, end time.Time }

func (s span) has(at time.Time) bool { return !at.Before(s.start) && !at.After(s.end) }

// spanOf takes an interval of at most three months [D].
func spanOf(name string, raw json.RawMessage) (span, error) {
	interval, err := members(raw, "StartUtc", "EndUtc")
	if err != nil {
		return span{}, fmt.Errorf("the %s: %w", name, err)
	}
	start, isStart := utc(interval["StartUtc"])
	end, isEnd := utc(interval["EndUtc"])
	if !isStart || !isEnd {
		return span{}, fmt.Errorf("the %s's StartUtc or EndUtc is not a time in UTC", name)
	}
	const months = 3
	latest := start.AddDate(0, months, 0)
	if latest.Day() != start.Day() {
		latest = latest.AddDate(0, 0, -latest.Day()) // no 30 February: the end of that month
	}
	if end.Before(start) || end.After(latest) {
		return span{}, fmt.Errorf("the %s is not an interval of at most %d months", name, months)
	}
	return span{start, end}, nil
}

// utc reads a time in ISO 8601 whose zone is Z [D].
func utc(raw json.RawMessage) (time.Time, bool) {
	value := text(raw)
	at, err := time.Parse(time.RFC3339Nano, value)
	return at, err == nil && strings.HasSuffix(value, "Z")
}

// listedOf reads 1 to 1000 strings [S].
func listedOf(name string, raw json.RawMessage) ([]string, error) {
	const most = 1000
	var listed []string
	if json.Unmarshal(raw, &listed) != nil {
		return nil, fmt.Errorf("the %s are not an array of strings", name)
	}
	if len(listed) == 0 || len(listed) > most {
		return nil, fmt.Errorf("the %s are %d, and not 1 to %d", name, len(listed), most)
	}
	return listed, nil
}

// idsOf reads UUIDs; one that comes twice counts once [I].
func idsOf(name string, listed []string) ([]uuid.UUID, error) {
	seen := make(map[uuid.UUID]bool, len(listed))
	ids := make([]uuid.UUID, 0, len(listed))
	for i, each := range listed {
		id, err := parseUUID(each)
		if err != nil {
			return nil, fmt.Errorf("the item %d of %s is not a UUID", i, name)
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids, nil
}
