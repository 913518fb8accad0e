package token

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// open returns the payload of a token after its signature has been verified.
func (v *Verifier) open(ctx context.Context, token string) ([]byte, error) {
	if len(token) > protocol.MaxToken {
		return nil, invalid("longer than %d bytes", protocol.MaxToken)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, invalid("not three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = decodePart(part); err != nil {
			return nil, invalid("part %d is not base64url", i+1)
		}
	}
	known := v.signed.Load()
	signed := known
	if known == nil || known.text != parts[0] {
		signed = &signedHeader{text: strings.Clone(parts[0])} // The rest of the token is not kept.
		if err := signed.decode(decoded[0]); err != nil {
			return nil, invalid("header: %w", err)
		}
	}
	text := token[:len(token)-len(parts[2])-1]
	if err := v.checkSignature(ctx, &signed.header, text, decoded[2]); err != nil {
		return nil, err
	}
	if signed != known {
		v.signed.Store(signed)
	}
	return decoded[1], nil
}

// A signedHeader is that of a token that was verified, and its text in the token.
type signedHeader struct {
	header
	text string
}

// strictBase64 refuses encodings that are not the only one of their bytes.
var strictBase64 = base64.RawURLEncoding.Strict()

func decodePart(part string) ([]byte, error) {
	// The decoder skips these.
	if strings.ContainsAny(part, "\r\n") {
		return nil, base64.CorruptInputError(0)
	}
	return strictBase64.DecodeString(part)
}

// A header says how a token was signed. It is not to be trusted.
type header struct {
	algorithm Algorithm
	id        string
	kind      string
}

var (
	errHeader   = errors.New("malformed")
	errCritical = errors.New("has critical extensions")
	errKind     = errors.New("typ is not JWT")
)

func (h *header) decode(text []byte) error {
	err := decodeObject(text, func(r reader, name string) error {
		switch name {
		case "alg":
			return r.text((*string)(&h.algorithm))
		case "kid":
			return r.text(&h.id)
		case "typ":
			return r.text(&h.kind)
		case "crit":
			return errCritical
		}
		return r.dec.SkipValue()
	})
	switch {
	case errors.Is(err, errCritical):
		return err
	case err != nil:
		return errHeader // rather than what a stranger put into it
	// Many libraries leave it out; its case does not matter (RFC 7519). A JWT of
	// another kind, an access token say, may be signed with the same key, and is
	// not meant for us.
	case h.kind != "" && !strings.EqualFold(h.kind, "JWT"):
		return errKind
	}
	return nil
}
