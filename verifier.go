package hotsock

import (
	"context"
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/token"
)

// A verifier turns tokens into grants. It is safe for concurrent use.
type verifier struct {
	tokens   *token.Verifier
	skew     time.Duration // how far the issuer's clock may be off
	compiler *pattern.Compiler
	maxUMD   int // bytes
}

// newVerifier refuses keys that do not fit their algorithm.
func newVerifier(o *Options) (*verifier, error) {
	tokens, err := token.NewVerifier(token.VerifierOptions{
		Keys: o.Keys, KeyLookup: o.KeyLookup, Audience: o.Audience, Issuer: o.Issuer, ClockSkew: o.ClockSkew,
	})
	if err != nil {
		return nil, fmt.Errorf("hotsock: Options.%w", err)
	}
	return &verifier{tokens: tokens, skew: o.ClockSkew, compiler: pattern.NewCompiler(), maxUMD: o.MaxMetadataSize}, nil
}

// verify returns the grant of a token that can be used now and for the scope
// (one). The errors are for logs: they never contain the token, and clients must
// not be shown them.
func (v *verifier) verify(ctx context.Context, text string, scope Scope) (*grant, error) {
	c, err := v.tokens.Verify(ctx, text, scope)
	if err != nil {
		return nil, err
	}
	g, err := compileClaims(&c, v.compiler, v.maxUMD)
	if err != nil {
		return nil, invalidToken("claims: %w", err)
	}
	if g.once != nil {
		g.once.until = g.once.until.Add(v.skew) // as long as it is accepted
	}
	return g, nil
}

// compile does the same for claims that the host's own authentication returned:
// they need no scope and no times.
func (v *verifier) compile(c *Claims) (*grant, error) {
	err := c.Validate()
	if err == nil {
		var g *grant
		if g, err = compileClaims(c, v.compiler, v.maxUMD); err == nil {
			return g, nil
		}
	}
	return nil, invalidToken("claims: %w", err)
}

// invalidToken is an error that wraps [token.ErrInvalid].
func invalidToken(format string, args ...any) error {
	return fmt.Errorf("%w: %w", token.ErrInvalid, fmt.Errorf(format, args...))
}
