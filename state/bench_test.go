package state_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/preauth-sync/preauth-sync/state"
	"github.com/preauth-sync/preauth-sync/state/ledgertest"
	"github.com/preauth-sync/preauth-sync/sync/plan"
)

func BenchmarkCommit(b *testing.B) {
	for _, c := range []struct {
		name    string
		writers int
	}{{"1", 1}, {"16", 16}, {"64", 64}} {
		b.Run(c.name, func(b *testing.B) {
			l := open(b, filepath.Join(b.TempDir(), "state.db"))
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range c.writers {
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if err := l.Commit(b.Context(), batchOf(int(n))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkCommitOf is one commit of many records, new ones each time.
func BenchmarkCommitOf(b *testing.B) {
	for _, c := range []struct {
		name   string
		record func(n int) plan.Record
		count  int
	}{
		{"one held", ledgertest.HeldRecord, 1},
		{"one parked", ledgertest.FullRecord, 1},
		{"1000 held", ledgertest.HeldRecord, 1000},
		{"1000 parked", ledgertest.FullRecord, 1000},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := open(b, filepath.Join(b.TempDir(), "state.db"))
			next := 0
			for b.Loop() {
				var batch plan.Batch
				for range c.count {
					next++
					batch.Records = append(batch.Records, c.record(next))
				}
				if err := l.Commit(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// populate makes a closed file of many records, one in ten of them parked.
func populate(b *testing.B, records int) (path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), fmt.Sprintf("%d.db", records))
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; n < records; {
		var batch plan.Batch
		for ; n < records && len(batch.Records) < 5000; n++ {
			record := ledgertest.HeldRecord
			if n%10 == 0 {
				record = ledgertest.FullRecord
			}
			batch.Records = append(batch.Records, record(n))
		}
		if err := l.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// created makes a closed and compacted file of what a backfill leaves: records that are
// held, four a customer, with two journal lines each.
func created(b *testing.B, records int) (path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), fmt.Sprintf("%d.db", records))
	l, err := state.Open(state.Options{Path: path, Mode: state.ReadWrite})
	if err != nil {
		b.Fatal(err)
	}
	for n := 0; n < records; {
		var intents, outcomes plan.Batch
		for ; n < records && len(intents.Records) < 5000; n++ {
			each := ledgertest.Created(n)
			intents.Records = append(intents.Records, each[0].Records...)
			intents.Journal = append(intents.Journal, each[0].Journal...)
			outcomes.Records = append(outcomes.Records, each[1].Records...)
			outcomes.Journal = append(outcomes.Journal, each[1].Journal...)
		}
		if err := errors.Join(l.Commit(b.Context(), intents), l.Commit(b.Context(), outcomes)); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := l.Compact(b.Context(), state.CompactOptions{}); err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkOpen also says how large the file is.
func BenchmarkOpen(b *testing.B) {
	for _, records := range []int{20_000, 200_000} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			path := created(b, records)
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				l, err := state.Open(state.Options{Path: path})
				if err != nil {
					b.Fatal(err)
				}
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(info.Size())/float64(records), "bytes/record")
		})
	}
}

// BenchmarkTallies costs the same with ten times the records.
func BenchmarkTallies(b *testing.B) {
	for _, records := range []int{20_000, 200_000} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			l := open(b, populate(b, records))
			for b.Loop() {
				if _, err := l.Tallies(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDiscovered is one page of discovery in a property that has many.
func BenchmarkDiscovered(b *testing.B) {
	const many, page = 250_000, 1000
	l := open(b, filepath.Join(b.TempDir(), "state.db"))
	at := 0
	commit := func() {
		var batch plan.Batch
		for range page {
			batch.Discovered = append(batch.Discovered, plan.Discovered{
				Enterprise: ledgertest.ID(1), CustomerID: ledgertest.ID(at % many), Until: ledgertest.At(at / many),
			})
			at++
		}
		if err := l.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for at < many {
		commit()
	}
	for b.Loop() {
		commit()
	}
}
