package token

import (
	"crypto/hmac"
	"hash"
	"sync"

	"github.com/golang-jwt/jwt/v5"
)

// A mac computes the signatures of one secret. To make one takes longer than to use it.
type mac struct {
	hash      hash.Hash
	text, sum []byte
}

// newMACs returns those of a key, nil if its signatures are of another kind.
func newMACs(k Key) *sync.Pool {
	method, ok := algorithms[k.Algorithm].(*jwt.SigningMethodHMAC)
	if !ok {
		return nil
	}
	return &sync.Pool{New: func() any { return &mac{hash: hmac.New(method.Hash.New, k.Secret)} }}
}

// verifies reports whether the key has signed the text.
func (m *mac) verifies(text string, signature []byte) bool {
	m.hash.Reset()
	m.text = append(m.text[:0], text...)
	m.hash.Write(m.text)
	m.sum = m.hash.Sum(m.sum[:0])
	return hmac.Equal(signature, m.sum)
}
