package state_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/preauth-sync/preauth-sync/preauth"
	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

// victimPath names the environment variable that makes this test's binary a
// process that commits until it is killed.
const victimPath = "STATE_TEST_VICTIM_PATH"

func victim(path string) {
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
	if err != nil {
		fmt.Println(err)
		return
	}
	generation, err := l.Advance(context.Background(), false)
	if err != nil {
		fmt.Println(err)
		return
	}
	var wg sync.WaitGroup
	var out sync.Mutex
	for w := range 4 {
		wg.Go(func() {
			for n := w; ; n += 4 {
				id := int(generation)<<20 + n
				batch := batchOf(id)
				batch.LookedUp = []plan.LookedUp{{Sink: "v4", Field: "identifier", CardID: string(ledgertest.ID(id)), ID: 4, At: ledgertest.At(1)}}
				batch.Observed = []plan.Observed{ledgertest.FullObserved(id)}
				batch.ObservedReads = []plan.CustomerRead{{Enterprise: ledgertest.ID(1 << 20), CustomerID: ledgertest.ID(id), Cycle: 1}}
				err := l.Commit(context.Background(), batch)
				out.Lock()
				if err != nil {
					fmt.Println(err)
				} else {
					fmt.Println(id)
				}
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestAKilledProcessLosesNothingThatWasReportedStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	var stored []int
	for round := range 5 {
		process := exec.CommandContext(t.Context(), os.Args[0])
		process.Env = append(os.Environ(), victimPath+"="+path)
		output, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(output)
		for n := 0; lines.Scan(); n++ {
			id, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatalf("the process says: %s", lines.Text())
			}
			stored = append(stored, id)
			if n == 50+37*round {
				if err := process.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = process.Wait()
		ledgertest.Verify(t, path)
	}
	l := open(t, path)
	for _, id := range stored {
		if _, ok, err := l.Record(t.Context(), ledgertest.ID(id)); !ok || err != nil {
			t.Fatalf("record %d: %v, %v", id, ok, err)
		}
		card := string(ledgertest.ID(id))
		answers, errA := l.LookedUp(t.Context(), "v4", "identifier", []string{card})
		entries, errE := l.Observed(t.Context(), ledgertest.ID(1<<20), []preauth.ID{ledgertest.ID(id)})
		reads, errR := l.ObservedReads(t.Context(), ledgertest.ID(1<<20), []preauth.ID{ledgertest.ID(id)})
		if err := errors.Join(errA, errE, errR); len(answers) != 1 || len(entries) != 1 || len(reads) != 1 || err != nil {
			t.Fatalf("of record %d: %d answers, %d entries, %d reads, %v", id, len(answers), len(entries), len(reads), err)
		}
	}
	if f := l.File(); f.Generation != 5 || f.Older != "" {
		t.Errorf("%+v", f)
	}
}

// TestALedgerWorksInVirtualTime: nothing in it waits for the clock to be still.
func TestALedgerWorksInVirtualTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	synctest.Test(t, func(t *testing.T) {
		l := open(t, path)
		var wg sync.WaitGroup
		for n := range 50 {
			wg.Go(func() {
				if err := l.Commit(t.Context(), batchOf(n)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, err := state.Open(state.Options{Path: path}); kindOf(err) != state.Locked {
			t.Errorf("want locked, got %v", err)
		}
	})
}
