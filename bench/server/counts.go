package server

import (
	"sync/atomic"
	"time"
)

// Counts are the requests that came since they were last asked for.
type Counts struct {
	Configurations, Polls   int64
	Logins, Searches, Pages int64
	Creates, Captures       int64
	// Others are requests for what is not there.
	Others int64
	// MostWrites is the most creates and captures that were under way at once.
	MostWrites int64
	// FirstPoll is when the first came, FirstWrite and LastWrite when the first create
	// or capture came and the last one was ready to be answered, in nanoseconds since
	// 1970; 0 without any.
	FirstPoll, FirstWrite, LastWrite int64
}

// Writing is the time from the first write to the last one's reply.
func (c Counts) Writing() time.Duration { return time.Duration(c.LastWrite - c.FirstWrite) }

// counts are kept without a lock.
type counts struct {
	of                               [routes]atomic.Int64
	writing, mostWrites              atomic.Int64
	firstPoll, firstWrite, lastWrite atomic.Int64
}

// begin counts a request.
func (c *counts) begin(r route) {
	c.of[r].Add(1)
	if r == toPoll && c.firstPoll.Load() == 0 {
		c.firstPoll.CompareAndSwap(0, time.Now().UnixNano())
	}
}

// write counts a write that is under way until done is called.
func (c *counts) write() (done func()) {
	writing := c.writing.Add(1)
	for most := c.mostWrites.Load(); writing > most && !c.mostWrites.CompareAndSwap(most, writing); {
		most = c.mostWrites.Load()
	}
	if c.firstWrite.Load() == 0 {
		c.firstWrite.CompareAndSwap(0, time.Now().UnixNano())
	}
	return c.written
}

func (c *counts) written() {
	c.writing.Add(-1)
	c.lastWrite.Store(time.Now().UnixNano())
}

// take gives the counts and begins anew. Nothing may be under way.
func (c *counts) take() Counts {
	return Counts{
		Configurations: c.of[toConfiguration].Swap(0), Polls: c.of[toPoll].Swap(0),
		Logins: c.of[toLogin].Swap(0), Searches: c.of[toSearch].Swap(0), Pages: c.of[toPaged].Swap(0),
		Creates: c.of[toCreate].Swap(0), Captures: c.of[toCapture].Swap(0), Others: c.of[toNowhere].Swap(0),
		MostWrites: c.mostWrites.Swap(0),
		FirstPoll:  c.firstPoll.Swap(0), FirstWrite: c.firstWrite.Swap(0), LastWrite: c.lastWrite.Swap(0),
	}
}
