// Package detection_test measures in virtual time how long it takes from a change in the
// PMS to the request at v4, for properties and groups too large for any other test. The
// engine, the schedule, the PMS's client and its limits are the real ones. The PMS, v4 and
// the ledger are stand-ins, of which only the PMS takes time to answer.
//
// The changes are the worst there are: with each poll, right after the PMS has looked up
// its answer, one of the customers asked for gets another preauthorization.
//
// What comes of it is a table in docs/performance.md. A part of it is measured with all
// other tests and held against the document. All of it, to be written there anew:
//
//	PREAUTH_SYNC_DETECTION=1 go test -timeout 30m ./internal/detection
package detection_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const writeVariable = "PREAUTH_SYNC_DETECTION"

// The PMS's limit for each access token and its reply time; ours is the default of
// connector.rate_limit.
const (
	vendorLimit = 200
	ourLimit    = 180
	window      = 30 * time.Second
	replyTime   = 200 * time.Millisecond
)

// mostCustomers is the most that one poll may ask for (vendor's limit).
const mostCustomers = 1000

// scenario is who is polled, and how.
type scenario struct {
	// sizes are the numbers of customers, by property.
	sizes []int
	every time.Duration
	// concurrency is connector.concurrency.
	concurrency int
	// fuse is mirror.max_actions_per_cycle, 0 for none.
	fuse int
	// rare scenarios take too long for every run of the tests.
	rare bool
}

const defaultFuse = 1000

func scenarios() []scenario {
	var all []scenario
	for _, every := range []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute} {
		for _, fuse := range []int{0, defaultFuse} {
			all = append(all, scenario{sizes: []int{250_000}, every: every, concurrency: 4, fuse: fuse, rare: every > time.Minute})
		}
	}
	return append(
		all,
		scenario{sizes: []int{180_000}, every: time.Minute, concurrency: 4, fuse: defaultFuse},
		scenario{sizes: group(1000), every: 2 * time.Minute, concurrency: 4, fuse: defaultFuse, rare: true},
		scenario{sizes: group(1000), every: 5 * time.Minute, concurrency: 4, fuse: defaultFuse, rare: true},
		scenario{sizes: group(1000), every: 5 * time.Minute, concurrency: 16, fuse: defaultFuse, rare: true},
	)
}

// group gives the sizes of so many properties, from 500 to 5,000 in no order.
func group(properties int) []int {
	const least, most, stride = 500, 5000, 1789
	sizes := make([]int, properties)
	for i := range sizes {
		sizes[i] = least + i*stride%(most-least+1)
	}
	return sizes
}

// measured is what the cycles of a scenario come to, without the first: that one finds a
// limit of which nothing has been used.
type measured struct {
	// polls are those of one cycle, cycle the longest time that one took.
	polls int
	cycle time.Duration
	// worst is the longest time from a change to its request, mean that of changes that
	// come at any time and not at the worst.
	worst, mean time.Duration
}

func (s scenario) measure(t *testing.T) (m measured) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		st := open(t, s)
		st.play()
		m = st.account()
	})
	s.judge(t, m)
	return m
}

// judge holds what was measured against what it has to be on paper.
func (s scenario) judge(t *testing.T, m measured) {
	t.Helper()
	polls, largest := 0, 0
	for _, size := range s.sizes {
		of := (size + mostCustomers - 1) / mostCustomers
		polls, largest = polls+of, max(largest, of)
	}
	if m.polls != polls {
		t.Errorf("%d polls a cycle, and not the least, which is %d", m.polls, polls)
	}
	// Cycles that take longer than the interval follow each other without a pause.
	limit := max(s.every, m.cycle) + time.Second
	if s.fuse > 0 || len(s.sizes) > 1 { // those that are polled at the same time take turns as it comes
		limit += s.alone(largest)
	}
	if m.worst >= limit {
		t.Errorf("%s from a change to its request, at a limit of %s", m.worst, limit)
	}
}

// alone is at most how long the polls of one property take: the fuse counts all of its
// plan before anything of it is sent.
func (s scenario) alone(polls int) time.Duration {
	atOnce := 1 // each of the properties that are polled at the same time has its share
	if len(s.sizes) == 1 {
		atOnce = s.concurrency
	}
	const margin = window / 100
	return replyTime*time.Duration(polls)/time.Duration(atOnce) + time.Duration((polls-1)/ourLimit)*(window+margin)
}

func TestFromAChangeToTheRequest(t *testing.T) {
	all := os.Getenv(writeVariable) != ""
	rows := map[int][]string{}
	for i, s := range scenarios() {
		if all || !s.rare {
			t.Run(s.String(), func(t *testing.T) { rows[i] = s.row(s.measure(t)) })
		}
	}
	if all && !t.Failed() {
		write(t, rows)
	}
	compare(t, rows)
}

func TestEachPropertyOfAGroupWaitsForItsOwnPollsOnly(t *testing.T) {
	for _, fuse := range []int{0, defaultFuse} {
		scenario{sizes: group(60), every: time.Minute, concurrency: 4, fuse: fuse}.measure(t)
	}
}
