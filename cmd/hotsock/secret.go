package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hotsock-go/hotsock/token"
)

// maxSecret is the length of the longest secret, in bytes: a private key in PEM, or
// a token, with room to spare.
const maxSecret = 64 << 10

// A secret comes from a file that a flag names, or from the environment.
type secret struct {
	what     string // such as "token"
	variable string
	file     string
}

func (x *secret) define(f *flag.FlagSet, name string) {
	f.StringVar(&x.file, name, "", fmt.Sprintf("read the %s from this `FILE`, - for the standard input,\ninstead of %s", x.what, x.variable))
}

// read returns the secret, "" if there is none.
func (x *secret) read(s *system) (string, error) {
	text := s.env(x.variable)
	if x.file != "" {
		var err error
		if text, err = s.readFile(x.file, x.what, maxSecret); err != nil {
			return "", err
		}
		if strings.TrimSpace(text) == "" {
			return "", fmt.Errorf("the file of the %s is empty", x.what)
		}
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	s.hide(text)
	return text, nil
}

// hide has a secret masked in all that is printed besides results.
func (s *system) hide(text string) {
	const least = 6 // shorter ones are no secrets, and parts of words
	if text = strings.TrimSpace(text); len(text) >= least {
		s.secrets = append(s.secrets, text)
	}
}

// readFile reads a file, or with - the standard input, which is there once.
func (s *system) readFile(name, what string, most int) (string, error) {
	in := s.stdin
	if name == "-" {
		if s.stdinUse != "" {
			return "", usagef("the standard input cannot be both the %s and the %s", s.stdinUse, what)
		}
		s.stdinUse = what
	} else {
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("the %s: %w", what, err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, int64(most)+1))
	if err != nil {
		return "", fmt.Errorf("the %s: %w", what, err)
	}
	if len(text) > most {
		return "", fmt.Errorf("the %s is longer than %d bytes", what, most)
	}
	return string(text), nil
}

// A keyFlag is the key that signs tokens.
type keyFlag struct {
	secret
	algorithm, id string
}

func (k *keyFlag) define(f *flag.FlagSet) {
	k.secret = secret{what: "key", variable: "HOTSOCK_KEY"}
	k.secret.define(f, "key-file")
	f.StringVar(&k.algorithm, "alg", "", "`ALGORITHM` of the key (default HS256, or what fits a key in PEM)")
	f.StringVar(&k.id, "kid", "", "`ID` of the key")
}

// fitting are the algorithms that a key in PEM may be for, if nobody says which.
var fitting = []token.Algorithm{token.RS256, token.ES256, token.ES384, token.ES512, token.EdDSA}

// candidates are the algorithms to try with a key.
func (k *keyFlag) candidates(text string) []token.Algorithm {
	switch {
	case k.algorithm != "":
		return []token.Algorithm{token.Algorithm(k.algorithm)}
	case isPEM(text):
		return fitting
	}
	return []token.Algorithm{token.HS256}
}

func isPEM(text string) bool { return strings.Contains(text, "-----BEGIN") }

// signing returns the key, and false if there is none.
func (k *keyFlag) signing(s *system) (token.SigningKey, bool, error) {
	text, err := k.read(s)
	if err != nil || text == "" {
		return token.SigningKey{}, false, err
	}
	var errs []error
	for _, a := range k.candidates(text) {
		key := token.SigningKey{Algorithm: a, ID: k.id, Secret: []byte(text)}
		if isPEM(text) {
			key, err = token.ParseSigningKey(a, k.id, []byte(text))
		} else {
			_, err = token.NewVerifier(token.VerifierOptions{Keys: []token.Key{key.Key()}})
		}
		if err == nil {
			return key, true, nil
		}
		errs = append(errs, err)
	}
	return token.SigningKey{}, false, fmt.Errorf("the key cannot sign: %w", errors.Join(errs...))
}

// verifying returns the keys that verify what it has signed: the private or the public
// one will do. There is none if there is no key.
func (k *keyFlag) verifying(s *system) ([]token.Key, error) {
	text, err := k.read(s)
	if err != nil || text == "" {
		return nil, err
	}
	var errs []error
	for _, a := range k.candidates(text) {
		if !isPEM(text) {
			return []token.Key{{Algorithm: a, ID: k.id, Secret: []byte(text)}}, nil
		}
		if key, err := token.ParseKey(a, k.id, []byte(text)); err == nil {
			return []token.Key{key}, nil
		}
		key, err := token.ParseSigningKey(a, k.id, []byte(text))
		if err == nil {
			return []token.Key{key.Key()}, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("the key cannot verify: %w", errors.Join(errs...))
}
