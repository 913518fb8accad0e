package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// harmless reports whether a terminal shows a character, and does nothing else: no
// control characters, no change of the direction of text, nothing that is invisible
// but what joins emoji.
func harmless(r rune) bool {
	const joiner = '\u200d'
	return r != utf8.RuneError && (unicode.IsPrint(r) || r == joiner)
}

// printable makes text of others safe for a terminal: what would command it is
// written as in a Go or JSON string. Lines stay lines.
func printable(text string) string {
	return escape(text, func(r rune) bool { return r == '\n' || harmless(r) })
}

// word is printable on one line.
func word(text string) string { return escape(text, harmless) }

func escape(text string, keep func(rune) bool) string {
	if strings.IndexFunc(text, func(r rune) bool { return !keep(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case keep(r):
			b.WriteRune(r)
		case r > 0xffff: // as JSON has it
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}

// maxShown is how many bytes of data a line for people shows.
const maxShown = 2000

// shown is JSON for people, on one line.
func shown(data json.RawMessage) string {
	text := string(data)
	if len(text) == 0 {
		text = "null"
	}
	if len(text) <= maxShown {
		return word(text)
	}
	end := maxShown
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes; --json shows all)", word(text[:end]), len(text))
}

// writeJSON writes a value as one line. What would command a terminal can only be in
// strings, and is escaped there.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, printable(strings.ToValidUTF8(b.String(), `\ufffd`)))
	return err
}
