package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// How the keys of Standard Webhooks begin.
const (
	prefixSecret  = "whsec_"
	prefixPrivate = "whsk_"
	prefixPublic  = "whpk_"
)

// How long a secret is, in bytes, as the scheme asks for.
const (
	minSecret = 24
	maxSecret = 64
)

// A Key signs webhooks, or only verifies them. It is safe to print and log: no
// secret is shown. The zero value is not a key.
type Key struct {
	secret  []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

// ParseKey reads a key of Standard Webhooks: a secret that the receiver knows too
// ("whsec_" and 24 to 64 bytes in base64), an Ed25519 private key ("whsk_",
// 64 bytes, or the 32 of its seed), or the public key for the receiver, which
// can only verify ("whpk_").
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text) // of a file, say
	i := strings.Index(text, "_") + 1
	b, err := base64.StdEncoding.Strict().DecodeString(text[i:])
	if err != nil {
		return Key{}, errors.New("webhook: the key is not base64") // and not what it is instead
	}
	switch prefix := text[:i]; {
	case prefix == prefixSecret && len(b) >= minSecret && len(b) <= maxSecret:
		return Key{secret: b}, nil
	case prefix == prefixPrivate && len(b) == ed25519.SeedSize:
		return privateKey(ed25519.NewKeyFromSeed(b)), nil
	case prefix == prefixPrivate && len(b) == ed25519.PrivateKeySize:
		k := privateKey(ed25519.NewKeyFromSeed(b[:ed25519.SeedSize]))
		if !k.private.Equal(ed25519.PrivateKey(b)) {
			return Key{}, errors.New("webhook: the two halves of the private key do not belong together")
		}
		return k, nil
	case prefix == prefixPublic && len(b) == ed25519.PublicKeySize:
		return Key{public: b}, nil
	case prefix == prefixSecret, prefix == prefixPrivate, prefix == prefixPublic:
		return Key{}, fmt.Errorf("webhook: a %s key of %d bytes", prefix, len(b))
	default:
		return Key{}, errors.New("webhook: the key begins with none of whsec_, whsk_ and whpk_")
	}
}

func privateKey(k ed25519.PrivateKey) Key {
	return Key{private: k, public: k.Public().(ed25519.PublicKey)}
}

// NewSecret returns a new secret, "whsec_" and 32 random bytes, for [ParseKey] on
// both sides.
func NewSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return prefixSecret + base64.StdEncoding.EncodeToString(b)
}

func (k Key) signs() bool { return k.secret != nil || k.private != nil }

// sign returns one signature of the header, of a key that signs.
func (k Key) sign(content []byte) string {
	if k.secret != nil {
		return "v1," + base64.StdEncoding.EncodeToString(k.mac(content))
	}
	return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, content))
}

// verifies reports whether a signature of the header is that of the key.
func (k Key) verifies(content []byte, signature string) bool {
	version, text, ok := strings.Cut(signature, ",")
	if !ok {
		return false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case err != nil:
		return false
	case version == "v1" && k.secret != nil:
		return hmac.Equal(b, k.mac(content))
	case version == "v1a" && k.public != nil:
		return ed25519.Verify(k.public, content, b)
	default:
		return false
	}
}

func (k Key) mac(content []byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	h.Write(content)
	return h.Sum(nil)
}

// kind is all that is shown of a key.
func (k Key) kind() string {
	switch {
	case k.secret != nil:
		return prefixSecret + "…"
	case k.private != nil:
		return prefixPrivate + "…"
	case k.public != nil:
		return prefixPublic + "…"
	default:
		return "no key"
	}
}

// Format prints no secret, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.kind()) }

// LogValue logs no secret.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.kind()) }
