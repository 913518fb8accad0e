package permission

import (
	"context"
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/token"
)

// A Verifier turns tokens into grants. Its errors are those of a
// [token.Verifier], and like them not for clients. It is safe for concurrent use.
type Verifier struct {
	tokens   *token.Verifier
	skew     time.Duration // how far the issuer's clock may be off
	maxUMD   int           // bytes
	compiler *pattern.Compiler
	// Revoked reports whether a token of a user, with an id and a time of issue, is good
	// for nothing any more. It is set before the verifier is used, or nil.
	Revoked func(uid, id string, issued time.Time) bool
}

// ErrRevoked is the error of such a token. It wraps [token.ErrInvalid].
var ErrRevoked = fmt.Errorf("%w: it was revoked", token.ErrInvalid)

// NewVerifier returns a verifier that takes so many bytes of metadata. The error
// is that of [token.NewVerifier].
func NewVerifier(o token.VerifierOptions, maxUMD int) (*Verifier, error) {
	tokens, err := token.NewVerifier(o)
	if err != nil {
		return nil, err
	}
	return &Verifier{tokens: tokens, skew: o.ClockSkew, maxUMD: maxUMD, compiler: pattern.NewCompiler()}, nil
}

// VerifyConnect returns the grant of a connect token.
func (v *Verifier) VerifyConnect(ctx context.Context, text string) (*Grant, error) {
	g, err := v.Verify(ctx, text, token.ScopeConnect)
	if err != nil {
		return nil, err
	}
	return g, g.CheckConnect()
}

// VerifyFor returns the grant of a subscribe or umd token that a connection's
// client sent.
func (v *Verifier) VerifyFor(ctx context.Context, id, uid, text string, scope token.Scope) (*Grant, error) {
	g, err := v.Verify(ctx, text, scope)
	if err != nil {
		return nil, err
	}
	return g, v.CheckFor(g, id, uid)
}

// CheckFor refuses a subscribe or umd token that is not meant for a connection, as
// [Grant.CheckConnection] does, or that is revoked because it is the connection's user's.
func (v *Verifier) CheckFor(g *Grant, id, uid string) error {
	if err := g.CheckConnection(id, uid); err != nil {
		return err
	}
	if g.UID == "" && v.isRevoked(uid, g.TokenID, g.IssuedAt) {
		return ErrRevoked
	}
	return nil
}

func (v *Verifier) isRevoked(uid, id string, issued time.Time) bool {
	return v.Revoked != nil && v.Revoked(uid, id, issued)
}

// Verify returns the grant of a token that can be used now and for the scope
// (one).
func (v *Verifier) Verify(ctx context.Context, text string, scope token.Scope) (*Grant, error) {
	c, err := v.tokens.Verify(ctx, text, scope)
	if err != nil {
		return nil, err
	}
	if v.isRevoked(c.UID, c.ID, c.IssuedAt) {
		return nil, ErrRevoked
	}
	g, err := compile(&c, v.compiler, v.maxUMD)
	if err != nil {
		return nil, invalid("claims: %w", err)
	}
	if g.SingleUse != nil {
		g.SingleUse.Until = g.SingleUse.Until.Add(v.skew) // as long as it is accepted
	}
	return g, nil
}

// Compile does the same for claims that the host's own authentication returned:
// they need no scope and no times.
func (v *Verifier) Compile(c *token.Claims) (*Grant, error) {
	err := c.Validate()
	if err == nil {
		var g *Grant
		if g, err = compile(c, v.compiler, v.maxUMD); err == nil {
			return g, nil
		}
	}
	return nil, invalid("claims: %w", err)
}
