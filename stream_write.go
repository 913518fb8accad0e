package hotsock

import (
	"strings"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock/internal/wire"
)

// write is Write. It copies no more than there is room for.
func write[T []byte | string](s *Stream, p T) (int, error) {
	s.writer <- struct{}{}
	defer func() { <-s.writer }()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final != nil {
		return 0, s.err()
	}
	if !s.fits(len(p)) { // What it takes as JSON is not less.
		return 0, s.tooLong()
	}
	begun := len(s.partial)
	text := s.partial + string(p)
	s.partial = "" // Close must not take it for what never came to its end.
	whole := wholeRunes(text)
	for at := 0; at < whole; {
		for s.final == nil && len(s.text)-s.sent >= maxStreamWaits {
			s.awaitChange()
		}
		if s.final != nil {
			return max(0, at-begun), s.err()
		}
		end := min(whole, at+maxStreamWaits/8)
		if end < whole {
			end = at + wholeRunes(text[at:end])
		}
		before := len(s.text)
		s.text, _ = wire.AppendText(s.text, text[at:end])
		if !s.fits(0) {
			s.text = s.text[:before]
			return max(0, at-begun), s.tooLong()
		}
		at = end
		if before == s.sent { // else the goroutine waits for the time to send it
			s.wakeUp()
		}
	}
	s.partial = strings.Clone(text[whole:])
	return len(p), nil
}

// fits reports whether there is room for more bytes of text. mu is held.
func (s *Stream) fits(more int) bool {
	return len(s.before)+len(s.text)+more+len(s.after) <= s.h.opts.MaxStreamSize
}

func (s *Stream) tooLong() error {
	err := refuse(CodePayloadTooLarge)
	s.end(wire.AppendAborted(nil, "too long"), err)
	return err
}

// wholeRunes returns how many bytes are not the beginning of a character whose end is
// to come.
func wholeRunes(text string) int {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if c := text[len(text)-i]; utf8.RuneStart(c) {
			if !utf8.FullRuneInString(text[len(text)-i:]) {
				return len(text) - i
			}
			break
		}
	}
	return len(text)
}
