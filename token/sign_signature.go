package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"math/big"

	"github.com/golang-jwt/jwt/v5"
)

// signature signs the text. The key has been checked.
func (k SigningKey) signature(text string) ([]byte, error) {
	method := algorithms[k.Algorithm]
	if k.Private == nil {
		return method.Sign(text, k.Secret)
	}
	var signature []byte
	var err error
	switch m := method.(type) {
	case *jwt.SigningMethodRSAPSS: // which is an RSA one, too
		signature, err = k.signHash(text, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: m.Hash})
	case *jwt.SigningMethodRSA:
		signature, err = k.signHash(text, m.Hash)
	case *jwt.SigningMethodECDSA:
		if signature, err = k.signHash(text, m.Hash); err == nil {
			signature, err = joseSignature(signature, m.KeySize)
		}
	case *jwt.SigningMethodEd25519:
		signature, err = k.Private.Sign(rand.Reader, []byte(text), crypto.Hash(0))
	}
	if err != nil {
		return nil, err
	}
	if k.isElsewhere() {
		if err := method.Verify(text, signature, k.Private.Public()); err != nil {
			return nil, errors.New("the signature does not fit the public key of Private")
		}
	}
	return signature, nil
}

func (k SigningKey) signHash(text string, o crypto.SignerOpts) ([]byte, error) {
	h := o.HashFunc().New()
	h.Write([]byte(text))
	return k.Private.Sign(rand.Reader, h.Sum(nil), o)
}

// isElsewhere reports whether Private asks something else to sign, which can be set
// up for another key or algorithm.
func (k SigningKey) isElsewhere() bool {
	switch k.Private.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return false
	}
	return true
}

// joseSignature makes of a signature as ASN.1, which signers return, one of two numbers
// of that many bytes each (RFC 7518, 3.4).
func joseSignature(der []byte, size int) ([]byte, error) {
	var s struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &s)
	if err != nil || len(rest) > 0 {
		return nil, errors.New("the signature of Private is not the ASN.1 that crypto.Signer asks for")
	}
	for _, n := range []*big.Int{s.R, s.S} {
		if n.Sign() <= 0 || n.BitLen() > size*8 {
			return nil, errors.New("the signature of Private has a number that is too long")
		}
	}
	b := make([]byte, 2*size)
	s.R.FillBytes(b[:size])
	s.S.FillBytes(b[size:])
	return b, nil
}
