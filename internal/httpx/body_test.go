package httpx

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadBodyStopsAtItsLimit(t *testing.T) {
	for _, each := range []struct {
		name, body string
		large      bool
	}{
		{"empty", "", false},
		{"below", "1234", false},
		{"exactly", "12345", false},
		{"one more", "123456", true},
		{"much more", strings.Repeat("x", 100000), true},
	} {
		t.Run(each.name, func(t *testing.T) {
			readers := []io.Reader{
				strings.NewReader(each.body), iotest.OneByteReader(strings.NewReader(each.body)),
				iotest.DataErrReader(strings.NewReader(each.body)),
			}
			for _, r := range readers {
				got, err := ReadBody(r, 5)
				if errors.Is(err, ErrBodyTooLarge) != each.large || (err != nil) != each.large {
					t.Errorf("error %v", err)
				}
				if string(got) != each.body[:min(5, len(each.body))] {
					t.Errorf("got %q", got)
				}
			}
		})
	}
}

func TestATruncatedBodyIsAnError(t *testing.T) {
	_, err := ReadBody(io.MultiReader(strings.NewReader("1"), iotest.ErrReader(io.ErrUnexpectedEOF)), 5)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestOnlyPlainBodiesAreRead(t *testing.T) {
	for encoding, refused := range map[string]bool{"": false, "identity": false, "gzip": true, "br": true, "identity, gzip": true} {
		if err := CheckEncoding(http.Header{"Content-Encoding": {encoding}}); (err != nil) != refused {
			t.Errorf("Content-Encoding %q: %v", encoding, err)
		}
	}
}
