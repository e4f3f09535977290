package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The program idles beside others on a small machine: its memory is worth more than its
// processor time, so the heap is collected once it has grown by half. But in a backfill
// some ten MiB are alive, and two hundred creates allocate half of that: collecting took a
// quarter of its processor time. So the heap has a floor. The runtime knows a percentage
// and no floor; the percentage therefore follows what is alive.
const (
	// collectAt is by how much the heap grows before it is collected, in percent.
	collectAt = 50
	// heapFloor is how large it grows in any case, once leastAlive is alive, in bytes. With more a backfill gains
	// little, and a cycle over 250,000 customers would need more memory than without a floor.
	heapFloor = 32 << 20
	// leastAlive is what counts as alive at the least, in bytes. The percentage follows some
	// time after a collection, and until then the last one is that of what is alive now: it
	// must not be too high for that.
	leastAlive = heapFloor / 4
)

// keepHeap sets the percentage now and after each collection.
func keepHeap() {
	alive := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	afterEachCollection(func() bool {
		metrics.Read(alive)
		debug.SetGCPercent(growth(alive[0].Value.Uint64()))
		return true
	})
}

// growth is by how much a heap may grow of which so many bytes are alive, in percent.
func growth(alive uint64) int {
	return max(collectAt, int(heapFloor*100/max(alive, leastAlive))-100)
}

// afterEachCollection calls f now, and after each collection for as long as f says so.
func afterEachCollection(f func() bool) {
	if f() {
		// What nothing refers to goes with the next collection. It is too large to share its
		// memory with something that stays.
		runtime.AddCleanup(new([32]byte), afterEachCollection, f)
	}
}
