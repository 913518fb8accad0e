package proxytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/wstest"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// impatience is after how many seconds of silence the proxies of this file end an answer.
const impatience = "4"

// A client without a WebSocket is served by each proxy as by the node itself, whatever
// HTTP it speaks, and also by one that compresses other answers. Pings keep an idle one
// connected where the proxy would end it.
func TestFeedsBehindProxies(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: starts proxies")
	}
	for _, p := range proxies {
		for _, row := range []struct {
			why                string
			http2, compressing bool
		}{
			{"HTTP/1.1", false, false},
			{"HTTP/1.1, compression on", false, true},
			{"HTTP/2", true, false},
			{"HTTP/2, compression on", true, true},
		} {
			t.Run(p.program+", "+row.why, func(t *testing.T) {
				t.Parallel()
				behind := p
				behind.edit = func(block string) string {
					if !row.compressing {
						for from, to := range p.impatient {
							block = replaced(t, block, from, to)
						}
						return block
					}
					return replaced(t, block, p.compress[0], p.compress[1])
				}
				if row.http2 {
					file := certificate(t)
					behind.with = func(addr string) string { return p.secure(addr, file) }
				}
				served(t, &behind, row.http2, row.compressing)
			})
		}
	}
}

func served(t *testing.T, p *proxy, http2, compressing bool) {
	shared := storememory.New()
	var nodes [2]*node
	var addresses [2]string
	for i := range nodes {
		addresses[i] = freeport.Keep(t)
		nodes[i] = &node{addr: addresses[i], store: shared, pingInterval: time.Second, pongTimeout: time.Second}
		nodes[i].start(t)
		t.Cleanup(func() { nodes[i].stop(t) })
	}
	connections := func() int { return nodes[0].rt.Stats().Connections + nodes[1].rt.Stats().Connections }
	transport := &http.Transport{ForceAttemptHTTP2: http2, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	web := &http.Client{Transport: transport}
	scheme := "http"
	if http2 {
		scheme = "https"
	}
	proxy := p.start(t, addresses)
	address := scheme + "://" + proxy.addr + "/rt?token=" + autoToken(t)
	connect := func() *wstest.Conn {
		t.Helper()
		return wstest.Connect(t, address, wstest.Options{HTTPClient: web, Feed: true})
	}

	c, gone, leaves := connect(), connect(), connect()
	for _, client := range []*wstest.Conn{c, gone, leaves} {
		client.Expect("hotsock.subscribed")
	}
	// Each comes before the next one is sent: nobody collects them. The requests are
	// spread over both nodes.
	for i := range 10 {
		ref := strconv.Itoa(i)
		if f := c.Do(`{"event":"hotsock.ping","ref":"`+ref+`"}`, "hotsock.pong"); f.Ref != ref {
			t.Fatalf("got %s instead of answer %s", f.Text, ref)
		}
	}
	leaves.Close()
	gone.Cut()
	await.That(t, "one that closed and one that is gone to be missed", func() bool { return connections() == 1 })

	if compressing {
		if got := encoding(t, web, scheme+"://"+proxy.addr+"/rt/text"); got != "gzip" {
			t.Errorf("the proxy compresses nothing: %q", got)
		}
		t.Logf("the encoding of a feed is %q", encoding(t, web, scheme+"://"+proxy.addr+"/rt/stream?token="+autoToken(t)))
	} else if p.impatient != nil {
		await.Pass(6*time.Second, "more silence than the proxy bears")
	}
	data := `"` + strings.Repeat("x", 32_000) + `"`
	c.Do(`{"event":"e","channel":"room","data":`+data+`}`, "PUBLISH_PERMISSION_DENIED")
	if _, err := nodes[0].rt.Publish(t.Context(), hotsock.Message{Channel: "room", Event: "e", Data: json.RawMessage(data)}); err != nil {
		t.Fatal(err)
	}
	if f := c.Expect("e"); string(f.Data) != data {
		t.Errorf("got %d bytes of data", len(f.Data))
	}
	for _, n := range nodes {
		n.stop(t)
	}
	c.ExpectClose(websocket.StatusGoingAway, "Going away, all answered")
	for _, n := range nodes {
		n.start(t) // for the end of the test
	}
	if log := proxy.log.String(); strings.Contains(log, "token=") || strings.Contains(log, "Secret=") {
		t.Errorf("the log has secrets:\n%s", log)
	}
}

// encoding asks for an answer that may be compressed, and returns how it is encoded.
func encoding(t *testing.T, web *http.Client, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip") // so that the transport leaves it as it is
	res, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", req.URL.Path, res.Status)
	}
	return res.Header.Get("Content-Encoding")
}

// certificate writes a certificate for the loopback address, with its key, to a file.
func certificate(t *testing.T) string {
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
	file := filepath.Join(t.TempDir(), "pem")
	b := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
