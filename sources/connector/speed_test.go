package connector

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/preauth-sync/preauth-sync/preauth"
)

// The benchmarks read the reply to a full poll: 1000 customers with four entries each.
const (
	benchCustomers = 1000
	benchEntries   = 4 * benchCustomers
)

// fullReply gives such a reply, in the order of a turn, and who was asked for.
func fullReply(turn uint64) (text []byte, asked []preauth.ID) {
	asked = customers(benchCustomers)
	entries := make([]string, benchEntries)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"Amount":{"Currency":"EUR","NetValue":null,"GrossValue":%d.%02d,"TaxValues":[]},"Code":null,`+
			`"CreditCardId":%q,"CustomerId":%q,"Id":%q,"ReservationId":%q,"IsActive":true,"ReceiptIdentifier":null,`+
			`"SequenceCode":null,"State":"Chargeable"}`,
			10+i, i%100, id(0xd, i), asked[i/4], id(i*0x9e3779b1&0xffffffff, i), id(0xe, i))
	}
	rand.New(rand.NewPCG(turn, 0)).Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	return []byte(listOf(entries...)), asked
}

func BenchmarkRepoll(b *testing.B) {
	text, asked := fullReply(0)
	shuffled, _ := fullReply(1)
	known, _ := identify(text, preauth.Fingerprint{})
	for _, each := range []struct {
		name      string
		text      []byte
		known     preauth.Fingerprint
		unchanged bool
	}{
		{"first", text, preauth.Fingerprint{}, false},
		{"unchanged", text, known, true},
		{"another order", shuffled, known, true},
	} {
		b.Run(strings.ReplaceAll(each.name, " ", "-"), func(b *testing.B) {
			b.SetBytes(int64(len(each.text)))
			b.ReportAllocs()
			for b.Loop() {
				d, err := readPoll(bytes.NewReader(each.text), asked, &each.known)
				if err != nil || d.unchanged != each.unchanged {
					b.Fatal(d, err)
				}
				d.reply()
			}
			perEntry(b)
		})
	}
}

func perEntry(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchEntries), "ns/entry")
}
