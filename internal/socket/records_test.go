package socket

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"
)

// A recordClient is the client's side of a TLS connection. The test sends its records.
type recordClient struct {
	*tls.Conn
	below net.Conn
	kept  *keeping
	log   *bytes.Buffer // the keys
}

// keeping is a connection that sends nothing from a moment on.
type keeping struct {
	net.Conn
	on bool
	b  bytes.Buffer
}

func (k *keeping) Write(b []byte) (int, error) {
	if k.on {
		return k.b.Write(b)
	}
	return k.Conn.Write(b)
}

// recordPipe returns the sides of a TLS connection.
func recordPipe(t *testing.T, version uint16) (net.Conn, *recordClient) {
	t.Helper()
	server, client := tcpPipe(t)
	c := &recordClient{below: client, kept: &keeping{Conn: client}, log: new(bytes.Buffer)}
	o := tlsConfig().Clone()
	o.MinVersion, o.MaxVersion, o.KeyLogWriter, o.ClientSessionCache = version, version, c.log, nil
	s := tls.Server(server, tlsConfig())
	c.Conn = tls.Client(c.kept, o)
	shaken := make(chan error, 1)
	go func() { shaken <- s.Handshake() }()
	if err := errors.Join(c.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	c.kept.on = true
	t.Cleanup(func() { _ = client.Close() })
	return s, c
}

// record returns the records of some bytes, with what TLS has to send before.
func (c *recordClient) record(b []byte) []byte {
	_, _ = c.Write(b)
	records := bytes.Clone(c.kept.b.Bytes())
	c.kept.b.Reset()
	return records
}

func (c *recordClient) send(t *testing.T, b []byte) {
	t.Helper()
	if _, err := c.below.Write(b); err != nil {
		t.Fatal(err)
	}
}

// A sealer makes any records of TLS 1.3, in place of the client's connection.
type sealer struct {
	t      *testing.T
	secret []byte
	number uint64
}

func (c *recordClient) sealer(t *testing.T) *sealer {
	t.Helper()
	if c.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skip("this CPU prefers another cipher")
	}
	_, line, _ := strings.Cut(c.log.String(), "CLIENT_TRAFFIC_SECRET_0 ")
	fields := strings.Fields(line)
	if len(fields) < 2 {
		t.Fatal("no key in the log")
	}
	secret, err := hex.DecodeString(fields[1])
	if err != nil {
		t.Fatal(err)
	}
	return &sealer{t: t, secret: secret}
}

// derive is HKDF-Expand-Label (RFC 8446, 7.1), without a context.
func (s *sealer) derive(label string, n int) []byte {
	label = "tls13 " + label
	info := append(binary.BigEndian.AppendUint16(nil, uint16(n)), byte(len(label)))
	b, err := hkdf.Expand(sha256.New, s.secret, string(append(append(info, label...), 0)), n)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// seal returns the next record, of a type.
func (s *sealer) seal(typ byte, b []byte) []byte {
	block, err := aes.NewCipher(s.derive("key", 16))
	if err != nil {
		s.t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		s.t.Fatal(err)
	}
	nonce := s.derive("iv", 12)
	for i, x := range binary.BigEndian.AppendUint64(nil, s.number) {
		nonce[4+i] ^= x
	}
	s.number++
	header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(b)+1+aead.Overhead()))
	return append(header, aead.Seal(nil, nonce, append(bytes.Clone(b), typ), header)...)
}

// update goes on with the next key, behind a record that says so.
func (s *sealer) update(record []byte) []byte {
	s.secret, s.number = s.derive("traffic upd", len(s.secret)), 0
	return record
}
