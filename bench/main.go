// Command bench measures the program against yardsticks that send the same requests and
// promise nothing:
//
//	go run ./bench                             all of it, in about a quarter of an hour
//	go run ./bench -scale 0.01                 a hundredth of it, to see that it works
//	go run ./bench -only creates,latency       a part of it; -list names the parts
//	go run ./bench -write docs/performance.md  puts what it prints behind <!-- bench --> there
//
// The bare reader sends the same polls and throws the replies away. The bare writer sends
// the same creates and remembers nothing. The plain script is plain.py. They and the
// program take turns on one server, which is a process of its own; what is printed are
// medians of all rounds, and of memory the highest. What comes once in the life of a
// state file is measured once for each size. Times are of this machine alone: the ratios
// are what counts.
//
// Everything is done in a folder of its own below $TMPDIR, which should be a real disk.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo,gocritic // main is where exit codes leave
	}
}

// run is the command, or one of the processes that it starts of itself.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case asServer:
			return serve(ctx, args[1:], os.Stdin, out)
		case asReader:
			return read(ctx, args[1:])
		case asWriter:
			return write(ctx, args[1:])
		}
	}
	o := options{writers: []int{16, 64}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.Float64Var(&o.scale, "scale", 1, "make everything so many times as large")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each thing is measured")
	flags.Func("writers", "`NUMBERS` of creates at once, without it 16,64; where v4 takes its time, the first of them",
		func(list string) (err error) { o.writers, err = numbers(list); return err })
	flags.StringVar(&o.binary, "binary", "", "measure the program at this `PATH`; without it, it is built")
	only := flags.String("only", "", "`NAMES` of what to measure, with commas between them")
	list := flags.Bool("list", false, "name what can be measured, and run nothing")
	document := flags.String("write", "", "put what is printed into this `FILE` too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*only)
	switch {
	case err != nil:
		return err
	case *list:
		for _, m := range chosen {
			fmt.Fprintf(out, "%-10s %s\n", m.name, m.title)
		}
		return nil
	case o.scale <= 0 || o.rounds < 1 || slices.Min(o.writers) < 1:
		return errors.New("-scale, -rounds and -writers are above zero")
	}
	text, err := o.measure(ctx, chosen, out)
	if err != nil || *document == "" {
		return err
	}
	return writeInto(*document, text)
}

// measurement is one of the things that are measured.
type measurement struct {
	name, title string
	run         func(ctx context.Context, b *bench) ([]row, error)
}

func measurements() []measurement {
	return []measurement{
		{"unchanged", "cycles in which nothing has changed", unchanged},
		{"creates", "creates on a v4 that answers at once", creates},
		{"latency", "creates on a v4 that takes 20 ms", latency},
		{"syncs", "syncs of the disk, with one create at once", syncs},
		{"memory", "peak memory", memory},
		{"growth", "cost per preauthorization", growth},
		{"state", "the state file", stateFile},
		{"requests", "requests sent", requests},
	}
}

// leftOutError is why something cannot be measured here.
type leftOutError string

// Error implements error.
func (e leftOutError) Error() string { return "left out: " + string(e) }

// numbers reads some, with commas between them.
func numbers(list string) ([]int, error) {
	var all []int
	for each := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(each)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", each)
		}
		all = append(all, n)
	}
	return all, nil
}

// choose gives the measurements that are asked for. A name that is none is an error.
func choose(only string) ([]measurement, error) {
	all := measurements()
	if only == "" {
		return all, nil
	}
	var chosen []measurement
	for name := range strings.SplitSeq(only, ",") {
		at := slices.IndexFunc(all, func(m measurement) bool { return m.name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no measurement %s; -list names them", name)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// options say how much is measured, and what.
type options struct {
	scale  float64
	rounds int
	// writers are the numbers of creates at once.
	writers []int
	binary  string
}

// bench is a run of the command.
type bench struct {
	options

	// dir is removed at the end; self is this program, for its other processes.
	dir, self string
	// lives are those that have been measured, by size.
	lives map[int]*life
}

// measure runs measurements, prints what they say as it comes, and gives all of it.
func (o options) measure(ctx context.Context, chosen []measurement, out io.Writer) (_ string, err error) {
	dir, err := os.MkdirTemp("", "preauth-sync-bench-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	b := &bench{options: o, dir: dir, self: self, lives: map[int]*life{}}
	if err := b.build(ctx); err != nil {
		return "", err
	}
	var text strings.Builder
	out = io.MultiWriter(out, &text)
	where, err := machine(dir)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(out, "%s\nscale %g, medians of %d rounds\n", where, o.scale, o.rounds)
	for _, m := range chosen {
		rows, err := m.run(ctx, b)
		if left, is := errors.AsType[leftOutError](err); is {
			fmt.Fprintf(out, "\n%s\n  %s\n", m.title, left)
			continue
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", m.name, err)
		}
		if err := printRows(out, m.title, rows); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// scaled gives a number of preauthorizations, of whole customers.
func (o options) scaled(n int) int {
	customers := int(o.scale * float64(n) / perCustomer)
	return max(1, customers) * perCustomer
}
