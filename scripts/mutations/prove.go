package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// prove runs the named tests on the program as it is, where all must be green,
// and then on each mutation, where all of its own must be red.
func prove(ctx context.Context, root string, chosen []mutation, out io.Writer) error {
	started := time.Now()
	if err := green(ctx, root, chosen); err != nil {
		return err
	}
	fmt.Fprintf(out, "%-24s %6.1f s\n", "all green as it is", time.Since(started).Seconds())
	next := make(chan mutation)
	var failures []string
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for m := range next {
				begun := time.Now()
				err := m.bites(ctx, root)
				mu.Lock()
				fmt.Fprintf(out, "%-24s %6.1f s  %s\n", m.name, time.Since(begun).Seconds(), verdict(m, err))
				if err != nil {
					failures = append(failures, fmt.Sprintf("%s: %v", m.name, err))
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range chosen {
		next <- m
	}
	close(next)
	workers.Wait()
	fmt.Fprintf(out, "%d of %d turn the tests red, in %.0f s\n", len(chosen)-len(failures), len(chosen), time.Since(started).Seconds())
	if len(failures) > 0 {
		slices.Sort(failures)
		return errors.New(strings.Join(failures, "\n"))
	}
	return ctx.Err()
}

func verdict(m mutation, err error) string {
	if err != nil {
		return "NOT PROVEN"
	}
	return "red: " + joined(m.red)
}

func joined(tests []test) string {
	var names []string
	for _, t := range tests {
		names = append(names, t.String())
	}
	return strings.Join(names, ", ")
}

// green makes sure that the tests exist and pass, so that red means something.
func green(ctx context.Context, root string, chosen []mutation) error {
	var tests []test
	for _, m := range chosen {
		tests = append(tests, m.red...)
	}
	result, err := goTest(ctx, root, tests)
	if err != nil {
		return err
	}
	for _, t := range tests {
		if result.became[t] != "pass" {
			return fmt.Errorf("%s does not pass as the program is, so it proves nothing:\n%s", t, result.output)
		}
	}
	return nil
}

// bites gives nil when a mutation turns its tests red.
func (m mutation) bites(ctx context.Context, root string) error {
	folder, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	overlay, err := m.overlay(root, folder)
	if err != nil {
		return err
	}
	result, err := goTest(ctx, root, m.red, "-count=1", "-overlay", overlay)
	switch {
	case err != nil:
		return err
	case result.unbuilt:
		return fmt.Errorf("it does not build:\n%s", result.output)
	}
	var survived []test
	for _, t := range m.red {
		if result.became[t] != "fail" {
			survived = append(survived, t)
		}
	}
	if len(survived) > 0 {
		return fmt.Errorf("without %s these stay green: %s", m.takes, joined(survived))
	}
	return nil
}

// overlay writes the changed files and the go command's description of them.
func (m mutation) overlay(root, folder string) (string, error) {
	changed, err := m.mutated(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, content := range changed {
		to := filepath.Join(folder, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(to, content, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = to
	}
	description, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "overlay.json")
	return path, os.WriteFile(path, description, 0o600)
}
