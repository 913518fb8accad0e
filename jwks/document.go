package jwks

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/MicahParks/jwkset"

	"github.com/hotsock-go/hotsock"
)

// Bounds of a document, in bytes and keys.
const (
	maxDocument = 1 << 20
	maxKeys     = 100
)

// maxTried is how many keys a token is tried with, of those that its kid allows.
const maxTried = 10

// Bounds of the modulus of an RSA key, in bits. A longer one would only take
// time, and that of a few thousand bits is time enough.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// rsaAlgorithms are those that an RSA key may be for.
var rsaAlgorithms = []hotsock.Algorithm{
	hotsock.RS256, hotsock.RS384, hotsock.RS512, hotsock.PS256, hotsock.PS384, hotsock.PS512,
}

// fetch gets the document and returns its keys.
func (s *Set) fetch() ([]hotsock.Key, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.opts.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	req.Header.Set("User-Agent", "hotsock/"+hotsock.Version)
	resp, err := s.client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the URL, which may have a secret in it
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("jwks: the answer is %d", resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("jwks: the document is longer than %d bytes", maxDocument)
	}
	return s.parse(text)
}

// parse returns the keys of a document that can be used. Others are nothing
// unusual: a set may have keys for encryption, and of kinds to come.
func (s *Set) parse(text []byte) ([]hotsock.Key, error) {
	var doc struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, errors.New("jwks: the document is not JSON, or not a JWKS")
	}
	switch {
	case doc.Keys == nil:
		return nil, errors.New("jwks: the document has no keys member")
	case len(*doc.Keys) > maxKeys:
		return nil, fmt.Errorf("jwks: the document has more than %d keys", maxKeys)
	}
	var keys []hotsock.Key
	for i, raw := range *doc.Keys {
		k, err := s.parseKey(raw)
		if err != nil {
			s.opts.Logger.Warn("jwks: a key is left out", "host", s.host, "index", i, "err", err)
			continue
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// parseKey makes a JWK one of ours: for signatures, public, and for one
// algorithm.
func (s *Set) parseKey(raw []byte) (hotsock.Key, error) {
	var in jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &in); err != nil {
		return hotsock.Key{}, errors.New("not a JWK")
	}
	switch {
	case in.KTY != jwkset.KtyRSA && in.KTY != jwkset.KtyEC && in.KTY != jwkset.KtyOKP:
		// A symmetric key above all: whoever can read it can sign.
		return hotsock.Key{}, errors.New("not the public key of RSA, ECDSA or Ed25519")
	case in.USE != "" && in.USE != jwkset.UseSig:
		return hotsock.Key{}, errors.New("not for signatures")
	case len(in.KEYOPS) > 0 && !slices.Contains(in.KEYOPS, jwkset.KeyOpsVerify):
		return hotsock.Key{}, errors.New("not for verifying")
	}
	// Only what makes up the public key: certificates might have to be fetched.
	jwk, err := jwkset.NewJWKFromMarshal(jwkset.JWKMarshal{
		KTY: in.KTY, CRV: in.CRV, X: in.X, Y: in.Y, N: in.N, E: in.E,
	}, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return hotsock.Key{}, err
	}
	a, err := s.algorithm(jwk.Key(), string(in.ALG))
	if err != nil {
		return hotsock.Key{}, err
	}
	return hotsock.Key{Algorithm: a, ID: in.KID, Public: jwk.Key()}, nil
}

// algorithm returns the one that a key is for. What a token says has no part in
// it.
func (s *Set) algorithm(key any, says string) (a hotsock.Algorithm, err error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return "", fmt.Errorf("an RSA key of %d bits", n)
		}
		a = s.opts.RSA
		if slices.Contains(rsaAlgorithms, hotsock.Algorithm(says)) {
			a = hotsock.Algorithm(says)
		}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			a = hotsock.ES256
		case elliptic.P384():
			a = hotsock.ES384
		case elliptic.P521():
			a = hotsock.ES512
		}
	case ed25519.PublicKey:
		a = hotsock.EdDSA
		if says == string(hotsock.Ed25519) {
			says = string(a)
		}
	}
	if a == "" || says != "" && says != string(a) {
		return "", fmt.Errorf("a %T for %.20q", key, says)
	}
	return a, nil
}
