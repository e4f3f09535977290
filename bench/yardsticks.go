package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/preauth-sync/preauth-sync/bench/server"
)

// The processes that this program starts of itself, by their first argument.
const (
	asServer = "serve"
	asReader = "read"
	asWriter = "write"
)

// serve is the server's process. It prints its address, and ends with its stdin, so that
// it never outlives who has started it.
func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet(asServer, flag.ContinueOnError)
	customers := flags.Int("customers", 0, "how many there are")
	list := flags.String("list", "", "the file to list them in")
	latency := flags.Duration("latency", 0, "how long v4 takes for a write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	const seldom = 400 // its memory does not matter, its time does
	debug.SetGCPercent(seldom)
	world := server.NewWorld(seed, *customers)
	if err := listCustomers(*list, world); err != nil {
		return err
	}
	s := server.New(world, *latency)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "http://%s\n", listener.Addr())
	ctx, stop := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, in) // its end is what counts
		stop()
	}()
	return s.Serve(ctx, listener)
}

// listCustomers writes them to a file, one a line.
func listCustomers(path string, world *server.World) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriter(file)
	for _, customer := range world.Customers() {
		fmt.Fprintln(out, customer)
	}
	return out.Flush()
}

// client is a yardstick's: net/http with as many connections as are used at once.
func client(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}}
}

// post sends one request, throws the reply away, and wants it to be a good one.
func post(ctx context.Context, c *http.Client, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = http.Header{
		"Authorization": {"Bearer token-of-the-login"}, "Content-Type": {"application/json"}, "Accept": {"application/json"},
	}
	reply, err := c.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }()
	if _, err := io.Copy(io.Discard, reply.Body); err != nil {
		return err
	}
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, reply.Status)
	}
	return nil
}

// read is the bare reader: it polls the customers of a file, and looks at nothing. How
// long that took goes to stdout, in the words of the program's log.
func read(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(asReader, flag.ContinueOnError)
	address := flags.String("address", "", "the server's")
	path := flags.String("customers", "", "the file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	began := time.Now()
	chunks, err := chunksOf(*path)
	if err != nil {
		return err
	}
	c := client(readers)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, chunk := range chunks {
		group.Go(func() error {
			body, err := json.Marshal(map[string]any{
				"ClientToken": "token-of-the-client", "AccessToken": "token-of-the-property", "Client": "bench", "CustomerIds": chunk,
			})
			if err != nil {
				return err
			}
			return post(ctx, c, *address+server.PollPath, body)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Printf(`{"event":"cycle.finished","duration_ms":%g}`+"\n", time.Since(began).Seconds()*1000)
	return nil
}

// chunksOf reads a list of customers, which is in order.
func chunksOf(path string) (chunks [][]string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := bufio.NewScanner(file)
	for n := 0; lines.Scan(); n++ {
		if n%server.PageSize == 0 {
			chunks = append(chunks, make([]string, 0, server.PageSize))
		}
		last := &chunks[len(chunks)-1]
		*last = append(*last, lines.Text())
	}
	return chunks, lines.Err()
}

// write is the bare writer: it sends the creates of the first so many preauthorizations,
// and remembers nothing.
func write(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(asWriter, flag.ContinueOnError)
	address := flags.String("address", "", "the server's")
	count := flags.Int("count", 0, "how many creates")
	writers := flags.Int("writers", 1, "how many at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	world := server.NewWorld(seed, *count/perCustomer)
	c := client(*writers)
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range *writers {
		group.Go(func() error {
			for n := int(next.Add(1)) - 1; n < *count; n = int(next.Add(1)) - 1 {
				body := fmt.Appendf(nil, `{"paymentMethodId":%d,"amount":%s,"transactionToken":%q}`,
					method, world.Amount(n), world.Preauthorization(n))
				if err := post(ctx, c, *address+server.ObjectPath, body); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}
