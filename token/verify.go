package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of [Verifier.Verify] that callers tell apart. None of them is for clients.
var (
	// ErrInvalid means that the token is malformed, wrongly signed, expired, for
	// another scope, or similar.
	ErrInvalid = errors.New("invalid token")
	// ErrNotYetValid means that the token is genuine, but valid only from its
	// "nbf" or "iat" on.
	ErrNotYetValid = errors.New("token not valid yet")
	// ErrKeyLookup means that the KeyLookup failed, so the token could not be
	// verified.
	ErrKeyLookup = errors.New("key lookup failed")
)

// VerifierOptions say which tokens a [Verifier] accepts. Only a key is needed.
type VerifierOptions struct {
	// Keys verify tokens. They are copied.
	Keys []Key
	// KeyLookup returns more keys, for tokens that none of Keys verifies. It gets
	// the token's "kid", and the name of its algorithm. It is called once more if
	// no key that it returned verifies the token; see [LookupRepeated]. It must be
	// safe for concurrent use. An error means that the lookup failed, and says
	// nothing about the token.
	KeyLookup func(ctx context.Context, id, algorithm string) ([]Key, error)
	// Audience and Issuer, if not "", must be in every token.
	Audience string
	Issuer   string
	// ClockSkew is how far the issuer's clock may be off. Defaults to 0.
	ClockSkew time.Duration
	// MaxLifetime is how far in the future a token may expire. Defaults to 0, for any
	// time.
	MaxLifetime time.Duration
}

// A Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	o    VerifierOptions
	macs []*sync.Pool // of each of the keys, nil for those that are no secrets
	// signed is the header of the token that was verified last: an issuer's are all the
	// same.
	signed atomic.Pointer[signedHeader]
}

// NewVerifier refuses keys that do not fit their algorithm. The error names each.
func NewVerifier(o VerifierOptions) (*Verifier, error) {
	o.Keys = slices.Clone(o.Keys)
	var errs []error
	for i, k := range o.Keys {
		if err := k.check(); err != nil {
			errs = append(errs, fmt.Errorf("Keys[%d]: %w", i, err)) //nolint:staticcheck // the name of a field
		}
		o.Keys[i].Secret = slices.Clone(k.Secret)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	v := &Verifier{o: o}
	for _, k := range o.Keys {
		v.macs = append(v.macs, newMACs(k))
	}
	return v, nil
}

// Verify returns the claims of a token that is genuine and well-formed, and can be
// used now for the scope (one). It does not know whether a single-use token was
// used before.
//
// The error wraps [ErrInvalid], [ErrNotYetValid] or [ErrKeyLookup], and says what
// is wrong. It is for logs: it never contains the token, and clients must not see
// it.
func (v *Verifier) Verify(ctx context.Context, token string, scope Scope) (Claims, error) {
	payload, err := v.open(ctx, token)
	if err != nil {
		return Claims{}, err
	}
	// Nothing of the payload is looked at before its signature has been
	// verified.
	var c Claims
	if err := decodeClaims(payload, &c); err != nil {
		return Claims{}, invalid("claims: %w", err)
	}
	if err := v.checkUse(&c, scope); err != nil {
		return Claims{}, err
	}
	if err := c.Validate(); err != nil {
		return Claims{}, invalid("claims: %w", err)
	}
	return c, nil
}

// checkUse checks that a token with the claims is meant for the server, and can be used now.
func (v *Verifier) checkUse(c *Claims, scope Scope) error {
	now := time.Now()
	switch {
	case c.Expires.IsZero():
		return invalid("no exp")
	case c.Scope&scope == 0:
		return invalid("scope is %q, not %q", c.Scope, scope)
	case v.o.Audience != "" && !slices.Contains(c.Audience, v.o.Audience):
		return invalid("aud does not have %q", v.o.Audience)
	case v.o.Issuer != "" && c.Issuer != v.o.Issuer:
		return invalid("iss is not %q", v.o.Issuer)
	case !now.Add(-v.o.ClockSkew).Before(c.Expires):
		return invalid("expired at %v", c.Expires)
	case v.o.MaxLifetime > 0 && c.Expires.After(now.Add(v.o.MaxLifetime+v.o.ClockSkew)):
		return invalid("expires at %v, which is more than %v away", c.Expires, v.o.MaxLifetime)
	case now.Add(v.o.ClockSkew).Before(c.NotBefore):
		return fmt.Errorf("%w: only from %v", ErrNotYetValid, c.NotBefore)
	case now.Add(v.o.ClockSkew).Before(c.IssuedAt):
		return fmt.Errorf("%w: issued at %v, so the issuer's clock is ahead", ErrNotYetValid, c.IssuedAt)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}
