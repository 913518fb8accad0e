package protocol

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	textStyle   = '\uFE0E'
	emojiStyle  = '\uFE0F'
	keycap      = '\u20E3'
	nonJoiner   = '\u200C'
	joiner      = '\u200D'
	blackFlag   = '\U0001F3F4'
	lightSkin   = '\U0001F3FB'
	darkSkin    = '\U0001F3FF'
	brailleNone = '\u2800' // is a symbol, and blank
)

// NormalReaction returns the one form of all reactions that look the same, and false if
// text is none: characters in the form NFC, emoji as keyboards write them, without
// what cannot be seen, and without spaces around. It has 1 to [MaxReaction] bytes,
// something visible, no control characters, and "#" only as a keycap.
//
// An emoji that would be text without U+FE0F has it, and no other does.
func NormalReaction(text string) (reaction string, ok bool) {
	if len(text)/4 > MaxReaction || !utf8.ValidString(text) { // no need to look
		return "", false
	}
	runes := []rune(norm.NFC.String(text))
	out := make([]rune, 0, len(runes)+4)
	visible := false
	for i, r := range runes {
		next := following(runes[i+1:])
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '#' && next != keycap:
			return "", false
		case unicode.IsSpace(r):
			r = ' '
		case isJoiner(r):
			if len(out) == 0 || !joins(out[len(out)-1]) {
				continue
			}
		case isTag(r):
			if len(out) == 0 || out[len(out)-1] != blackFlag && !isTag(out[len(out)-1]) {
				continue
			}
		case ignorable(r):
			continue
		}
		out = append(out, r)
		visible = visible || isVisible(r)
		if takesStyle(r, next) {
			out = append(out, emojiStyle)
		}
	}
	reaction = strings.TrimFunc(string(out), func(r rune) bool { return r == ' ' || isJoiner(r) })
	reaction = norm.NFC.String(reaction) // what was between two characters is gone
	return reaction, visible && len(reaction) <= MaxReaction
}

// following returns the first of the runes that is not a style, or 0.
func following(runes []rune) rune {
	for _, r := range runes {
		if r != textStyle && r != emojiStyle {
			return r
		}
	}
	return 0
}

// takesStyle reports whether an emoji is written with a style after r: if r would
// be text without it, and no skin tone says already that it is not.
func takesStyle(r, next rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return next == keycap && strings.ContainsRune("0123456789#*", r)
	case lightSkin <= next && next <= darkSkin:
		return false
	}
	return unicode.Is(textEmoji, r)
}

func isJoiner(r rune) bool { return r == joiner || r == nonJoiner }

// joins reports whether a joiner makes a difference after r.
func joins(r rune) bool {
	return r >= utf8.RuneSelf && !isJoiner(r) && !unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic)
}

// isTag reports whether r spells the name of a region after a black flag.
func isTag(r rune) bool { return 0xE0020 <= r && r <= 0xE007F }

// ignorable reports whether r is not to be seen, whatever stands beside it.
func ignorable(r rune) bool {
	return unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) ||
		unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

func isVisible(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && r != brailleNone
}
