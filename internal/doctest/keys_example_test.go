package doctest

// docs/tokens.md shows parts of this file; TestGuideCode compares them.

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock"
)

func Example_rotate() {
	before := hotsock.SigningKey{Algorithm: hotsock.HS256, ID: "2026-10", Secret: []byte("thirty-two bytes of random, once")}
	now := hotsock.SigningKey{Algorithm: hotsock.HS256, ID: "2026-11", Secret: []byte("and thirty-two others, for later")}

	// 1. All nodes know both keys. 2. The app signs with the new one.
	// 3. When the last token of the old one has expired, it goes.
	rt, err := hotsock.New(hotsock.Options{
		Keys: []hotsock.Key{now.Key(), before.Key()},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	for _, k := range []hotsock.SigningKey{before, now} {
		token, err := hotsock.SignToken(guest(), k)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(allowed(rt, token))
	}
	// Output:
	// true
	// true
}

func Example_rotateWithoutRestart() {
	before := hotsock.SigningKey{Algorithm: hotsock.HS256, ID: "2026-10", Secret: []byte("thirty-two bytes of random, once")}
	now := hotsock.SigningKey{Algorithm: hotsock.HS256, ID: "2026-11", Secret: []byte("and thirty-two others, for later")}
	var apiKeys apiKeyTable

	// keys has all that are valid now; the app stores others when it rotates.
	var keys atomic.Pointer[[]hotsock.Key]
	keys.Store(&[]hotsock.Key{before.Key()})
	rt, err := hotsock.New(hotsock.Options{
		KeyLookup: func(context.Context, string, string) ([]hotsock.Key, error) { return *keys.Load(), nil },
		// API keys are random: who finds one by its hash learns nothing from the time that it takes.
		CheckAPIKey: func(ctx context.Context, key string) (bool, error) {
			return apiKeys.has(ctx, sha256.Sum256([]byte(key)))
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	keys.Store(&[]hotsock.Key{now.Key()})
	for _, k := range []hotsock.SigningKey{before, now} {
		token, err := hotsock.SignToken(guest(), k)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(allowed(rt, token))
	}
	for _, key := range []string{"wrong", "right"} {
		apiKeys = append(apiKeys, sha256.Sum256([]byte("right")))
		r := httptest.NewRequest(http.MethodGet, "/rt/channels/room", nil)
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, r)
		fmt.Println(key, w.Code)
	}
	// Output:
	// false
	// true
	// wrong 401
	// right 200
}

// An apiKeyTable takes the place of one in a database.
type apiKeyTable [][sha256.Size]byte

func (t apiKeyTable) has(_ context.Context, hash [sha256.Size]byte) (bool, error) {
	return slices.Contains(t, hash), nil
}

// A kmsKey signs with a key that never leaves the KMS. It is a crypto.Signer.
type kmsKey struct {
	kms    kms
	id     string
	public crypto.PublicKey // read once, at the start
}

func (k *kmsKey) Public() crypto.PublicKey { return k.public }

func (k *kmsKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return k.kms.Sign(ctx, k.id, digest) // ECDSA signatures as ASN.1, as KMSs have them
}

func Example_kms() {
	kms := newFakeKMS()
	key := hotsock.SigningKey{
		Algorithm: hotsock.ES256,
		ID:        "alias/tokens",
		Private:   &kmsKey{kms, "alias/tokens", kms.public()},
	}

	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	token, err := hotsock.SignToken(guest(), key)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(allowed(rt, token))
	// Output: true
}

// A fakeKMS takes the place of one over the network.
type fakeKMS struct{ key *ecdsa.PrivateKey }

type kms interface {
	Sign(ctx context.Context, id string, digest []byte) ([]byte, error)
}

func newFakeKMS() *fakeKMS {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	return &fakeKMS{key}
}

func (k *fakeKMS) public() crypto.PublicKey { return k.key.Public() }

func (k *fakeKMS) Sign(_ context.Context, _ string, digest []byte) ([]byte, error) {
	return k.key.Sign(rand.Reader, digest, crypto.SHA256)
}

func Example_once() {
	claims := hotsock.Claims{
		Scope:     hotsock.ScopeConnect,
		Expires:   time.Now().Add(30 * time.Second),
		SingleUse: true, // SignToken makes up the "jti"
		UID:       "jim",
		Channels:  inbox("jim"),
	}

	token, err := hotsock.SignToken(claims, key)
	fmt.Println(token != "", err)
	// Output: true <nil>
}

// allowed returns whether a client can connect with the token.
func allowed(rt *hotsock.Handler, token string) bool {
	e, err := rt.Explain(context.Background(), hotsock.ExplainRequest{Action: hotsock.ActionConnect, Token: token})
	return err == nil && e.Allowed
}
