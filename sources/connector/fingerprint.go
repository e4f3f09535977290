package connector

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// keySize is the part of a Fingerprint's Body that is the key, in bytes. The rest is a tag.
const keySize = 16

// bodyPrint gives the Body of a reply's Fingerprint: a random key, that of an earlier
// reply if there is one, and the GMAC of the text under it. A reply that was written
// without knowledge of the key passes for another one with a probability of less than
// 2^-100, whatever the two say: GMAC is a universal hash, and needs no more than a pass at
// the speed of memory for it. It is zero where the machine may not use AES-GCM.
func bodyPrint(text []byte, known preauth.Fingerprint) (body [32]byte) {
	key := known.Body[:keySize]
	if known.Body == ([32]byte{}) {
		key = make([]byte, keySize)
		_, _ = rand.Read(key) // it never fails
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return body
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return body
	}
	copy(body[:], key)
	gcm.Seal(body[:keySize], key[:gcm.NonceSize()], nil, text)
	return body
}

// entriesPrint gives the Entries of a plain reply's Fingerprint, and zero for any other:
// the sum of the SHA-256 of each entry and of what is around them. Whoever writes all the
// entries can make two lists of one sum; but that is the PMS, which says what is true of
// them anyway.
func entriesPrint(text []byte) (entries [32]byte) {
	s, sum := scanner{text: text}, sum256{}
	before, after := s.list(listName, func() { sum.add(sha256.Sum256(s.value())) })
	if s.odd {
		return entries
	}
	around := sha256.New()
	_, _ = around.Write(before) // it never fails
	_, _ = around.Write(after)
	sum.add([32]byte(around.Sum(nil)))
	return sum.bytes()
}

// sum256 is a number modulo 2^256, the lowest part first.
type sum256 [4]uint64

func (s *sum256) add(number [32]byte) {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(s[i], binary.LittleEndian.Uint64(number[8*i:]), carry)
	}
}

func (s *sum256) bytes() (number [32]byte) {
	for i, part := range s {
		binary.LittleEndian.PutUint64(number[8*i:], part)
	}
	return number
}
