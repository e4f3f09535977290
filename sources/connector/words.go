package connector

import (
	"encoding/json"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// A word is wordSize bytes, the first as the lowest. Multiplied by everyByte, a byte is a
// word of eight of them.
const (
	wordSize  = 8
	everyByte = 0x0101010101010101
	highest   = 0x80
)

func word[T preauth.ID | []byte | json.RawMessage](text T, at int) uint64 {
	b := text[at : at+wordSize]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// hexDigits sets the highest bit of each byte, where all of them are digits or the
// letters a to f. What is added to a byte sets that bit where the byte is large enough.
// It carries into the next byte only from one that is above 127, and none of those is
// taken.
func hexDigits(word uint64) uint64 {
	digits := (word + (highest-'0')*everyByte) &^ (word + (highest-'9'-1)*everyByte)
	letters := (word + (highest-'a')*everyByte) &^ (word + (highest-'f'-1)*everyByte)
	return (digits | letters) &^ word & (highest * everyByte)
}

// below sets the highest bit of the first byte that is less than c, which is at most 128,
// and of none before it: only such a byte takes anything from the next.
func below(word, c uint64) uint64 {
	return (word - c*everyByte) &^ word & (highest * everyByte)
}
