package hotsock

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
)

// Errors of verify that callers tell apart. None of them is for clients.
var (
	// errTokenInvalid: malformed, wrongly signed, expired, or for another scope, say.
	errTokenInvalid = errors.New("invalid token")
	// errTokenEarly: genuine, but good only from its "nbf" or "iat" on.
	errTokenEarly = errors.New("token not valid yet")
	// errKeyLookup: the host's KeyLookup failed, so nobody knows.
	errKeyLookup = errors.New("key lookup failed")
)

// verifierConfig is what the host says about tokens.
type verifierConfig struct {
	keys     []Key
	lookup   func(ctx context.Context, id, algorithm string) ([]Key, error)
	audience string
	issuer   string
	skew     time.Duration // how far the issuer's clock may be off
	maxUMD   int           // bytes
}

// A verifier turns tokens into grants. It is safe for concurrent use.
type verifier struct {
	verifierConfig
	compiler *pattern.Compiler
}

// newVerifier refuses keys that do not fit their algorithm.
func newVerifier(c verifierConfig) (*verifier, error) {
	c.keys = slices.Clone(c.keys)
	var errs []error
	for i, k := range c.keys {
		if err := k.check(); err != nil {
			errs = append(errs, fmt.Errorf("hotsock: Options.Keys[%d]: %w", i, err))
		}
		c.keys[i].Secret = slices.Clone(k.Secret)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &verifier{verifierConfig: c, compiler: pattern.NewCompiler()}, nil
}

// verify checks that the token is genuine, can be used now and for the scope
// (one), and is well-formed. The errors are for logs: they never contain the
// token, and clients must not be shown them.
func (v *verifier) verify(ctx context.Context, token string, scope Scope) (*grant, error) {
	payload, err := v.open(ctx, token)
	if err != nil {
		return nil, err
	}
	// Nothing of the payload is looked at before its signature has been
	// verified.
	var c Claims
	if err := decodeClaims(payload, &c); err != nil {
		return nil, invalidToken("claims: %w", err)
	}
	now := time.Now()
	switch {
	case c.Expires.IsZero():
		return nil, invalidToken("no exp")
	case c.Scope&scope == 0:
		return nil, invalidToken("scope is %q, not %q", c.Scope, scope)
	case v.audience != "" && !slices.Contains(c.Audience, v.audience):
		return nil, invalidToken("aud does not have %q", v.audience)
	case v.issuer != "" && c.Issuer != v.issuer:
		return nil, invalidToken("iss is not %q", v.issuer)
	case !now.Add(-v.skew).Before(c.Expires):
		return nil, invalidToken("expired at %v", c.Expires)
	case now.Add(v.skew).Before(c.NotBefore):
		return nil, fmt.Errorf("%w: only from %v", errTokenEarly, c.NotBefore)
	case now.Add(v.skew).Before(c.IssuedAt):
		return nil, fmt.Errorf("%w: issued at %v, so the issuer's clock is ahead", errTokenEarly, c.IssuedAt)
	}
	g, err := v.compile(&c)
	if err == nil && g.once != nil {
		g.once.until = g.once.until.Add(v.skew) // as long as it is accepted
	}
	return g, err
}

// compile does the same for claims that the host's own authentication returned:
// they need no scope and no times.
func (v *verifier) compile(c *Claims) (*grant, error) {
	g, err := compileClaims(c, v.compiler, v.maxUMD)
	if err != nil {
		return nil, invalidToken("claims: %w", err)
	}
	return g, nil
}

func invalidToken(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errTokenInvalid, fmt.Errorf(format, args...))
}

// open returns the payload of a token after its signature has been verified.
func (v *verifier) open(ctx context.Context, token string) ([]byte, error) {
	if len(token) > maxToken {
		return nil, invalidToken("longer than %d bytes", maxToken)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, invalidToken("not three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = decodePart(part); err != nil {
			return nil, invalidToken("part %d is not base64url", i+1)
		}
	}
	header, payload, signature := decoded[0], decoded[1], decoded[2]

	var h tokenHeader
	if err := h.decode(header); err != nil {
		return nil, invalidToken("header: %w", err)
	}
	text := token[:len(token)-len(parts[2])-1]
	if err := v.checkSignature(ctx, &h, text, signature); err != nil {
		return nil, err
	}
	return payload, nil
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

// A tokenHeader says how a token was signed. It is not to be trusted.
type tokenHeader struct {
	algorithm Algorithm
	id        string
	kind      string
}

var (
	errHeader   = errors.New("malformed")
	errCritical = errors.New("has critical extensions")
	errKind     = errors.New("typ is not JWT")
)

func (h *tokenHeader) decode(text []byte) error {
	err := decodeObject(text, func(r claimsReader, name string) error {
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

// checkSignature tries the host's keys, and then those that it looks up.
func (v *verifier) checkSignature(ctx context.Context, h *tokenHeader, text string, signature []byte) error {
	if algorithms[h.algorithm] == nil {
		return invalidToken("unsupported algorithm")
	}
	fits := false
	verifies := func(k Key) bool {
		fits = fits || k.fits(h)
		return k.verifies(h, text, signature)
	}
	if slices.ContainsFunc(v.keys, verifies) {
		return nil
	}
	for v.lookup != nil {
		keys, err := v.lookUp(ctx, h)
		if err != nil {
			return fmt.Errorf("%w: %w", errKeyLookup, err)
		}
		if slices.ContainsFunc(keys, verifies) {
			return nil
		}
		if LookupRepeated(ctx) || !slices.ContainsFunc(keys, func(k Key) bool { return k.fits(h) }) {
			break
		}
		ctx = context.WithValue(ctx, repeated{}, true) //nolint:fatcontext // once
	}
	if !fits {
		// Whoever rotates keys must know which one is missing.
		return invalidToken("there is no %s key for the kid %.64q", h.algorithm, h.id)
	}
	return invalidToken("no key verifies the %s signature", h.algorithm)
}

// repeated is the key of LookupRepeated.
type repeated struct{}

// LookupRepeated reports, to an [Options.KeyLookup], whether it is called once
// more for a token because none of the keys that it returned has signed it. They
// may have been replaced by others of the same id since they were fetched. A
// lookup that cannot know more returns none.
func LookupRepeated(ctx context.Context) bool { return ctx.Value(repeated{}) != nil }

// lookUp asks the host for keys.
func (v *verifier) lookUp(ctx context.Context, h *tokenHeader) (keys []Key, err error) {
	defer func() {
		if p := recover(); p != nil {
			keys, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	keys, err = v.lookup(ctx, h.id, string(h.algorithm.canonical()))
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := k.check(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
