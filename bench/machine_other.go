//go:build !linux

package main

import (
	"os"
	"runtime"
)

// machine says little: what tells more is the system's own.
func machine(string) (string, error) {
	return runtime.GOOS + " on " + runtime.GOARCH + ", " + runtime.Version(), nil
}

// peakOf is not known.
func peakOf(*os.ProcessState) int64 { return 0 }
