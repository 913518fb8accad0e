package wire

import (
	"bytes"
	"strconv"
)

// appendDecimal appends a valid JSON number in the one form that all numbers
// of the same value have: 0, or digits that neither begin nor end with a zero,
// times a power of ten: 1200, 1.2e3 and 12E+2 are 12e2. Only exponents of more
// than 18 digits have several forms. It takes no more time for large exponents.
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
	significant := bytes.TrimRight(b[first:], "0")
	zeros := len(b) - first - len(significant)
	significant = bytes.TrimLeft(significant, "0")
	if len(significant) == 0 {
		return append(b[:start], '0') // for -0 too
	}
	b = append(b[:first], significant...)
	b = append(b, 'e')
	return appendSum(b, exponent, int64(zeros-len(fraction)))
}

// appendSum appends exponent plus n. Next to an exponent that is too long for
// an integer it writes n as it is: to add them is worth neither the code nor
// the time that an attacker could make it take.
func appendSum(b, exponent []byte, n int64) []byte {
	const fits = 18 // digits, in an int64, and so does the sum
	digits := bytes.TrimLeft(exponent, "+-0")
	negative := len(exponent) > 0 && exponent[0] == '-'
	if len(digits) > fits {
		if negative {
			b = append(b, '-')
		}
		b = append(b, digits...)
		b = append(b, '+')
		return strconv.AppendInt(b, n, 10)
	}
	if len(digits) > 0 {
		e, _ := strconv.ParseInt(string(digits), 10, 64)
		if negative {
			e = -e
		}
		n += e
	}
	return strconv.AppendInt(b, n, 10)
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
