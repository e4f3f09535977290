package httpx

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ErrBodyTooLarge is wrapped by the errors of bodies over their limit.
var ErrBodyTooLarge = errors.New("the reply is too large")

// ErrEncoded is returned for a compressed reply. Nobody asked for one, and
// unpacking it could turn a few bytes into gigabytes.
var ErrEncoded = errors.New("the reply has a Content-Encoding, which was not asked for")

// ReadBody reads all of r, which may hold at most limit bytes: one more is an
// error that wraps ErrBodyTooLarge. What was read so far comes with every error.
func ReadBody(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(LimitBody(r, limit))
	if err != nil {
		return body, fmt.Errorf("cannot read the reply's body: %w", err)
	}
	return body, nil
}

// LimitBody gives a reader that fails with an error wrapping ErrBodyTooLarge
// once r has given more than limit bytes. io.LimitReader would end quietly, and
// a reply cut short must never pass for a whole one.
func LimitBody(r io.Reader, limit int64) io.Reader {
	return &limitedReader{r: r, limit: limit, left: limit}
}

type limitedReader struct {
	r           io.Reader
	limit, left int64
}

// Read passes on at most what is left, and looks for one byte more after it.
func (l *limitedReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if l.left < 0 {
		return 0, l.tooLarge()
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return n - 1, l.tooLarge()
	}
	return n, err
}

func (l *limitedReader) tooLarge() error {
	return fmt.Errorf("%w: more than %d bytes", ErrBodyTooLarge, l.limit)
}

// CheckEncoding gives ErrEncoded when a reply's body is compressed.
func CheckEncoding(header http.Header) error {
	for _, each := range header.Values("Content-Encoding") {
		if each != "" && !strings.EqualFold(each, "identity") {
			return ErrEncoded
		}
	}
	return nil
}
