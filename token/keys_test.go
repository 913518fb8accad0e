package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
)

// tokenPublic returns a public key for an algorithm.
func tokenPublic(a Algorithm) crypto.PublicKey { return tokenKeys()[a].Private.Public() }

func TestTokenKeysAreChecked(t *testing.T) {
	//nolint:staticcheck // A host that sets coordinates is who makes such a key.
	offCurve := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	p256 := tokenPublic(ES256).(*ecdsa.PublicKey)
	rsaPEM := tokenPEM(t, "PUBLIC KEY", func() ([]byte, error) { return x509.MarshalPKIXPublicKey(tokenPublic(RS256)) })
	rsaDER, err := x509.MarshalPKIXPublicKey(tokenPublic(RS256))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		key       Key
		want, why string
	}{
		{Key{Secret: tokenSecret}, `algorithm "" is not supported`, "no algorithm"},
		{Key{Algorithm: "none"}, `algorithm "none" is not supported`, "none, never"},
		{Key{Algorithm: "hs256", Secret: tokenSecret}, `algorithm "hs256" is not supported`, "the case matters"},
		{Key{Algorithm: HS256}, "the secret has 0 bytes", "anybody could sign"},
		{Key{Algorithm: HS256, Secret: []byte{}}, "the secret has 0 bytes", "anybody could sign"},
		{Key{Algorithm: HS256, Secret: []byte("s")}, `the secret has 1 bytes, and must have at least 32: make one with "openssl rand -base64 32"`, "guessed at once"},
		{Key{Algorithm: HS256, Secret: tokenSecret[:31]}, "at least 32", "a byte too short"},
		{Key{Algorithm: HS384, Secret: tokenSecret[:47]}, "at least 48", "a byte too short"},
		{Key{Algorithm: HS512, Secret: tokenSecret[:63]}, "at least 64", "a byte too short"},
		{Key{Algorithm: HS256, Secret: rsaPEM}, "the secret is a public or private key", "whoever has the public key could sign"},
		{Key{Algorithm: HS256, Secret: rsaDER}, "the secret is a public or private key", "the same in DER"},
		{Key{Algorithm: HS256, Secret: base64.StdEncoding.AppendEncode(nil, rsaDER)}, "the secret is a public or private key", "PEM without its first and last line"},
		{Key{Algorithm: HS256, Secret: x509.MarshalPKCS1PublicKey(tokenPublic(RS256).(*rsa.PublicKey))}, "the secret is a public or private key", "PKCS #1"},
		{Key{Algorithm: HS512, Secret: []byte(`{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("A", 64) + `"}`)}, "the secret is a public or private key", "a JWK"},
		{Key{Algorithm: HS256, Secret: []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGk5yQzX me@here")}, "the secret is a public or private key", "a key for ssh"},
		{Key{Algorithm: HS256, Secret: tokenSecret, Public: p256}, "wrong kind of key", "both"},
		{Key{Algorithm: HS256, Public: p256}, "wrong kind of key", "a public key"},
		{Key{Algorithm: RS256, Secret: rsaPEM}, "wrong kind of key", "PEM where the key should be"},
		{Key{Algorithm: RS256}, "needs an *rsa.PublicKey", "none"},
		{Key{Algorithm: RS256, Public: (*rsa.PublicKey)(nil)}, "needs an *rsa.PublicKey", "nil"},
		{Key{Algorithm: RS256, Public: &rsa.PublicKey{}}, "needs an *rsa.PublicKey", "empty"},
		{Key{Algorithm: PS256, Public: p256}, "needs an *rsa.PublicKey", "another algorithm's"},
		{Key{Algorithm: PS512, Public: &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2046), E: 65537}}, "less than 2048 bits", "too short"},
		{Key{Algorithm: ES256, Public: *p256}, "needs an *ecdsa.PublicKey", "no pointer"},
		{Key{Algorithm: ES256, Public: (*ecdsa.PublicKey)(nil)}, "needs an *ecdsa.PublicKey", "nil"},
		{Key{Algorithm: ES256, Public: &ecdsa.PublicKey{}}, "needs an *ecdsa.PublicKey", "empty"},
		{Key{Algorithm: ES384, Public: p256}, "on another curve", "another algorithm's"},
		{Key{Algorithm: ES256, Public: offCurve}, "not on its curve", "no point of the curve"},
		{Key{Algorithm: EdDSA, Public: ed25519.PublicKey("short")}, "needs an ed25519.PublicKey", "too short"},
		{Key{Algorithm: EdDSA, Public: tokenKeys()[EdDSA].Private}, "needs an ed25519.PublicKey", "the private one"},
	} {
		_, err := NewVerifier(VerifierOptions{Keys: []Key{tokenHS256.Key(), test.key}})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "Keys[1]: ") {
			t.Errorf("%v (%s): error %v, want one with %q", test.key, test.why, err, test.want)
		}
		if _, err := Sign(Claims{}, SigningKey{Algorithm: test.key.Algorithm, Secret: test.key.Secret}); err == nil {
			t.Errorf("%v (%s): signs", test.key, test.why)
		}
	}
}

func TestTokenKeysAreCopied(t *testing.T) {
	keys := []Key{{Algorithm: HS256, Secret: bytes.Clone(tokenSecret)}}
	v := tokenVerifier(t, VerifierOptions{Keys: keys})
	token := tokenSign(t, Claims{}, tokenHS256)
	clear(keys[0].Secret)
	clear(keys)
	if _, err := v.Verify(t.Context(), token, ScopeConnect); err != nil {
		t.Errorf("the verifier's keys change with the host's: %v", err)
	}
}

func TestTokenKeysPrintNoSecret(t *testing.T) {
	secret := []byte("correct horse battery staple, and so on")
	key := Key{Algorithm: HS256, ID: "k1", Secret: secret}
	signing := SigningKey{Algorithm: HS256, ID: "k1", Secret: secret}
	var log bytes.Buffer
	options := struct{ Keys []Key }{[]Key{key}}
	texts := []string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		texts = append(texts, fmt.Sprintf(verb, key), fmt.Sprintf(verb, signing), fmt.Sprintf(verb, &key), fmt.Sprintf(verb, options))
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		log.Reset()
		slog.New(h).Info("x", "key", key, "signing", signing, "options", options)
		texts = append(texts, log.String())
	}
	b, err := json.Marshal([]any{key, signing, options})
	if err != nil {
		t.Fatal(err)
	}
	texts = append(texts, string(b))
	for _, text := range texts {
		if !strings.Contains(text, "k1") || !strings.Contains(text, "HS256") {
			t.Errorf("%q does not name the key", text)
		}
		for _, s := range []string{string(secret), fmt.Sprintf("%x", secret), fmt.Sprint(secret)[1:20], "Y29ycmVjd"} {
			if strings.Contains(text, s) {
				t.Errorf("%q shows the secret", text)
			}
		}
	}
}

