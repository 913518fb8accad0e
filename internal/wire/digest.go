package wire

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// digestBytes of a SHA-256 are enough that nobody finds two values with the
// same digest.
const digestBytes = 24

// Digest returns a string of 32 characters that is the same for two JSON texts
// if and only if they are the same value: the order of members, white space
// and escapes in strings do not matter, and numbers are the same if they are
// mathematically, however large or exact. (With an exponent of more than 18
// digits they must also be written in a similar way.) A text that is not JSON
// by the rules of this package is the same as itself only.
func Digest(value []byte) string {
	hash := sha256.New()
	if canonical, ok := canonicalize(value); ok {
		hash.Write(canonical)
	} else {
		hash.Write([]byte("\x00")) // which begins no JSON text
		hash.Write(value)
	}
	var sum [sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(hash.Sum(sum[:0])[:digestBytes])
}

// Equal reports whether two JSON texts are the same value, in the sense of
// [Digest].
func Equal(a, b []byte) bool {
	return string(a) == string(b) || Digest(a) == Digest(b)
}

// canonicalize returns the one form of all JSON texts of equal value.
func canonicalize(value []byte) ([]byte, bool) {
	if manyBrackets(value, protocol.MaxDepth) && depth(value) > protocol.MaxDepth {
		return nil, false
	}
	// Our numbers are not those of RFC 8785, which are floating point.
	text, err := jsontext.AppendFormat(nil, value,
		jsontext.PreserveRawStrings(false),
		jsontext.ReorderRawObjects(true),
		jsontext.CanonicalizeRawInts(false),
		jsontext.CanonicalizeRawFloats(false),
	)
	if err != nil {
		return nil, false
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		end := i + 1
		switch c := text[i]; {
		case c == '"':
			end = stringEnd(text, i)
		case c == '-' || '0' <= c && c <= '9':
			end = numberEnd(text, i)
			out = appendDecimal(out, text[i:end])
			i = end
			continue
		}
		out = append(out, text[i:end]...)
		i = end
	}
	return out, true
}
