package preauth

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// Money is an exact decimal amount of one currency. It is never a float.
type Money struct {
	Amount decimal.Decimal
	// Currency is an ISO 4217 code in upper case.
	Currency string
}

// NewMoney builds Money from a plain decimal string. It is meant for literals:
// what comes from outside goes through ParseAmount.
func NewMoney(amount, currency string) (Money, error) {
	d, err := ParseAmount(amount)
	if err != nil {
		return Money{}, err
	}
	return Money{Amount: d, Currency: currency}, nil
}

// Equal compares value and currency. Trailing zeros do not count.
func (m Money) Equal(o Money) bool {
	return m.Currency == o.Currency && m.Amount.Equal(o.Amount)
}

// IsZero tells whether this is the zero value: no amount and no currency.
func (m Money) IsZero() bool { return m.Currency == "" && m.Amount.IsZero() }

// String gives the amount as people write it, with the currency's decimals, a
// space, and the currency.
func (m Money) String() string {
	digits, _ := MinorUnits(m.Currency)
	if m.Decimals() > digits {
		return strings.TrimSpace(m.Amount.String() + " " + m.Currency)
	}
	return strings.TrimSpace(m.Amount.StringFixed(int32(digits)) + " " + m.Currency)
}

// ErrAmount is wrapped by every error of ParseAmount.
var ErrAmount = errors.New("not a usable amount")

// Limits of an amount. They are far above any hold ever made; they exist so
// that a reply of a few bytes ("1e999999999") cannot claim gigabytes.
const (
	maxAmountText   = 64
	maxAmountDigits = 20
	maxDecimals     = 10
)

// ParseAmount reads a JSON number exactly: sign, digits, fraction, exponent.
// At most 20 digits before the point and 10 after it are accepted.
func ParseAmount[T ~string | ~[]byte](text T) (decimal.Decimal, error) {
	if amount, ok := parseUsual(text); ok {
		return amount, nil
	}
	return parseAny(string(text))
}

// usualDigits fit into 64 bits. Nearly every amount has no more of them.
const usualDigits = 18

// parseUsual reads an amount of a few digits and perhaps decimals without a detour.
func parseUsual[T ~string | ~[]byte](text T) (decimal.Decimal, bool) {
	if len(text) > usualDigits {
		return decimal.Zero, false
	}
	coefficient, point := int64(0), len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9':
			coefficient = coefficient*10 + int64(c-'0')
		case c == '.' && i > 0 && i < len(text)-1 && point == len(text):
			point = i
		default:
			return decimal.Zero, false
		}
	}
	decimals := max(0, len(text)-point-1)
	for ; decimals > 0 && coefficient%10 == 0; decimals-- {
		coefficient /= 10
	}
	return decimal.New(coefficient, -int32(decimals)), len(text) > 0 && decimals <= maxDecimals
}

func parseAny(text string) (decimal.Decimal, error) {
	if text == "" || len(text) > maxAmountText {
		return decimal.Zero, fmt.Errorf("%q: %w", clip(text), ErrAmount)
	}
	if strings.Trim(text, "+-0123456789.eE") != "" {
		return decimal.Zero, fmt.Errorf("%q: %w", clip(text), ErrAmount)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Zero, fmt.Errorf("%q: %w", clip(text), ErrAmount)
	}
	return normalize(d, text)
}

// normalize drops trailing zeros and exponents, so that equal amounts are
// spelled equally wherever they are stored or sent.
func normalize(d decimal.Decimal, text string) (decimal.Decimal, error) {
	exponent := int(d.Exponent())
	if exponent > maxAmountDigits || exponent < -maxAmountText {
		return decimal.Zero, fmt.Errorf("%q: %w", clip(text), ErrAmount)
	}
	plain, err := decimal.NewFromString(d.String())
	if err != nil {
		return decimal.Zero, fmt.Errorf("%q: %w", clip(text), ErrAmount)
	}
	whole, fraction, _ := strings.Cut(strings.TrimLeft(plain.String(), "-"), ".")
	if len(whole) > maxAmountDigits || len(fraction) > maxDecimals {
		return decimal.Zero, fmt.Errorf("%q: too many digits: %w", clip(text), ErrAmount)
	}
	return plain, nil
}

// Decimals is the number of decimals that money in this amount really uses,
// trailing zeros not counted.
func (m Money) Decimals() int {
	if _, decimals, ok := usual(m.Amount); ok {
		return decimals
	}
	_, fraction, _ := strings.Cut(m.Amount.String(), ".")
	return len(strings.TrimRight(fraction, "0"))
}

// AmountText spells an amount as its String does: in plain digits, without zeros at the
// end of a fraction.
func AmountText(amount decimal.Decimal) string {
	digits, decimals, ok := usual(amount)
	if !ok {
		return amount.String()
	}
	var room [usualDigits + len("0.")]byte
	at := len(room)
	for n := 0; n <= decimals || digits > 0; n++ {
		if n > 0 && n == decimals {
			at--
			room[at] = '.'
		}
		at--
		room[at] = byte('0' + digits%10)
		digits /= 10
	}
	return string(room[at:])
}

// usual gives the digits of an amount and how many of them are decimals, without zeros at
// their end; false for one that has a sign, or more digits than nearly all.
func usual(amount decimal.Decimal) (digits int64, decimals int, ok bool) {
	decimals = -int(amount.Exponent())
	if decimals < 0 || decimals > maxDecimals || amount.Sign() < 0 || amount.NumDigits() > usualDigits {
		return 0, 0, false
	}
	digits = amount.CoefficientInt64()
	for ; decimals > 0 && digits%10 == 0; decimals-- {
		digits /= 10
	}
	return digits, decimals, true
}

// MinorUnits gives the number of decimals ISO 4217 defines for a currency, and
// whether the currency is one of its active codes.
func MinorUnits(currency string) (int, bool) {
	if len(currency) != 3 {
		return 0, false
	}
	for digits, codes := range minorUnits {
		if strings.Contains(codes, " "+currency+" ") {
			return digits, true
		}
	}
	return 0, false
}

// minorUnits lists the active codes of ISO 4217 by their number of decimals.
// Funds, metals and testing codes are left out: nobody holds those on a card.
//
//nolint:gochecknoglobals // a constant table
var minorUnits = [...]string{
	0: " BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ",
	1: "",
	2: " AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD" +
		" CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS" +
		" GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL" +
		" MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK" +
		" PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS" +
		" TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG ",
	3: " BHD IQD JOD KWD LYD OMR TND ",
	4: " CLF UYW ",
}
