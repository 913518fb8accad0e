package token

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ParseKey returns the key for a public key in PEM, of type PUBLIC KEY or RSA
// PUBLIC KEY. It fails if the key does not fit the algorithm. It accepts what
// files and environment variables do to PEM: \n as two characters, missing line
// ends, spaces, quotes, a byte order mark, other blocks.
func ParseKey(a Algorithm, id string, text []byte) (Key, error) {
	k := Key{Algorithm: a, ID: id}
	public, err := parsePublic(text)
	if err == nil {
		k.Public = public
		err = k.check()
	}
	if err != nil {
		return Key{}, fmt.Errorf("token: %w", err)
	}
	return k, nil
}

// ParseSigningKey returns the key for a private key in PEM, of type PRIVATE KEY,
// RSA PRIVATE KEY or EC PRIVATE KEY. It fails if the key does not fit the
// algorithm. It accepts the same deviations as [ParseKey].
func ParseSigningKey(a Algorithm, id string, text []byte) (SigningKey, error) {
	k := SigningKey{Algorithm: a, ID: id}
	private, err := parsePrivate(text)
	if err == nil {
		k.Private = private
		err = k.Key().check()
	}
	if err != nil {
		return SigningKey{}, fmt.Errorf("token: %w", err)
	}
	return k, nil
}

func parsePublic(text []byte) (crypto.PublicKey, error) {
	block, err := findPEM(text, "PUBLIC KEY", "RSA PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	switch block.Type {
	case "PUBLIC KEY", "RSA PUBLIC KEY":
		return parseAny[crypto.PublicKey](block,
			x509.ParsePKIXPublicKey,
			func(der []byte) (any, error) { return x509.ParsePKCS1PublicKey(der) })
	case "CERTIFICATE":
		return nil, errors.New(`a CERTIFICATE is not a public key: take that out of it with "openssl x509 -pubkey -noout"`)
	}
	return nil, fmt.Errorf(`a %s is not a public key: make that of it with "openssl pkey -pubout"`, block.Type)
}

func parsePrivate(text []byte) (crypto.Signer, error) {
	block, err := findPEM(text, "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	switch block.Type {
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		return parseAny[crypto.Signer](block,
			x509.ParsePKCS8PrivateKey,
			func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
			func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) })
	case "OPENSSH PRIVATE KEY":
		return nil, errors.New(`an OPENSSH PRIVATE KEY is for ssh only: make another key with "openssl genpkey"`)
	}
	return nil, fmt.Errorf("a %s is not a private key, which signing needs", block.Type)
}

// parseAny does not rely on what the block says of its format: tools confuse
// them. The error is the first parser's.
func parseAny[K any](block *pem.Block, parsers ...func(der []byte) (any, error)) (key K, err error) {
	for _, parse := range parsers {
		k, parseErr := parse(block.Bytes)
		if key, ok := k.(K); ok && parseErr == nil {
			return key, nil
		}
		if err == nil {
			err = cmp.Or(parseErr, fmt.Errorf("the %s is a %T", block.Type, k))
		}
	}
	return key, fmt.Errorf("the %s cannot be read: %w", block.Type, err)
}

// findPEM returns the first block of one of the types. If there is none, it
// returns another one, for the error.
func findPEM(text []byte, types ...string) (*pem.Block, error) {
	var found *pem.Block
	rest := repairPEM(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		for _, t := range types {
			if block.Type != t {
				continue
			}
			if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
				return nil, errEncrypted
			}
			return block, nil
		}
		// Parameters say nothing that the key does not say.
		if found == nil && block.Type != "EC PARAMETERS" {
			found = block
		}
	}
	switch {
	case found == nil:
		return nil, whyNotPEM(text)
	case found.Type == "ENCRYPTED PRIVATE KEY":
		return nil, errEncrypted
	}
	return found, nil
}

var errEncrypted = errors.New(`the key is encrypted: decrypt it with "openssl pkey -in key.pem -out plain.pem"`)

// pemMark is how the first line of a block begins, and pemEnd the last.
const (
	pemMark = "-----BEGIN "
	pemEnd  = "-----END "
)

// repairPEM gives blocks their lines back.
func repairPEM(text []byte) []byte {
	s := strings.NewReplacer(`\r`, "", `\n`, "\n", "\r", "\n", `"`, "", "'", "", "\ufeff", "", "\u00a0", " ").Replace(string(text))
	var b strings.Builder
	for {
		_, after, ok := strings.Cut(s, pemMark)
		label, after, ok2 := strings.Cut(after, "-----")
		body, after, ok3 := strings.Cut(after, pemEnd)
		if !ok || !ok2 || !ok3 {
			return []byte(b.String())
		}
		s = after
		b.WriteString(pemMark + label + "-----\n")
		writeBody(&b, body)
		b.WriteString(pemEnd + label + "-----\n")
	}
}

// writeBody writes what is between the first and the last line: perhaps headers,
// then base64.
func writeBody(b *strings.Builder, body string) {
	headers := false
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(line, ":"):
			headers = true
			b.WriteString(line + "\n")
			continue
		case headers:
			b.WriteString("\n")
			headers = false
		}
		for part := range strings.FieldsSeq(line) {
			b.WriteString(part + "\n")
		}
	}
}

// whyNotPEM says what a text is that has no blocks, and what to do.
func whyNotPEM(text []byte) error {
	trimmed := bytes.TrimSpace(text)
	switch {
	case len(trimmed) == 0:
		return errors.New("the key is empty, so it is not PEM")
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}), bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		return errors.New("the key is UTF-16, not PEM: save the file as UTF-8")
	case bytes.Contains(text, []byte(pemMark)):
		return errors.New("the key is cut short or damaged: its BEGIN line has no END line, or what is between is not base64")
	case isDER(text):
		return errors.New(`the key is DER, not PEM: convert it with "openssl pkey -inform DER", and -pubin for a public key`)
	case trimmed[0] == '{':
		return errors.New("the key is JSON, not PEM: a JWKS is for the package jwks")
	case bytes.HasPrefix(trimmed, []byte("LS0tLS1CRUdJTi")):
		return errors.New("the key is PEM in base64: decode it first")
	case isKeyFile(trimmed):
		return errors.New("the key is not PEM: its BEGIN and END lines are missing, or it is for ssh")
	case !bytes.ContainsAny(trimmed, " \n") && bytes.ContainsAny(trimmed, `./\`):
		return errors.New("the key is not PEM, but looks like the name of a file: read that, and pass what it contains")
	}
	return errors.New("the key is not PEM: it has no BEGIN line; a secret is set as Secret instead")
}
