package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/fxamacker/cbor/v2"
)

// A document is the value of one key: its body, then the CRC32C of the bucket's
// name, the key and the body. The database's own checksum covers its two heads
// and nothing else; this one makes a changed byte in a value, or a value under a
// wrong key, an error instead of a decision.

const checksumLength = 4

var errChecksum = errors.New("its checksum does not match")

func checksum(bucket string, key, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := ^uint32(0)
	for i := range len(bucket) { // a string is not copied for it
		sum = table[byte(sum)^bucket[i]] ^ sum>>8
	}
	sum = crc32.Update(^sum, table, key)
	return crc32.Update(sum, table, body)
}

// seal appends the checksum to body.
func seal(bucket string, key, body []byte) []byte {
	return binary.BigEndian.AppendUint32(body, checksum(bucket, key, body))
}

// unseal gives the body of a document. It shares value's memory.
func unseal(bucket string, key, value []byte) ([]byte, error) {
	if len(value) < checksumLength {
		return nil, errChecksum
	}
	body := value[:len(value)-checksumLength]
	if binary.BigEndian.Uint32(value[len(body):]) != checksum(bucket, key, body) {
		return nil, errChecksum
	}
	return body, nil
}

// codec turns wire structs into sealed documents and back.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newCodec() (codec, error) {
	enc, err := cbor.EncOptions{}.EncMode()
	if err != nil {
		return codec{}, fmt.Errorf("the document encoder: %w", err)
	}
	// Within one schema version there are no unknown fields.
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8DecodeInvalid,
	}.DecMode()
	if err != nil {
		return codec{}, fmt.Errorf("the document decoder: %w", err)
	}
	return codec{enc: enc, dec: dec}, nil
}

func (c codec) put(bucket string, key []byte, wire any) ([]byte, error) {
	body, err := c.enc.Marshal(wire)
	if err != nil {
		return nil, fmt.Errorf("encoding a document of %s: %w", bucket, err)
	}
	return seal(bucket, key, body), nil
}

// get decodes a document; nothing of value is kept.
func (c codec) get(bucket string, key, value []byte, wire any) error {
	body, err := unseal(bucket, key, value)
	if err != nil {
		return err
	}
	return c.decode(body, wire)
}

func (c codec) decode(body []byte, wire any) error {
	if err := c.dec.Unmarshal(body, wire); err != nil {
		return fmt.Errorf("its document cannot be decoded: %w", err)
	}
	return nil
}

// sealNumber and unsealNumber are documents of one number.
func sealNumber(bucket string, key []byte, n uint64) []byte {
	return seal(bucket, key, binary.AppendUvarint(nil, n))
}

func unsealNumber(bucket string, key, value []byte) (uint64, error) {
	body, err := unseal(bucket, key, value)
	if err != nil {
		return 0, err
	}
	n, length := binary.Uvarint(body)
	if length <= 0 || length != len(body) {
		return 0, errors.New("its number cannot be decoded")
	}
	return n, nil
}
