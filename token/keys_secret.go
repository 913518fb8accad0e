package token

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// checkSecret refuses a secret that can be guessed, and one that is not secret.
// The length is that of the hash (RFC 7518, section 3.2).
func checkSecret(secret []byte, length int) error {
	switch {
	case isKeyFile(secret):
		// Whoever has the public key could sign.
		return errors.New("the secret is a public or private key of another algorithm, as PEM, DER or JWK")
	case len(secret) < length:
		return fmt.Errorf("the secret has %d bytes, and must have at least %d: make one with \"openssl rand -base64 %[2]d\"",
			len(secret), length)
	}
	return nil
}

// isKeyFile reports whether a secret is the text or the bytes of a key that is
// no secret, or not meant as one.
func isKeyFile(secret []byte) bool {
	secret = bytes.TrimSpace(secret)
	if bytes.Contains(secret, []byte("-----BEGIN ")) || bytes.HasPrefix(secret, []byte("ssh-")) || bytes.HasPrefix(secret, []byte("ecdsa-sha2-")) {
		return true
	}
	var jwk struct {
		Type string            `json:"kty"`
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(secret, &jwk) == nil && (jwk.Type != "" || jwk.Keys != nil) {
		return true
	}
	// PEM is often passed on without its first and last line.
	der, err := base64.StdEncoding.DecodeString(string(secret)) // skips line ends
	return isDER(secret) || err == nil && isDER(der)
}

// isDER reports whether something is a key or a certificate in DER.
func isDER(b []byte) bool {
	const sequence = 0x30
	if len(b) == 0 || b[0] != sequence {
		return false
	}
	for _, parse := range []func([]byte) error{
		func(b []byte) error { _, err := x509.ParsePKIXPublicKey(b); return err },
		func(b []byte) error { _, err := x509.ParsePKCS1PublicKey(b); return err },
		func(b []byte) error { _, err := x509.ParseCertificate(b); return err },
		func(b []byte) error { _, err := x509.ParsePKCS8PrivateKey(b); return err },
		func(b []byte) error { _, err := x509.ParsePKCS1PrivateKey(b); return err },
		func(b []byte) error { _, err := x509.ParseECPrivateKey(b); return err },
	} {
		if parse(b) == nil {
			return true
		}
	}
	return false
}
