package hotsock

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// Package token knows no stores, and what claims say is passed on to them.
func TestForeverIsTheSame(t *testing.T) {
	if token.Forever != store.Forever {
		t.Errorf("token.Forever is %d, store.Forever %d", token.Forever, store.Forever)
	}
}

// What the root passes on to package token arrives there.
func TestFunctionsOfPackageToken(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, der []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	signing, err := ParseSigningKey(EdDSA, "k", text("PRIVATE KEY", der, err))
	if err != nil || signing.ID != "k" {
		t.Errorf("ParseSigningKey: %+v, %v", signing, err)
	}
	der, err = x509.MarshalPKIXPublicKey(public)
	key, err := ParseKey(EdDSA, "k", text("PUBLIC KEY", der, err))
	if err != nil || key.ID != "k" {
		t.Errorf("ParseKey: %+v, %v", key, err)
	}
	if LookupRepeated(t.Context()) {
		t.Error("LookupRepeated: outside of a lookup")
	}
}
