package hotsock

import (
	"crypto"
	"errors"
)

// A SigningKey signs tokens.
type SigningKey struct {
	Algorithm Algorithm
	// ID, if not "", becomes the "kid" of the tokens.
	ID string
	// Secret is the key of the HS algorithms, and only theirs.
	Secret []byte
	// Private is the key of the other algorithms: *rsa.PrivateKey,
	// *ecdsa.PrivateKey or ed25519.PrivateKey.
	Private crypto.Signer
}

// Key returns the key that verifies what k signs, for Options.Keys.
func (k SigningKey) Key() Key {
	key := Key{Algorithm: k.Algorithm, ID: k.ID, Secret: k.Secret}
	if k.Private != nil {
		key.Public = k.Private.Public()
	}
	return key
}

// SignToken mints a token.
func SignToken(c Claims, k SigningKey) (string, error) {
	return "", errors.New("hotsock: not yet written")
}
