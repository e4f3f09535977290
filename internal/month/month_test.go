// Package month_test plays a month of a hotel group in virtual time. The whole program,
// as internal/app builds it, stands between a simulated PMS and a simulated v4. Guests
// book, arrive, are merged, change cards, leave and are charged, in part or not at all;
// both APIs fail now and then; an operator answers once a night as the runbook says.
//
// The hotels' script is written before anything runs, so it is known what every
// preauthorization must have come to. At the end an oracle walks all of them: each is in
// exactly one account, or the test fails. It goes by the script and by what v4 has made,
// and believes the ledger nothing.
//
// A sample runs with all other tests. The whole month, with its report in a file:
//
//	PREAUTH_SYNC_MONTH=/tmp/month.txt go test -timeout 2h -run Month -v ./internal/month
//
// PREAUTH_SYNC_MONTH_SEED chooses another month.
package month_test

import (
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	reportVariable = "PREAUTH_SYNC_MONTH"
	seedVariable   = "PREAUTH_SYNC_MONTH_SEED"
)

// size is how much of a month is played.
type size struct {
	hotels, days int
	// least and most are the rooms of a hotel.
	least, most int
	// every is how far cycles are apart.
	every time.Duration
	// rare multiplies what seldom happens, so that a short month has it too.
	rare float64
}

func wholeMonth() size {
	return size{hotels: 20, days: 30, least: 15, most: 80, every: 15 * time.Minute, rare: 1}
}

func sampleOfAMonth() size {
	return size{hotels: 3, days: 10, least: 8, most: 16, every: time.Hour, rare: 3}
}

func TestAMonthOfAHotelGroup(t *testing.T) {
	of, seed := sampleOfAMonth(), uint64(1)
	if os.Getenv(reportVariable) != "" {
		of = wholeMonth()
	}
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		m := open(t, of, seed)
		m.play()
		m.judge()
	})
}
