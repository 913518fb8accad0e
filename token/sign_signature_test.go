package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A remote is a key that is somewhere else: it shows nothing but its public part.
type remote struct {
	key    crypto.Signer
	change func(signature []byte) ([]byte, error) // nil for none
	called int
}

func (r *remote) Public() crypto.PublicKey { return r.key.Public() }

func (r *remote) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	r.called++
	signature, err := r.key.Sign(random, digest, o)
	if err == nil && r.change != nil {
		return r.change(signature)
	}
	return signature, err
}

func someClaims() Claims {
	return Claims{Scope: ScopeConnect, Expires: time.Now().Add(time.Hour), UID: "Jim"}
}

// Tokens of all algorithms can be signed by a key that never leaves a KMS. The JWT
// library is the oracle; signatures of ECDSA have zeros in front now and then.
func TestSignRemotely(t *testing.T) {
	for a, k := range tokenKeys() {
		if k.Private == nil {
			continue
		}
		r := &remote{key: k.Private}
		k.Private = r
		v := tokenVerifier(t, VerifierOptions{Keys: []Key{k.Key()}})
		for range 20 {
			token, err := Sign(someClaims(), k)
			if err != nil {
				t.Fatalf("%s: %v", a, err)
			}
			_, err = jwt.Parse(token, func(*jwt.Token) (any, error) { return r.key.Public(), nil })
			if err != nil {
				t.Errorf("%s: the library: %v", a, err)
			}
			if _, err := v.Verify(t.Context(), token, ScopeConnect); err != nil {
				t.Errorf("%s: %v", a, err)
			}
		}
		if r.called != 20 {
			t.Errorf("%s: asked %d times for 20 signatures", a, r.called)
		}
	}
}

func TestSignRemotelyFails(t *testing.T) {
	numbers := func(r, s *big.Int) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) { return asn1.Marshal(struct{ R, S *big.Int }{r, s}) }
	}
	long := new(big.Int).Lsh(big.NewInt(1), 256)
	away := errors.New("the KMS is away")
	for _, test := range []struct {
		change    func([]byte) ([]byte, error)
		want, why string
	}{
		{func([]byte) ([]byte, error) { return nil, away }, "the KMS is away", "it cannot be asked"},
		{func([]byte) ([]byte, error) { return make([]byte, 64), nil }, "not the ASN.1", "in the form of JOSE already"},
		{func(b []byte) ([]byte, error) { return append(b, 0), nil }, "not the ASN.1", "with something behind it"},
		{func([]byte) ([]byte, error) { return nil, nil }, "not the ASN.1", "nothing"},
		{numbers(long, big.NewInt(1)), "too long", "of a longer curve"},
		{numbers(big.NewInt(1), big.NewInt(-1)), "too long", "negative"},
		{numbers(big.NewInt(1), big.NewInt(0)), "too long", "zero"},
		{numbers(big.NewInt(1), big.NewInt(1)), "does not fit the public key", "of another key"},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k := SigningKey{Algorithm: ES256, Private: &remote{key: key, change: test.change}}
		if token, err := Sign(someClaims(), k); err == nil || !strings.Contains(err.Error(), test.want) || token != "" {
			t.Errorf("%s: %q, %v; want %q", test.why, token, err, test.want)
		}
	}
	k := SigningKey{Algorithm: ES256, Private: &remote{key: tokenKeys()[ES256].Private, change: func([]byte) ([]byte, error) { return nil, away }}}
	if _, err := Sign(someClaims(), k); !errors.Is(err, away) {
		t.Errorf("the error of the signer is lost: %v", err)
	}
}
