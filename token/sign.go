package token

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// A SigningKey signs tokens. It is safe to print and log: only Algorithm and ID
// are shown.
type SigningKey struct {
	Algorithm Algorithm
	// ID, if not "", becomes the "kid" of the tokens.
	ID string
	// Secret is the key of the HS algorithms, and only theirs; see [Key].
	Secret []byte `json:"-"`
	// Private is the key of the other algorithms: *rsa.PrivateKey,
	// *ecdsa.PrivateKey or ed25519.PrivateKey, which [ParseSigningKey] reads from
	// PEM, or any other crypto.Signer whose public key is of these kinds, such as
	// one that asks a KMS or an HSM. Its Sign has no context: give it a timeout of
	// its own.
	Private crypto.Signer `json:"-"`
}

// Key returns the key that verifies what k signs.
func (k SigningKey) Key() Key {
	key := Key{Algorithm: k.Algorithm, ID: k.ID, Secret: k.Secret}
	if k.Private != nil {
		key.Public = k.Private.Public()
	}
	return key
}

// Format prints no secret, whatever the verb.
func (k SigningKey) Format(f fmt.State, _ rune) { writeKey(f, k.Algorithm, k.ID) }

// LogValue logs no secret.
func (k SigningKey) LogValue() slog.Value { return keyLogValue(k.Algorithm, k.ID) }

// Sign mints a token. It refuses claims with which the token could never be used
// (without Scope or Expires, malformed, or for nobody), and tokens of more than
// 8 KiB. With SingleUse and no ID, it generates a random ID.
//
// It does not know the server's options: the required audience and issuer, and the
// limit for user metadata.
func Sign(c Claims, k SigningKey) (string, error) {
	text, err := sign(c, k)
	if err != nil {
		return "", fmt.Errorf("token: cannot sign: %w", err)
	}
	return text, nil
}

func sign(c Claims, k SigningKey) (string, error) {
	if err := k.Key().check(); err != nil {
		return "", err
	}
	if c.SingleUse && c.ID == "" {
		c.ID = rand.Text()
	}
	for _, check := range []func() error{c.checkUse, c.Validate, c.checkPatterns} {
		if err := check(); err != nil {
			return "", err
		}
	}
	payload, err := c.MarshalJSON()
	if err != nil {
		return "", err
	}
	header, err := marshalHeader(k)
	if err != nil {
		return "", err
	}

	b64 := base64.RawURLEncoding
	text := b64.EncodeToString(header) + "." + b64.EncodeToString(payload)
	signature, err := k.signature(text)
	if err != nil {
		return "", err
	}
	token := text + "." + b64.EncodeToString(signature)
	if len(token) > protocol.MaxToken {
		return "", fmt.Errorf("it would be %d bytes long, more than %d", len(token), protocol.MaxToken)
	}
	return token, nil
}

// checkUse finds why a token with the claims could not be used for anything.
func (c Claims) checkUse() error {
	switch {
	case c.Scope.String() == "":
		return errors.New("no scope")
	case c.Expires.IsZero():
		return errors.New("no expiry")
	case !c.NotBefore.Before(c.Expires):
		return errors.New("it expires before it becomes valid")
	case c.Scope == ScopeConnect && c.ConnectionID != "":
		return errors.New("a token with a connectionId cannot connect")
	case c.Scope&ScopeConnect == 0 && c.ConnectionID == "" && c.UID == "":
		return errors.New("neither connectionId nor uid says for whom it is")
	}
	return nil
}

func marshalHeader(k SigningKey) ([]byte, error) {
	var b bytes.Buffer
	w := writer{enc: jsontext.NewEncoder(&b)}
	w.token(jsontext.BeginObject)
	w.text("alg", string(k.Algorithm))
	w.text("typ", "JWT")
	w.text("kid", k.ID)
	w.token(jsontext.EndObject)
	return bytes.TrimSpace(b.Bytes()), w.err
}
