package hotsock

import (
	"crypto"
)

// An Algorithm is a way of signing tokens, by its JWT name.
type Algorithm string

// The algorithms of tokens.
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
)

// A Key verifies tokens that were signed with one algorithm.
type Key struct {
	Algorithm Algorithm
	// ID, if not "", must be the "kid" of every token that this key verifies.
	ID string
	// Secret is the key of the HS algorithms, and only theirs.
	Secret []byte
	// Public is the key of the other algorithms: *rsa.PublicKey,
	// *ecdsa.PublicKey or ed25519.PublicKey.
	Public crypto.PublicKey
}
