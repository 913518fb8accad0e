package hotsock

import (
	"context"

	"github.com/hotsock-go/hotsock/token"
)

// This file has what package token has, under the names of this package. A program
// that only mints tokens imports that package, and none of the server with it.

type (
	// Claims say who a client is and what it may do.
	Claims = token.Claims
	// ChannelClaims are the permissions under one channel key.
	ChannelClaims = token.ChannelClaims
	// MessageClaims are those under one event key of a channel.
	MessageClaims = token.MessageClaims
	// StorageClaims are those under one storage key of a channel.
	StorageClaims = token.StorageClaims
	// A Permission is a boolean that may be absent.
	Permission = token.Permission
	// A Scope says what a token is for.
	Scope = token.Scope
	// A Key verifies tokens.
	Key = token.Key
	// A SigningKey signs tokens.
	SigningKey = token.SigningKey
	// An Algorithm is a way of signing, by its JWT name.
	Algorithm = token.Algorithm
)

// The values of a [Permission].
const (
	Unset = token.Unset
	Own   = token.Own
	Allow = token.Allow
	Deny  = token.Deny
)

// The elements of a [Scope].
const (
	ScopeConnect   = token.ScopeConnect
	ScopeSubscribe = token.ScopeSubscribe
	ScopeUMD       = token.ScopeUMD
)

// The algorithms of tokens; see [token.Algorithm].
const (
	HS256   = token.HS256
	HS384   = token.HS384
	HS512   = token.HS512
	RS256   = token.RS256
	RS384   = token.RS384
	RS512   = token.RS512
	PS256   = token.PS256
	PS384   = token.PS384
	PS512   = token.PS512
	ES256   = token.ES256
	ES384   = token.ES384
	ES512   = token.ES512
	EdDSA   = token.EdDSA
	Ed25519 = token.Ed25519
)

// SignToken mints a token: it is [token.Sign].
func SignToken(c Claims, k SigningKey) (string, error) { return token.Sign(c, k) }

// ParseKey reads a public key from PEM: it is [token.ParseKey].
func ParseKey(a Algorithm, id string, text []byte) (Key, error) { return token.ParseKey(a, id, text) }

// ParseSigningKey reads a private key from PEM: it is [token.ParseSigningKey].
func ParseSigningKey(a Algorithm, id string, text []byte) (SigningKey, error) {
	return token.ParseSigningKey(a, id, text)
}

// LookupRepeated reports, to an [Options.KeyLookup], whether it is called once
// more for a token: it is [token.LookupRepeated].
func LookupRepeated(ctx context.Context) bool { return token.LookupRepeated(ctx) }
