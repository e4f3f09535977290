package main

import (
	"runtime"
	"testing"
)

func TestTheHeapGrowsToItsFloorAndThenByHalf(t *testing.T) {
	const mebi = 1 << 20
	for _, c := range []struct {
		name        string
		alive, goal uint64
	}{
		{"little is alive, and may soon be more", 2 * mebi, 8 * mebi},
		{"a backfill", 10 * mebi, heapFloor},
		{"half above what is alive is the floor", heapFloor * 2 / 3, heapFloor},
		{"more is alive than the floor", 100 * mebi, 150 * mebi},
	} {
		t.Run(c.name, func(t *testing.T) {
			if goal := c.alive + c.alive*uint64(growth(c.alive))/100; goal > c.goal || goal+mebi < c.goal {
				t.Errorf("it is collected at %d bytes, not at %d", goal, c.goal)
			}
		})
	}
}

func TestEachCollectionIsToldUntilItIsEnough(t *testing.T) {
	const enough = 3
	told := make(chan int, 1)
	times := 0
	afterEachCollection(func() bool {
		times++
		told <- times
		return times < enough
	})
	if got := <-told; got != 1 {
		t.Fatalf("told %d times before anything was collected", got)
	}
	for want := 2; want <= enough; want++ {
		runtime.GC()
		if got := <-told; got != want { // some time after the collection
			t.Fatalf("told %d times, not %d", got, want)
		}
	}
	for range enough {
		runtime.GC()
		cleaned := make(chan struct{})
		runtime.AddCleanup(new([32]byte), func(c chan struct{}) { close(c) }, cleaned)
		runtime.GC()
		<-cleaned
		select {
		case got := <-told:
			t.Fatalf("told %d times, although %d are enough", got, enough)
		default:
		}
	}
}
