package main

import (
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// stamps are what the go command has put into a binary.
type stamps struct {
	// version is without a leading v. Between two tags it is a pseudo-version, which
	// sorts before the next one.
	version string
	// time is when the commit was made.
	time time.Time
	// modules are those that are linked into it.
	modules []*debug.Module
}

func readStamps(binary string) (stamps, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return stamps{}, err
	}
	made := stamps{modules: info.Deps}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			if made.time, err = time.Parse(time.RFC3339, s.Value); err != nil {
				return stamps{}, fmt.Errorf("%s: vcs.time: %w", binary, err)
			}
		}
	}
	if info.Main.Version == "" || info.Main.Version[0] != 'v' || made.time.IsZero() {
		return stamps{}, errors.New(binary + " has no version or no time: packages are built in a git checkout")
	}
	made.version = info.Main.Version[1:]
	return made, nil
}

// compressed is content as gzip -9n makes it: without a name and a time.
func compressed(content []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // fails on another level only
	_, _ = w.Write(content)                                 // to memory
	_ = w.Close()
	return out.Bytes()
}
