//go:build !linux || !amd64

package main

// traced is there on Linux on amd64 only, and so are the tests that need it.
func traced() {}
