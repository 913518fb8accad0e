package webhook

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a webhook.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// tolerance is how far the clocks of sender and receiver may be apart, and how
// long a request may be on its way.
const tolerance = 5 * time.Minute

// maxSignatures is how many signatures of a request are looked at.
const maxSignatures = 16

// Errors of [Verify].
var (
	// ErrHeaders means that the headers of a webhook are missing or malformed.
	ErrHeaders = errors.New("webhook: the headers of a webhook are missing or malformed")
	// ErrTimestamp means that the request is too old to be accepted, as a
	// replayed one would be, or too new, because the clocks differ.
	ErrTimestamp = errors.New("webhook: sent more than five minutes ago, or in the future")
	// ErrSignature means that none of the signatures was made with one of the
	// keys.
	ErrSignature = errors.New("webhook: no signature is valid")
)

// Verify is for receivers: it returns nil if the request with these headers and
// this body was signed with one of the keys, within the last five minutes.
// While you change keys, give both.
//
// Read the body with a limit ([http.MaxBytesReader]), verify it as it came, then
// decode it into a [hotsock.Event]. The header webhook-id is the event's ID. An
// event may be sent more than once: if you have seen the ID before, answer 200 and
// do nothing.
func Verify(h http.Header, body []byte, keys ...Key) error {
	id, signatures := h.Get(headerID), h.Get(headerSignature)
	seconds, err := strconv.ParseInt(h.Get(headerTimestamp), 10, 64)
	if id == "" || signatures == "" || err != nil {
		return ErrHeaders
	}
	// In seconds: a time of any number of them would overflow a duration.
	if now := time.Now().Unix(); seconds < now-int64(tolerance.Seconds()) || seconds > now+int64(tolerance.Seconds()) {
		return ErrTimestamp
	}
	content := signedContent(id, seconds, body)
	seen := 0
	for s := range strings.SplitSeq(signatures, " ") {
		if seen++; seen > maxSignatures {
			break
		}
		for _, k := range keys {
			if k.verifies(content, s) {
				return nil
			}
		}
	}
	return ErrSignature
}

// signedContent is what is signed.
func signedContent(id string, seconds int64, body []byte) []byte {
	b := make([]byte, 0, len(id)+len(body)+22)
	b = append(b, id...)
	b = append(b, '.')
	b = strconv.AppendInt(b, seconds, 10)
	b = append(b, '.')
	return append(b, body...)
}