func tokenPEM(t *testing.T, kind string, marshal func() ([]byte, error)) []byte {
	t.Helper()
	der, err := marshal()
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestTokenKeysFromPEM(t *testing.T) {
	for a, k := range tokenKeys() {
		if k.Private == nil {
			continue
		}
		private := tokenPEM(t, "PRIVATE KEY", func() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.Private) })
		public := tokenPEM(t, "PUBLIC KEY", func() ([]byte, error) { return x509.MarshalPKIXPublicKey(k.Private.Public()) })
		tokenCheckPair(t, a, private, public)
	}
	rsaKey := tokenKeys()[RS256].Private.(*rsa.PrivateKey)
	tokenCheckPair(t, PS384,
		tokenPEM(t, "RSA PRIVATE KEY", func() ([]byte, error) { return x509.MarshalPKCS1PrivateKey(rsaKey), nil }),
		tokenPEM(t, "RSA PUBLIC KEY", func() ([]byte, error) { return x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), nil }))
	ecKey := tokenKeys()[ES512].Private.(*ecdsa.PrivateKey)
	tokenCheckPair(t, ES512,
		tokenPEM(t, "EC PRIVATE KEY", func() ([]byte, error) { return x509.MarshalECPrivateKey(ecKey) }),
		tokenPEM(t, "PUBLIC KEY", func() ([]byte, error) { return x509.MarshalPKIXPublicKey(&ecKey.PublicKey) }))
}

