package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"io"
	"log/slog"

	"github.com/golang-jwt/jwt/v5"
)

// An Algorithm is a way of signing tokens, by its JWT name.
type Algorithm string

// The algorithms of tokens. HS needs a secret that signs and verifies, the
// others a pair of keys: RS and PS of RSA, ES of ECDSA (P-256, P-384 and P-521),
// EdDSA of Ed25519. Ed25519 is another name of EdDSA (RFC 9864): a key with the
// one verifies tokens with either.
const (
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	EdDSA Algorithm = "EdDSA"

	Ed25519 Algorithm = "Ed25519"
)

// algorithms is a table, never written to.
var algorithms = map[Algorithm]jwt.SigningMethod{
	HS256: jwt.SigningMethodHS256,
	HS384: jwt.SigningMethodHS384,
	HS512: jwt.SigningMethodHS512,
	RS256: jwt.SigningMethodRS256,
	RS384: jwt.SigningMethodRS384,
	RS512: jwt.SigningMethodRS512,
	PS256: jwt.SigningMethodPS256,
	PS384: jwt.SigningMethodPS384,
	PS512: jwt.SigningMethodPS512,
	ES256: jwt.SigningMethodES256,
	ES384: jwt.SigningMethodES384,
	ES512: jwt.SigningMethodES512,
	EdDSA: jwt.SigningMethodEdDSA,

	Ed25519: jwt.SigningMethodEdDSA,
}

// canonical is the older of two names.
func (a Algorithm) canonical() Algorithm {
	if a == Ed25519 {
		return EdDSA
	}
	return a
}

// minRSABits is what RFC 7518 asks for.
const minRSABits = 2048

// A Key verifies tokens that were signed with one algorithm, and never those of
// another. It is safe to print and log: only Algorithm and ID are shown.
type Key struct {
	Algorithm Algorithm
	// ID, if not "", must be the "kid" of every token that this key verifies.
	// If it is "", any "kid" is accepted.
	ID string
	// Secret is the key of the HS algorithms, and only theirs. It must be random,
	// and at least as long as the hash: 32 bytes for HS256, 48 for HS384, 64 for
	// HS512.
	Secret []byte `json:"-"`
	// Public is the key of the other algorithms: *rsa.PublicKey with at least
	// 2048 bits, *ecdsa.PublicKey on the algorithm's curve, or
	// ed25519.PublicKey. [ParseKey] reads it from PEM.
	Public crypto.PublicKey `json:"-"`
}

// check refuses a key that does not fit its algorithm, and one that is no key.
func (k Key) check() error {
	method := algorithms[k.Algorithm]
	_, hmac := method.(*jwt.SigningMethodHMAC)
	switch {
	case method == nil:
		return fmt.Errorf("algorithm %q is not supported", string(k.Algorithm))
	case hmac && k.Public != nil, !hmac && k.Secret != nil:
		return fmt.Errorf("%s: wrong kind of key", k.Algorithm)
	}
	switch m := method.(type) {
	case *jwt.SigningMethodHMAC:
		if err := checkSecret(k.Secret, m.Hash.Size()); err != nil {
			return fmt.Errorf("%s: %w", k.Algorithm, err)
		}
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		key, ok := k.Public.(*rsa.PublicKey)
		if !ok || key == nil || key.N == nil {
			return fmt.Errorf("%s: needs an *rsa.PublicKey", k.Algorithm)
		}
		if key.N.BitLen() < minRSABits {
			return fmt.Errorf("%s: the key has less than %d bits", k.Algorithm, minRSABits)
		}
	case *jwt.SigningMethodECDSA:
		key, ok := k.Public.(*ecdsa.PublicKey)
		if !ok || key == nil || key.Curve == nil {
			return fmt.Errorf("%s: needs an *ecdsa.PublicKey", k.Algorithm)
		}
		if key.Curve.Params().BitSize != m.CurveBits {
			return fmt.Errorf("%s: the key is on another curve", k.Algorithm)
		}
		if _, err := key.ECDH(); err != nil {
			return fmt.Errorf("%s: the key is not on its curve", k.Algorithm)
		}
	case *jwt.SigningMethodEd25519:
		if key, ok := k.Public.(ed25519.PublicKey); !ok || len(key) != ed25519.PublicKeySize {
			return fmt.Errorf("%s: needs an ed25519.PublicKey", k.Algorithm)
		}
	}
	return nil
}

// signed reports whether k signed the text. The key has been checked.
func (k Key) signed(text string, signature []byte) bool {
	var key any = k.Public
	if k.Public == nil {
		key = k.Secret
	}
	return algorithms[k.Algorithm].Verify(text, signature, key) == nil
}

// fits reports whether a token with that header may be signed with k.
func (k Key) fits(h *header) bool {
	return k.Algorithm.canonical() == h.algorithm.canonical() && (k.ID == "" || k.ID == h.id)
}

// Format prints no secret, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { writeKey(f, k.Algorithm, k.ID) }

// LogValue logs no secret.
func (k Key) LogValue() slog.Value { return keyLogValue(k.Algorithm, k.ID) }

func writeKey(w io.Writer, a Algorithm, id string) {
	fmt.Fprintf(w, "{%s %q}", string(a), id)
}

func keyLogValue(a Algorithm, id string) slog.Value {
	return slog.GroupValue(slog.String("algorithm", string(a)), slog.String("id", id))
}
