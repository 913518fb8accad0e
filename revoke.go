package hotsock

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// A Revocation says which tokens are good for nothing any more, whatever they were for.
// It needs a UID, a TokenID or an IssuedBefore; UID and IssuedBefore go together.
type Revocation struct {
	// UID is whose tokens are revoked: those with this "uid", and those without one that
	// a connection of the user sends.
	UID string
	// TokenID is the "jti" of the tokens that are revoked, whoever issued them. If all
	// tokens of a session have the same, that is how to sign out one device.
	TokenID string
	// IssuedBefore is until when the tokens were issued, by their "iat". Those without an
	// "iat" count as issued before. With a UID it defaults to now, so that the user can
	// connect with a new token; alone it revokes the tokens of everybody. It is at most 5
	// minutes ahead: as far as an issuer's clock may be, whose tokens would seem newer.
	// An "iat" in whole seconds, which most libraries write, is earlier than the token:
	// one of the same second counts as issued before.
	IssuedBefore time.Time
	// Until is when the last of these tokens expires. Defaults to now and
	// [Options.MaxTokenLifetime], and is required if that is 0 and there are keys. A token
	// that expires later is good again then.
	Until time.Time
}

// Revoke ends what such tokens have begun, and has them refused from now on, on all
// nodes: connections that were made with one are closed with 1008, and subscriptions
// with a subscribe token end. It returns how many connections and subscriptions that
// are. What is left is not undone: messages, entries, metadata and schedules stay.
//
// When it returns without error, every node refuses these tokens, and does nothing more
// that the clients of these connections ask for. Connections end at once, but for those
// beyond the first 100 of a node, which end within 5 s and receive until then. If the
// error, an [*Error], says that some nodes did not answer, the revocation is kept, those
// learn it when they hear from the store, and the count is that of the others; repeat it
// to be sure. With any other error, nothing is revoked: [CodeUnavailable] if the store is
// away, and [CodeRateLimited] if 20,000 revocations are remembered already. One that
// revokes more, such as everybody's tokens, replaces those that it includes.
//
// With [Options.Authenticate], which is asked each time, it ends the connections of a
// user, or those with a [Claims.ID], and keeps nobody from connecting whom Authenticate
// lets in: unless the claims have the ID, or an IssuedAt that is earlier.
//
// A store in memory forgets revocations with the process.
func (h *Handler) Revoke(ctx context.Context, q Revocation) (int, error) {
	r, err := q.check(&h.opts, time.Now())
	if err != nil {
		return 0, err
	}
	n, err := h.revoker.revoke(ctx, r)
	return n, hostError(err)
}

// check returns what the store keeps of it.
func (q *Revocation) check(o *Options, now time.Time) (*revocation, error) {
	var name revocationName
	before := q.IssuedBefore
	switch {
	case q.TokenID != "":
		if q.UID != "" || !before.IsZero() {
			return nil, refuseBecause(CodeInvalidRequest, "a token's id goes with neither a user nor a time of issue")
		}
		if len(q.TokenID) > protocol.MaxToken || !utf8.ValidString(q.TokenID) {
			return nil, refuseBecause(CodeInvalidRequest, "the token's id is longer than a token, or not UTF-8")
		}
		name = newRevocationName(revokedToken, q.TokenID)
	case q.UID != "":
		if err := validateUID(q.UID); err != nil {
			return nil, err
		}
		if before.IsZero() {
			before = now
		}
		name = newRevocationName(revokedUser, q.UID)
	case before.IsZero():
		return nil, refuseBecause(CodeInvalidRequest, "a user, a token's id or a time of issue is needed")
	default:
		name = newRevocationName(revokedAll, "")
	}
	if before.After(now.Add(maxClockSkew)) || !before.IsZero() && before.Unix() < 0 {
		return nil, refuseBecause(CodeInvalidRequest, fmt.Sprintf("the time of issue must be in the years from 1970 on, and at most %v ahead", maxClockSkew))
	}
	until := q.Until
	if until.IsZero() {
		if o.MaxTokenLifetime == 0 && (len(o.Keys) > 0 || o.KeyLookup != nil) {
			return nil, refuseBecause(CodeInvalidRequest, "it must say until when the last of these tokens expires, because Options.MaxTokenLifetime is not set")
		}
		until = now.Add(o.MaxTokenLifetime)
	}
	if until.Before(now) || until.After(now.Add(protocol.MaxStore*time.Second)) {
		return nil, refuseBecause(CodeInvalidRequest, "the tokens must expire after now, and within a hundred years")
	}
	r := &revocation{revocationName: name}
	if !before.IsZero() {
		r.before = before.UnixMicro()
	}
	// A node that was cut off for long must learn it, too: what was begun with the last
	// token can go on for that long.
	r.until = until.Add(o.ClockSkew+o.MaxConnectionDuration).Unix() + 1
	return r, nil
}
