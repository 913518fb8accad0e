package hotsock

import (
	"net/http"
	"net/url"
	"strings"
)

const (
	// subprotocol is the one that the server speaks (RFC 6455, 1.9).
	subprotocol = "hotsock"
	// tokenProtocol is how a subprotocol begins that is no protocol, but has the
	// connect token: browsers let pages set no other header of an upgrade.
	tokenProtocol = subprotocol + ".token."
)

// RequestToken returns the connect token that a client has sent with a request to
// connect, "" for none: as the parameter token of the query, in a subprotocol
// "hotsock.token.<token>", as the clients of this module send it, or, if in neither, as
// Authorization: Bearer. It is for [Options.Authenticate], if the app has tokens of its
// own; the token was not verified. Several tokens are an [*Error] with
// CodeInvalidRequest, which Authenticate may return.
func RequestToken(r *http.Request) (string, error) {
	tokens := queryTokens(r.URL.RawQuery)
	for name := range offers(r.Header, "Sec-WebSocket-Protocol") {
		if token, ok := strings.CutPrefix(name, tokenProtocol); ok && token != "" {
			tokens = append(tokens, token)
		}
	}
	if len(tokens) == 0 {
		// Only now: a gateway may have an Authorization of its own.
		for _, value := range r.Header.Values("Authorization") {
			scheme, token, _ := strings.Cut(value, " ")
			if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
				tokens = append(tokens, token)
			}
		}
	}
	switch len(tokens) {
	case 0:
		return "", nil
	case 1:
		return tokens[0], nil
	}
	return "", refuseBecause(CodeInvalidRequest, "there are several connect tokens: send one, in one place")
}

// queryTokens returns what the query has as tokens, as url.ParseQuery would, but without
// a map of all.
func queryTokens(query string) (tokens []string) {
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err != nil || name != "token" || strings.Contains(pair, ";") {
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil && value != "" {
			tokens = append(tokens, value)
		}
	}
	return tokens
}

// offers iterates over the elements of a header that is a list.
func offers(header http.Header, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, value := range header.Values(name) {
			for part := range strings.SplitSeq(value, ",") {
				if !yield(strings.TrimSpace(part)) {
					return
				}
			}
		}
	}
}

// agreeOnProtocol answers a client that offers the subprotocol, as browsers require.
// Others offer none, and are told none.
func agreeOnProtocol(w http.ResponseWriter, r *http.Request) {
	for name := range offers(r.Header, "Sec-WebSocket-Protocol") {
		if name == subprotocol {
			w.Header().Set("Sec-WebSocket-Protocol", subprotocol)
			return
		}
	}
}
