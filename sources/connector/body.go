package connector

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// A reply is gathered before it is read, where it has at most maxGathered bytes. That of
// a full poll has one or two million, so that a buffer seldom has to grow.
const (
	leastBuffer = 2 << 20
	maxGathered = 16 << 20
)

// buffers are those of replies; one is in use for each that is under way.
//
//nolint:gochecknoglobals // it holds nothing but memory
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// readPoll reads the reply to a poll, and gives its fingerprint unless known is nil. A
// reply that is known, be it in another order, is not decoded.
func readPoll(r io.Reader, asked []preauth.ID, known *preauth.Fingerprint) (*decoded, error) {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	text, isWhole, err := gather(r, (*buffer)[:0])
	*buffer = text
	switch {
	case err != nil:
		return nil, fmt.Errorf("the reply cannot be read: %w", err)
	case !isWhole:
		return decodeStream(io.MultiReader(bytes.NewReader(text), r), asked)
	case known == nil:
		return decodeReply(text, asked)
	}
	fingerprint, isKnown := identify(text, *known)
	if isKnown {
		return &decoded{asked: asked, fingerprint: fingerprint, unchanged: true}, nil
	}
	d, err := decodeReply(text, asked)
	if err == nil {
		d.fingerprint = fingerprint
	}
	return d, err
}

// identify gives a reply's fingerprint, and whether it is known.
func identify(text []byte, known preauth.Fingerprint) (got preauth.Fingerprint, isKnown bool) {
	none := [32]byte{}
	if got.Body = bodyPrint(text, known); got.Body != none && got.Body == known.Body {
		return known, true
	}
	got.Entries = entriesPrint(text, known)
	return got, got.Entries != none && got.Entries == known.Entries
}

// gather reads all that there is into a buffer, or as much as may be gathered.
func gather(r io.Reader, buffer []byte) (text []byte, isWhole bool, err error) {
	for len(buffer) < maxGathered {
		if len(buffer) == cap(buffer) {
			buffer = slices.Grow(buffer, max(leastBuffer, cap(buffer)))
		}
		n, err := r.Read(buffer[len(buffer):min(cap(buffer), maxGathered)])
		buffer = buffer[:len(buffer)+n]
		switch {
		case errors.Is(err, io.EOF):
			return buffer, true, nil
		case err != nil:
			return buffer, false, err
		}
	}
	return buffer, false, nil
}
