package control

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// fake is an Operator whose every answer has something in every field.
type fake struct {
	// before is what an operation does first, and fails with.
	before func(context.Context) error
	// empty makes every answer the zero value.
	empty bool
	// items is how many a stream has.
	items int

	mu    sync.Mutex
	asked []string
}

// note keeps what was asked.
func (f *fake) note(ctx context.Context, argument any) error {
	f.mu.Lock()
	f.asked = append(f.asked, fmt.Sprintf("%#v", argument))
	f.mu.Unlock()
	if f.before == nil {
		return nil
	}
	return f.before(ctx)
}

func answer[T any](ctx context.Context, f *fake, argument any) (out T, err error) {
	if err := f.note(ctx, argument); err != nil {
		return out, err
	}
	if !f.empty {
		filled(reflect.ValueOf(&out).Elem(), 1)
	}
	return out, nil
}

func items[T any](f *fake, visit func(T) error) error {
	for i := range f.items {
		var item T
		if !f.empty {
			filled(reflect.ValueOf(&item).Elem(), i+1)
		}
		if err := visit(item); err != nil {
			return err
		}
	}
	return nil
}

// filled puts something that depends on n into everything that v consists of.
func filled(v reflect.Value, n int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("<ž \"%d\">\n", n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1<<53 + int64(n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		filled(v.Index(0), n)
		filled(v.Index(1), n+1)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		filled(key, n)
		filled(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 21, 10, 21, 19, 123456789+n, time.UTC)))
			return
		}
		for i := range v.NumField() {
			filled(v.Field(i), n+i)
		}
	default:
		panic("no value for a " + v.Kind().String())
	}
}

func (f *fake) Status(ctx context.Context) (Status, error) { return answer[Status](ctx, f, "status") }

func (f *fake) Show(ctx context.Context, id preauth.ID) (Record, error) {
	return answer[Record](ctx, f, id)
}

func (f *fake) Export(ctx context.Context, visit func(Record) error) error {
	if err := items(f, visit); err != nil {
		return err
	}
	return f.note(ctx, "export")
}

func (f *fake) Backup(ctx context.Context, to io.Writer) error {
	for i := range f.items {
		if _, err := to.Write([]byte{0, 0xff, '\n', byte(i)}); err != nil {
			return err
		}
	}
	return f.note(ctx, "backup")
}

func (f *fake) Parked(ctx context.Context, of Selection) (ParkedList, error) {
	return answer[ParkedList](ctx, f, of)
}

func (f *fake) Retry(ctx context.Context, order Retry) (Answers, error) {
	return answer[Answers](ctx, f, order)
}

func (f *fake) Resolve(ctx context.Context, order Resolve) (Answers, error) {
	return answer[Answers](ctx, f, order)
}

func (f *fake) Pause(ctx context.Context, property string) ([]Paused, error) {
	return answer[[]Paused](ctx, f, property)
}

func (f *fake) Resume(ctx context.Context, property string) ([]Paused, error) {
	return answer[[]Paused](ctx, f, property)
}

func (f *fake) Plan(ctx context.Context) (Plan, error) { return answer[Plan](ctx, f, "plan") }

func (f *fake) Backfill(ctx context.Context, order Backfill, progress func(Progress)) (Account, error) {
	_ = items(f, func(p Progress) error {
		progress(p)
		return nil
	})
	return answer[Account](ctx, f, order)
}

func (f *fake) Audit(ctx context.Context, order Audit, finding func(Finding) error) (Audited, error) {
	if err := items(f, finding); err != nil {
		return Audited{}, err
	}
	return answer[Audited](ctx, f, order)
}

// desk is a server and what belongs to it.
type desk struct {
	*Server
	operator *fake
	path     string
	state    string
	logs     *observer.ObservedLogs
}

// folder is a short one: a socket's path is.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "") //nolint:usetesting // t.TempDir names the test in full
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// serve answers until the test's end with a fake, changed by each change.
func serve(t *testing.T, change ...func(*Options)) *desk {
	t.Helper()
	dir := folder(t)
	d := &desk{operator: &fake{items: 3}, path: filepath.Join(dir, "control.sock"), state: filepath.Join(dir, "state.db")}
	must(t, os.WriteFile(d.state, nil, 0o600))
	file, err := Identify(d.state)
	must(t, err)
	core, logs := observer.New(zapcore.DebugLevel)
	d.logs = logs
	options := Options{
		Hello:    Hello{PID: 17, Version: "1.2.3", State: file},
		Operator: func() Operator { return d.operator }, ExitCode: func(error) int { return 6 },
		Log: func() *zap.Logger { return zap.New(core) },
	}
	for _, each := range change {
		each(&options)
	}
	socket, err := Listen(t.Context(), d.path)
	must(t, err)
	d.Server = Serve(t.Context(), socket, options)
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	return d
}

func (d *desk) dial(t *testing.T) *Client {
	t.Helper()
	c, err := Dial(t.Context(), d.path, d.state)
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// told gives the events that were logged.
func (d *desk) told() (events []string) {
	for _, line := range d.logs.All() {
		events = append(events, line.ContextMap()["event"].(string))
	}
	return events
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listenRaw listens on a socket without a server.
func listenRaw(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	listener.SetUnlinkOnClose(false)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}
