//go:build !linux

package state

import "os"

// syncData makes what has been written within a file's size durable.
func syncData(file *os.File) error { return file.Sync() }
