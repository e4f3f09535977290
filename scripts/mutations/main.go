// Command mutations proves that the tests bite: it takes the program's
// protections out, one at a time, and looks whether the tests named for each
// turn red. No file of the tree is touched: the go command's -overlay puts the
// changed files in place.
//
//	go run ./scripts/mutations             all of them
//	go run ./scripts/mutations -money      those that guard money, as in CI
//	go run ./scripts/mutations -only NAME,NAME
//	go run ./scripts/mutations -list
//	go run ./scripts/mutations -update     writes the table in docs/mutations.md
//
// It ends with 1 when a mutation survives, does not build, or no longer fits the code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutations:", err)
		os.Exit(1) //nolint:forbidigo // main is where exit codes leave
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutations", flag.ContinueOnError)
	only := flags.String("only", "", "names, with commas between them")
	money := flags.Bool("money", false, "only those that guard money")
	list := flags.Bool("list", false, "name them, and run nothing")
	update := flags.Bool("update", false, "write the table in "+document+", and run nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	chosen, err := choose(all(), *only, *money)
	switch {
	case err != nil:
		return err
	case *update:
		return writeTable(root)
	case *list:
		for _, m := range chosen {
			fmt.Fprintln(out, m.name)
		}
		return nil
	default:
		return prove(ctx, root, chosen, out)
	}
}

// moduleRoot gives the folder of the go.mod that counts here.
func moduleRoot(ctx context.Context) (string, error) {
	path, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("the module cannot be found: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(path))), nil
}

// choose gives the mutations that are asked for. A name that is none is an error.
func choose(from []mutation, only string, money bool) ([]mutation, error) {
	var names []string
	if only != "" {
		names = strings.Split(only, ",")
	}
	var chosen []mutation
	for _, m := range from {
		if (only == "" || slices.Contains(names, m.name)) && (m.money || !money) {
			chosen = append(chosen, m)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == m.name })
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("there is no mutation %s; -list names them", strings.Join(names, ", "))
	}
	if len(chosen) == 0 {
		return nil, errors.New("nothing is chosen")
	}
	return chosen, nil
}
