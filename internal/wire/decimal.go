package wire

import (
	"bytes"
	"math/big"
	"strconv"
)

// appendDecimal appends a valid JSON number in the one form that all numbers
// of the same value have: 0, or digits that neither begin nor end with a zero,
// times a power of ten. 1200, 1.2e3 and 12E+2 are 12e2. It takes no more time
// for large exponents.
func appendDecimal(b, number []byte) []byte {
	digits, exponent := number, []byte(nil)
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		digits, exponent = number[:i], number[i+1:]
	}
	negative := digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	whole, fraction, _ := bytes.Cut(digits, []byte{'.'})

	start := len(b)
	if negative {
		b = append(b, '-')
	}
	first := len(b)
	b = append(b, whole...)
	b = append(b, fraction...)
	trimmed := bytes.TrimLeft(b[first:], "0")
	b = append(b[:first], trimmed...)
	all := len(b)
	b = b[:first+len(bytes.TrimRight(b[first:], "0"))]
	if len(b) == first {
		return append(b[:start], '0') // -0 too
	}
	b = append(b, 'e')
	return appendSum(b, exponent, int64(all-len(b)+1-len(fraction)))
}

// appendSum appends exponent, which is of any length, plus n.
func appendSum(b, exponent []byte, n int64) []byte {
	if len(exponent) <= 18 { // and so fits, as n does, with room to spare
		if len(exponent) > 0 {
			e, _ := strconv.ParseInt(string(exponent), 10, 64)
			n += e
		}
		return strconv.AppendInt(b, n, 10)
	}
	e, _ := new(big.Int).SetString(string(exponent), 10)
	return e.Add(e, big.NewInt(n)).Append(b, 10)
}

// numberEnd returns the index after the number that begins at text[start].
func numberEnd(text []byte, start int) int {
	for i := start; i < len(text); i++ {
		switch c := text[i]; {
		case '0' <= c && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
		default:
			return i
		}
	}
	return len(text)
}