// tokenCheckPair signs with the one and verifies with the other.
func tokenCheckPair(t *testing.T, a Algorithm, private, public []byte) {
	t.Helper()
	signing, err := ParseSigningKey(a, "k", private)
	if err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	key, err := ParseKey(a, "k", public)
	if err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	v := tokenVerifier(t, VerifierOptions{Keys: []Key{key}})
	if _, err := v.Verify(t.Context(), tokenSign(t, Claims{}, signing), ScopeConnect); err != nil {
		t.Errorf("%s: %v", a, err)
	}
}

func TestTokenKeysFromPEMRefuses(t *testing.T) {
	private := tokenPEM(t, "PRIVATE KEY", func() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(tokenKeys()[ES256].Private) })
	public := tokenPEM(t, "PUBLIC KEY", func() ([]byte, error) { return x509.MarshalPKIXPublicKey(tokenPublic(ES256)) })
	der, err := x509.MarshalPKIXPublicKey(tokenPublic(ES256))
	if err != nil {
		t.Fatal(err)
	}
	parseKey := func(a Algorithm, text []byte) error { _, err := ParseKey(a, "", text); return err }
	parseSigningKey := func(a Algorithm, text []byte) error { _, err := ParseSigningKey(a, "", text); return err }
	for _, test := range []struct {
		parse     func(Algorithm, []byte) error
		algorithm Algorithm
		text      []byte
		want, why string
	}{
		{parseKey, ES256, []byte("secret"), "is not PEM", "no PEM"},
		{parseKey, ES256, private, "a PRIVATE KEY is not a public key", "the private key has no business there"},
		{parseKey, ES256, []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), "asn1", "not a key within"},
		{parseKey, ES384, public, "another curve", "another algorithm's"},
		{parseKey, RS256, public, "needs an *rsa.PublicKey", "another algorithm's"},
		{parseKey, HS256, public, "wrong kind of key", "a public key is no secret"},
		{parseKey, ES256, nil, "the key is empty", "an environment variable that is not set"},
		{parseKey, ES256, []byte("/etc/keys/public.pem"), "looks like the name of a file", "the name in place of what it contains"},
		{parseKey, ES256, []byte(`{"kty":"EC"}`), "the key is JSON", "a JWK"},
		{parseKey, ES256, der, `the key is DER, not PEM: convert it with "openssl pkey -inform DER"`, "DER"},
		{parseKey, ES256, base64.StdEncoding.AppendEncode(nil, der), "its BEGIN and END lines are missing", "the middle only"},
		{parseKey, ES256, base64.StdEncoding.AppendEncode(nil, public), "PEM in base64", "as some secret stores have it"},
		{parseKey, ES256, public[:len(public)-40], "cut short", "copied in part"},
		{parseKey, ES256, []byte("\xff\xfe-\x00-\x00"), "the key is UTF-16", "a file of PowerShell"},
		{parseKey, ES256, []byte("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"), "damaged", "parameters alone"},
		{parseKey, ES256, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "openssl x509 -pubkey", "a certificate"},
		{parseSigningKey, ES256, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), "the key is encrypted", "with a password"},
		{parseSigningKey, RS256, []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"), "the key is encrypted", "as OpenSSL once did it"},
		{parseSigningKey, EdDSA, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"), "for ssh only", "a key for ssh"},
		{parseSigningKey, ES256, []byte(""), "is not PEM", "no PEM"},
		{parseSigningKey, ES256, public, "a PUBLIC KEY is not a private key", "cannot sign"},
		{parseSigningKey, ES256, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "asn1", "not a key within"},
		{parseSigningKey, EdDSA, private, "needs an ed25519.PublicKey", "another algorithm's"},
	} {
		if err := test.parse(test.algorithm, test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s, %.40q (%s): error %v, want one with %q", test.algorithm, test.text, test.why, err, test.want)
		}
	}
}

