package webhook

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "172.15.0.1": true, "172.32.0.1": true, "100.63.0.1": true, "100.128.0.1": true,
		"2606:4700::1111": true, "2a00:1450::1": true, "::ffff:8.8.8.8": true, "64:ff9b::8.8.8.8": true,

		"127.0.0.1": false, "127.255.0.9": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "100.64.0.1": false, "100.100.100.200": false,
		"169.254.169.254": false, "168.63.129.16": false, "192.0.0.192": false, "192.0.2.1": false, "198.18.0.1": false,
		"198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::127.0.0.1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:0:127.0.0.1": false,
		"64:ff9b::127.0.0.1": false, "64:ff9b::10.0.0.1": false, "64:ff9b:1::8.8.8.8": false, "2002:7f00:1::": false, "2001::1": false,
		"2001:db8::1": false, "3fff::1": false, "fc00::1": false, "fd00:ec2::254": false, "fe80::1": false, "fe80::1%eth0": false,
		"2606:4700::1%eth0": false, "fec0::1": false, "ff02::1": false, "100::1": false, "5f00::1": false,
	} {
		if got := guard(nil).allows(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is public: %v", text, got)
		}
	}
	g := guard{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/64")}
	for text, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "fd00::5": true, "8.8.8.8": true,
		"10.2.0.1": false, "127.0.0.1": false, "fd01::1": false, "64:ff9b::10.1.2.3": false,
	} {
		if got := g.allows(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s is allowed: %v", text, got)
		}
	}
}

// However an endpoint names the machine itself, it is not reached.
func TestPrivateEndpoints(t *testing.T) {
	b := new(inbox)
	_, port, _ := net.SplitHostPort(serve(t, b).Listener.Addr().String())
	for _, host := range []string{"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"} {
		_, err := New(Options{AllowHTTP: true, Endpoints: []Endpoint{{URL: "http://" + host + ":" + port, Keys: []Key{key(t, secret)}}}})
		if !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), "Options.AllowNetworks: "+strings.Trim(host, "[]")) {
			t.Errorf("%s: err = %v", host, err)
		}
	}
	// A name is looked at when it is used. (The last ones are not even names to
	// Go, but are addresses to others.)
	for _, host := range []string{"localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1"} {
		s := newTestSink(t, "http://"+host+":"+port, Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, resolver: newDNS(t, func() [4]byte { return [4]byte{127, 0, 0, 1} })})
		err := s.Deliver(t.Context(), event("1"))
		if err == nil || host == "localhost" && !errors.Is(err, ErrAddress) {
			t.Errorf("%s: err = %v", host, err)
		}
	}
	// Not even when the environment names a proxy.
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+port)
	s := newTestSink(t, "http://internal.test:"+port, Options{AllowNetworks: []netip.Prefix{}, resolver: newDNS(t, func() [4]byte { return [4]byte{127, 0, 0, 1} })})
	if err := s.Deliver(t.Context(), event("1")); !errors.Is(err, ErrAddress) {
		t.Errorf("by a proxy: err = %v", err)
	}
	if got := b.ids(); len(got) > 0 {
		t.Errorf("it was reached: %v", got)
	}
}

// A name that means an address which is allowed, and then another one, does not
// get a request there.
func TestRebinding(t *testing.T) {
	good, evil := new(inbox), new(inbox)
	server := serve(t, good)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	l, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewUnstartedServer(evil)
	_ = other.Listener.Close()
	other.Listener = l
	other.Start()
	t.Cleanup(other.Close)

	var last atomic.Uint32
	last.Store(1)
	s := newTestSink(t, "http://rebind.test:"+port, Options{
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		resolver:      newDNS(t, func() [4]byte { return [4]byte{127, 0, 0, byte(last.Load())} }),
	})
	if err := s.Deliver(t.Context(), event("1")); err != nil {
		t.Fatal(err)
	}
	last.Store(2)
	server.CloseClientConnections()
	if err := s.Deliver(t.Context(), event("2")); !errors.Is(err, ErrAddress) {
		t.Errorf("err = %v", err)
	}
	if len(good.ids()) != 1 || len(evil.ids()) != 0 {
		t.Errorf("the good one got %v, the other %v", good.ids(), evil.ids())
	}
	// The other one can be reached, so that this test could fail.
	resp, err := http.Post(other.URL, "text/plain", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
}

// newDNS runs a name server that knows one address for all names.
func newDNS(t *testing.T, address func() [4]byte) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if n < 17 {
				continue
			}
			_, _ = c.WriteTo(dnsAnswer(buf[:n], address()), from)
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: time.Second}
		return d.DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// dnsAnswer answers a query for addresses of IPv4 with one, and others with none.
func dnsAnswer(query []byte, a [4]byte) []byte {
	end := 12 // of the name
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	question := query[12 : end+5]
	out := append([]byte(nil), query[:2]...)
	isA := binary.BigEndian.Uint16(query[end+1:]) == 1
	var answers byte
	if isA {
		answers = 1
	}
	out = append(out, 0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0)
	out = append(out, question...)
	if isA {
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, a[:]...)
	}
	return out
}
