//go:build !linux

package server

import "time"

// timer waits as precisely as Go does.
type timer struct{}

func newTimer() (*timer, error) { return &timer{}, nil }

func (*timer) wait(d time.Duration) error {
	<-time.After(d)
	return nil
}

func (*timer) close() {}
