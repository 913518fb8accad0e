package storeredis

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// A server that is reached by TLS is used like any other, also after a restart and
// after its connections were cut; one that cannot prove who it is, not at all.
func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key, roots := selfSigned(t)
	addr := freeport.Keep(t)
	_, port, _ := net.SplitHostPort(addr)
	srv := redistest.StartServer(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no",
		"--appendonly", "yes", "--appendfsync", "always")
	open := func(c *tls.Config) *Store {
		client := redis.NewClient(&redis.Options{
			Addr: addr, ContextTimeoutEnabled: true, DialTimeout: time.Second, ReadTimeout: time.Second, TLSConfig: c,
		})
		t.Cleanup(func() { _ = client.Close() })
		return newStore(t, client)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := open(&tls.Config{}).Join(ctx, newInbox(t), testJoin); err == nil {
		t.Fatal("joined a server whose certificate nobody trusts")
	}

	trusting := &tls.Config{RootCAs: roots}
	in := newInbox(t)
	a, b := joinAs(t, open(trusting), in, testJoin), joinAs(t, open(trusting), newInbox(t), testJoin)
	mustWatch(t, a, "c")
	stored := store.PublishRequest{Channel: "c", Event: "e", Data: []byte("1"), Retention: store.Forever}
	mustPublish(t, b, stored)
	published := 1
	in.await("a message", back, func() bool { return len(in.items) == published })
	for what, damage := range map[string]func(){
		"a restart": srv.Restart,
		"every connection is cut": func() {
			if err := srv.Client().ClientKillByFilter(context.Background(), "SKIPME", "yes").Err(); err != nil {
				t.Error(err)
			}
		},
	} {
		damage()
		retryPublish(t, b, stored, back)
		published++
		in.await("the message after "+what, back, func() bool { return len(in.items) == published })
	}
	page, err := a.History(unhurried(t), store.HistoryRequest{Channel: "c", Limit: 10, MaxBytes: 1 << 20})
	if err != nil || len(page.Messages) != 3 {
		t.Errorf("%d messages are kept, want 3: %v", len(page.Messages), err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.lost > 0 {
		t.Errorf("%d gaps were told", in.lost)
	}
}

// selfSigned writes a certificate for the loopback address and its key, and returns
// what trusts it.
func selfSigned(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", private), roots
}
