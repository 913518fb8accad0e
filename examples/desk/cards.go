package main

import (
	"regexp"
	"strings"
)

var cardNumber = regexp.MustCompile(`\b\d(?:[ -]?\d){12,18}\b`)

// maskCards hides the numbers of payment cards, except for the last four digits.
func maskCards(text string) string {
	return cardNumber.ReplaceAllStringFunc(text, func(found string) string {
		digits := strings.NewReplacer(" ", "", "-", "").Replace(found)
		if !luhn(digits) {
			return found // an order's number, say
		}
		return "•••• " + digits[len(digits)-4:]
	})
}

// luhn reports whether the last digit is the check digit that card numbers have.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
