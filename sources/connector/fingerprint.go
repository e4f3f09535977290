package connector

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"math/bits"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// keySize is the part of a half of a Fingerprint that is its key, in bytes. The rest says
// what the text is under that key.
const keySize = 16

// keyed sums texts under a key.
type keyed struct {
	key   []byte
	block cipher.Block
	gcm   cipher.AEAD
}

// keyedAs takes the key of a half of an earlier reply's Fingerprint, and a random one if
// there is none. It is nil where the machine may not use AES-GCM.
func keyedAs(half [32]byte) *keyed {
	k := &keyed{key: half[:keySize]}
	if half == [32]byte{} {
		_, _ = rand.Read(k.key) // it never fails
	}
	var err error
	if k.block, err = aes.NewCipher(k.key); err != nil {
		return nil
	}
	if k.gcm, err = cipher.NewGCM(k.block); err != nil {
		return nil
	}
	return k
}

// mac appends the GMAC of a text, of keySize bytes. Whoever does not know the key writes
// another text of the same GMAC with a probability of less than 2^-100, whatever the two
// say: it is a universal hash, and needs no more than a pass at the speed of memory.
func (k *keyed) mac(into, text []byte) []byte {
	return k.gcm.Seal(into, k.key[:k.gcm.NonceSize()], nil, text)
}

// half gives that of a Fingerprint.
func (k *keyed) half(sum []byte) [32]byte { return [32]byte(append(k.key[:keySize:keySize], sum...)) }

// bodyPrint gives the Body of a reply's Fingerprint: the GMAC of the text. It is zero
// where the machine may not use AES-GCM.
func bodyPrint(text []byte, known preauth.Fingerprint) (body [32]byte) {
	k := keyedAs(known.Body)
	if k == nil {
		return body
	}
	return k.half(k.mac(nil, text))
}

// entriesPrint gives the Entries of a plain reply's Fingerprint, and zero for any other:
// the sum of a number for each entry, and of one for what is around them. A number is the
// encrypted GMAC of its text. Sums of GMACs alone would be equal where two entries have
// exchanged a part; encrypted ones are as if drawn at random for each text. So whoever
// does not know the key writes other entries of the same sum with a probability of less
// than 2^-100.
func entriesPrint(text []byte, known preauth.Fingerprint) (entries [32]byte) {
	k := keyedAs(known.Entries)
	if k == nil {
		return entries
	}
	var sum sum128
	number := make([]byte, 0, keySize)
	add := func(text []byte) {
		number = k.mac(number[:0], text)
		k.block.Encrypt(number, number)
		sum.add(number)
	}
	s := scanner{text: text}
	before, after := s.list(listName, func() { add(s.value()) })
	if s.odd {
		return entries
	}
	add(append(k.mac(nil, before), k.mac(nil, after)...))
	return k.half(sum.bytes())
}

// sum128 is a number modulo 2^128.
type sum128 struct{ low, high uint64 }

func (s *sum128) add(number []byte) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, binary.LittleEndian.Uint64(number), 0)
	s.high, _ = bits.Add64(s.high, binary.LittleEndian.Uint64(number[8:]), carry)
}

func (s *sum128) bytes() []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, s.low), s.high)
}
