package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"

	"github.com/preauth-sync/preauth-sync/internal/telemetry"
	"github.com/preauth-sync/preauth-sync/preauth"
)

func zapEvent(name string) zap.Field { return telemetry.Event(name) }

func TestADaemonIsTheOneOnlyWithTheSameStateFile(t *testing.T) {
	d := serve(t)
	dir := filepath.Dir(d.state)
	link, other := filepath.Join(dir, "link.db"), filepath.Join(dir, "other.db")
	must(t, os.Symlink(d.state, link))
	must(t, os.WriteFile(other, nil, 0o600))
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"the same path":             {d.state, nil},
		"another path to it":        {link, nil},
		"another file":              {other, ErrNobody},
		"an absent file":            {filepath.Join(dir, "absent.db"), ErrNobody},
		"a path that is not tidied": {dir + "/./x/../state.db", nil},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := Dial(t.Context(), d.path, c.path)
			if err == nil {
				client.Close()
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "the daemon there (pid 17) has another state file, "+d.state) {
				t.Errorf("got %v", err)
			}
		})
	}
	must(t, os.Remove(d.state))
	client, err := Dial(t.Context(), d.path, d.state)
	if err != nil {
		t.Fatalf("the same path, whose file is gone: %v", err)
	}
	client.Close()
}

func TestNobodyIsThere(t *testing.T) {
	dir := folder(t)
	dead := filepath.Join(dir, "dead.sock")
	must(t, listenRaw(t, dead).Close())
	stranger := filepath.Join(dir, "stranger.sock")
	raw(t, stranger, func(conn net.Conn) { fmt.Fprint(conn, "220 smtp\r\n") })
	for path, want := range map[string]string{
		filepath.Join(dir, "absent.sock"):         "file does not exist",
		filepath.Join(dir, "absent/control.sock"): "file does not exist",
		dead:     "connection refused",
		stranger: "who has it is no daemon of this program, or answers root and its own user only: ",
	} {
		_, err := Dial(t.Context(), path, "state.db")
		if !errors.Is(err, ErrNobody) || !strings.HasPrefix(err.Error(), "no daemon answers for it at the control socket "+path+": "+want) {
			t.Errorf("got %v", err)
		}
	}
	if os.Geteuid() == 0 {
		return // whom nothing is denied
	}
	d := serve(t)
	must(t, os.Chmod(d.path, 0))
	_, err := Dial(t.Context(), d.path, d.state)
	if !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "run this as root or as the daemon's user") {
		t.Errorf("got %v", err)
	}
}

// raw answers each connection on a socket by hand, once a request has come.
func raw(t *testing.T, path string, answer func(net.Conn)) {
	t.Helper()
	listener := listenRaw(t, path)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, request.Body)
				answer(conn)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
}

// chunked begins a reply without its end.
func chunked(text string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(text), text)
}

func TestAReplyThatBreaksOffIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"before its head":          "",
		"in its head":              "HTTP/1.1 200",
		"before the first item":    chunked(""),
		"after an item":            chunked(`{"item":"AAAA"}` + "\n"),
		"within an item":           chunked(`{"item":"AAAA"}` + "\n" + `{"item":"AA`),
		"at its end, in order":     chunked(`{"item":"AAAA"}`+"\n") + "0\r\n\r\n",
		"after the result":         chunked(`{"item":"AAAA"}` + "\n" + `{"result":{}}` + "\n"),
		"with a line of no sense":  chunked(`{"item":"AAAA"}`+"\n"+`{}`+"\n") + "0\r\n\r\n",
		"with two things a line":   chunked(`{"item":"AAAA","result":{}}`+"\n") + "0\r\n\r\n",
		"with something after it":  chunked(`{"result":{}}`+"\n"+`{"item":"AAAA"}`+"\n") + "0\r\n\r\n",
		"with an item of no sense": chunked(`{"item":5}`+"\n"+`{"result":{}}`+"\n") + "0\r\n\r\n",
		"with a wrong result":      chunked(`{"result":5}`+"\n") + "0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			state := filepath.Join(folder(t), "state.db")
			must(t, os.WriteFile(state, nil, 0o600))
			file, err := Identify(state)
			must(t, err)
			hello, err := json.Marshal(frame[any]{Result: Hello{PID: 17, State: file}})
			must(t, err)
			path := filepath.Join(folder(t), "s")
			greeted := false
			raw(t, path, func(conn net.Conn) {
				if !greeted {
					fmt.Fprint(conn, chunked(string(hello)+"\n")+"0\r\n\r\n")
					if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
						return
					}
				}
				greeted = true
				fmt.Fprint(conn, text)
			})
			client, err := Dial(t.Context(), path, state)
			must(t, err)
			defer client.Close()
			err = client.Backup(t.Context(), io.Discard)
			if err == nil || !strings.HasPrefix(err.Error(), `the daemon (pid 17) went away during "backup"; what it had begun is in the state file: `) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWhatADaemonDoesNotUnderstandItRefuses(t *testing.T) {
	d := serve(t)
	client := d.dial(t)
	type newer struct {
		Backfill

		Careful bool `json:"careful"`
	}
	_, err := call[Account](t.Context(), client, opBackfill, newer{Careful: true}, nil)
	if _, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), `unknown field "careful"`) {
		t.Errorf("a field of a later version: %v", err)
	}
	_, err = call[nothing](t.Context(), client, "mint", nothing{}, nil)
	if err == nil || err.Error() != `the daemon (version 1.2.3) does not know "mint": it is of another version; restart it` {
		t.Errorf("an operation of a later version: %v", err)
	}
	_, err = client.Pause(t.Context(), strings.Repeat("x", longestRequest))
	if _, ok := errors.AsType[*Error](err); !ok && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a request without end: %v", err)
	}
	if len(d.operator.asked) > 0 {
		t.Errorf("it was done: %q", d.operator.asked)
	}
}

func TestAQuarterOfAMillionCustomersFitIntoARequest(t *testing.T) {
	d := serve(t)
	order := Backfill{Customers: make([]preauth.ID, 250_000)}
	for i := range order.Customers {
		order.Customers[i] = preauth.ID(fmt.Sprintf("20725048-b6ec-40f0-9d0a-%012d", i))
	}
	_, err := d.dial(t).Backfill(t.Context(), order, func(Progress) {})
	must(t, err)
}

func FuzzReadReply(f *testing.F) {
	for _, text := range []string{
		`{"item":1}` + "\n" + `{"item":null}` + "\n" + `{"result":{}}` + "\n",
		`{"error":{"message":"m","code":4}}`, `{"result":null}`, `{"item":1}`, `{"error":null}`, `{"result":1}{"result":1}`, "", "[", "null",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		items := 0
		result, err := readReply(bytes.NewReader(reply), func(item json.RawMessage) error {
			items++
			if !json.Valid(item) {
				t.Errorf("an item is %q", item)
			}
			return nil
		})
		if (err == nil) != json.Valid(result) {
			t.Errorf("result %q, error %v", result, err)
		}
		if _, told := errors.AsType[*Error](err); err != nil && !told && !errors.Is(err, errCut) {
			t.Errorf("got %v", err)
		}
		if err != nil {
			return
		}
		short := bytes.TrimRight(reply, " \t\r\n")
		if _, err := readReply(bytes.NewReader(short[:len(short)-1]), func(json.RawMessage) error { return nil }); err == nil {
			t.Errorf("%q is whole without its end", reply)
		}
	})
}