// What happens to PEM on its way through files and environments does no harm.
func TestTokenKeysFromPEMThatWasPassedOn(t *testing.T) {
	signing := tokenKeys()[ES256]
	private := string(tokenPEM(t, "EC PRIVATE KEY", func() ([]byte, error) { return x509.MarshalECPrivateKey(signing.Private.(*ecdsa.PrivateKey)) }))
	public := string(tokenPEM(t, "PUBLIC KEY", func() ([]byte, error) { return x509.MarshalPKIXPublicKey(signing.Private.Public()) }))
	const parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	for why, change := range map[string]func(string) string{
		"as it is":                    func(s string) string { return s },
		"openssl ecparam -genkey":     func(s string) string { return parameters + s },
		"another key after it":        func(s string) string { return s + parameters },
		"text before it":              func(s string) string { return "Bag Attributes: none\nkey:\n" + s },
		"\\n in two characters":       func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) },
		"the same with \\r":           func(s string) string { return strings.ReplaceAll(s, "\n", `\r\n`) },
		"in quotes":                   func(s string) string { return `"` + strings.ReplaceAll(s, "\n", `\n`) + `"` },
		"CRLF":                        func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"CR":                          func(s string) string { return strings.ReplaceAll(s, "\n", "\r") },
		"a byte order mark":           func(s string) string { return "\ufeff" + s },
		"indented":                    func(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n\t  ") },
		"spaces for line ends":        func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
		"no line ends":                func(s string) string { return strings.ReplaceAll(s, "\n", "") },
		"empty lines":                 func(s string) string { return strings.ReplaceAll(s, "\n", "\n\n") },
		"no line end after it":        strings.TrimSpace,
		"spaces at the ends of lines": func(s string) string { return strings.ReplaceAll(s, "\n", "  \n") },
		"the label of another format": func(s string) string { return strings.ReplaceAll(s, "EC PRIVATE KEY", "PRIVATE KEY") },
	} {
		t.Run(why, func(t *testing.T) { tokenCheckPair(t, ES256, []byte(change(private)), []byte(change(public))) })
	}
}

// Ed25519 is another name of EdDSA, in tokens and in keys.
func TestTokenKeysOfBothNames(t *testing.T) {
	private := tokenKeys()[EdDSA].Private
	for _, signer := range []Algorithm{EdDSA, Ed25519} {
		token := tokenSign(t, Claims{}, SigningKey{Algorithm: signer, Private: private})
		for _, verifier := range []Algorithm{EdDSA, Ed25519} {
			key := Key{Algorithm: verifier, Public: private.Public()}
			v := tokenVerifier(t, VerifierOptions{Keys: []Key{key}})
			if _, err := v.Verify(t.Context(), token, ScopeConnect); err != nil {
				t.Errorf("a token of %s and a key of %s: %v", signer, verifier, err)
			}
			v = tokenVerifier(t, VerifierOptions{KeyLookup: func(_ context.Context, _, algorithm string) ([]Key, error) {
				if algorithm != "EdDSA" {
					t.Errorf("asked for %s", algorithm)
				}
				return []Key{key}, nil
			}})
			if _, err := v.Verify(t.Context(), token, ScopeConnect); err != nil {
				t.Errorf("a token of %s and a key of %s, looked up: %v", signer, verifier, err)
			}
		}
	}
}
