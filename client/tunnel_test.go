package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A forwardProxy is an HTTP proxy. It notes what it is asked for.
type forwardProxy struct {
	t *testing.T

	mu    sync.Mutex
	asked []string // method and target
	auth  string   // that it wants, "" for none
}

func (p *forwardProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := r.Host
	if r.Method != http.MethodConnect {
		target = r.URL.Path
	}
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+target)
	auth := p.auth
	p.mu.Unlock()
	switch {
	case auth != "" && r.Header.Get("Proxy-Authorization") != auth:
		w.WriteHeader(http.StatusProxyAuthRequired)
	case r.Method != http.MethodConnect && r.Header.Get("Upgrade") != "":
		w.WriteHeader(http.StatusBadRequest) // It knows nothing of WebSockets.
	case r.Method != http.MethodConnect:
		(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}}).ServeHTTP(w, r)
	default:
		p.connect(w, r)
	}
}

func (p *forwardProxy) connect(w http.ResponseWriter, r *http.Request) {
	server, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.t.Error(err)
		return
	}
	defer client.Close()
	_, _ = io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	_, _ = io.Copy(client, server)
	_ = client.Close()
	up.Wait()
}

// A WebSocket goes through an HTTP proxy by CONNECT, also without encryption.
func TestHTTPProxy(t *testing.T) {
	s := newSite(t, nil)
	host := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/rt")
	for _, tt := range []struct {
		name  string
		start func(http.Handler) *httptest.Server
		user  *url.Userinfo
		auth  string
	}{
		{"http", httptest.NewServer, nil, ""},
		{"https", httptest.NewTLSServer, nil, ""},
		{"with a password", httptest.NewServer, url.UserPassword("Jim", "secret"), "Basic SmltOnNlY3JldA=="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &forwardProxy{t: t, auth: tt.auth}
			server := tt.start(p)
			t.Cleanup(server.Close)
			address, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			address.User = tt.user
			transport := &http.Transport{Proxy: http.ProxyURL(address)}
			if server.TLS != nil {
				transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
			}
			t.Cleanup(transport.CloseIdleConnections)
			c, err := New(Options{URL: s.url, Token: tokens("Jim", nil), HTTPClient: &http.Client{Transport: transport}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.ChannelInfo(soon(t), "room"); err != nil {
				t.Fatal(err)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			want := []string{"CONNECT " + host, "POST /rt/connection/getChannelInfo"}
			if *feeds {
				want = slices.Insert(want, 1, "GET /rt/stream")
			}
			if !slices.Equal(p.asked, want) {
				t.Errorf("the proxy was asked for %q, want %q", p.asked, want)
			}
		})
	}
}

// What a proxy says or does not say is told, without its password.
func TestHTTPProxyErrors(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	defer refusing.Close()
	for _, tt := range []struct{ proxy, want string }{
		{strings.TrimPrefix(refusing.URL, "http://"), "the proxy answered 403 Forbidden"},
		{silent.Addr().String(), "deadline exceeded"},
		{"127.0.0.1:1", "connection refused"},
	} {
		var st states
		proxy := &url.URL{Scheme: "http", Host: tt.proxy, User: url.UserPassword("Jim", "secret")}
		c, err := New(Options{
			URL: "ws://server.test/rt", OnState: st.add, ConnectTimeout: 500 * time.Millisecond,
			HTTPClient: &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err = c.Connect(ctx)
		cancel()
		// A later attempt may be without a WebSocket, which needs no CONNECT.
		waits := st.waits()
		if err == nil || len(waits) == 0 || !strings.Contains(waits[0].Err.Error(), tt.want) || strings.Contains(fmt.Sprint(err, waits), "secret") {
			t.Errorf("through %s: got %v after %v, want %q", tt.proxy, err, waits, tt.want)
		}
		_ = c.Close()
	}
}
