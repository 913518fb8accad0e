// Package proxytest runs real proxies with what docs/mounting.md shows, before
// two nodes.
//
// A test fails if a proxy is not installed: what only a real one shows must not
// be skipped in silence.
package proxytest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/freeport"
	"github.com/hotsock-go/hotsock/internal/wstest"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

func TestProxies(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: starts proxies")
	}
	for _, p := range proxies {
		t.Run(p.program, func(t *testing.T) {
			e := newEnv(t, &p)
			e.origins(t)
			e.longToken(t)
			e.address(t)
			e.log(t)
			e.restarts(t)
		})
	}
}

// An env is two nodes behind a proxy.
type env struct {
	nodes  [2]*node
	proxy  *running
	url    string // of the handler, through the proxy
	client *http.Client
	// joined are the addresses of clients that have connected.
	joined chan string
	// onState may be nil.
	onState func(client.State)
}

func newEnv(t *testing.T, p *proxy) *env {
	t.Helper()
	e := &env{joined: make(chan string, 100)}
	transport := new(http.Transport)
	e.client = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	events := hotsock.EventSinkFunc(func(_ context.Context, event hotsock.Event) error {
		if c, ok := event.Data.(hotsock.EventConnectionData); ok && c.SourceIP != nil && c.DisconnectedAt == nil {
			e.joined <- *c.SourceIP
		}
		return nil
	})
	shared := storememory.New()
	var addresses [2]string
	for i := range e.nodes {
		addresses[i] = freeport.Keep(t)
		e.nodes[i] = &node{addr: addresses[i], store: shared, events: events}
		e.nodes[i].start(t)
		t.Cleanup(func() { e.nodes[i].stop(t) })
	}
	e.proxy = p.start(t, addresses)
	e.url = "http://" + e.proxy.addr + "/rt"
	await.That(t, "the nodes to be found", func() bool { return e.publish(t, "nobody") == http.StatusAccepted })
	return e
}

func (e *env) token(t *testing.T) string {
	t.Helper()
	token, err := hotsock.SignToken(hotsock.Claims{
		Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute),
		Channels: map[string]hotsock.ChannelClaims{"room": {Subscribe: hotsock.Allow, HistoryStart: time.Unix(0, 0)}},
	}, signing)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// dial connects with more headers, in pairs, and returns the status.
func (e *env) dial(t *testing.T, headers ...string) int {
	t.Helper()
	header := make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	c, res, err := wstest.Try(t, e.url+"?token="+e.token(t), wstest.Options{HTTPClient: e.client, Header: header})
	if err == nil {
		c.Cut()
	} else if res == nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// publish calls the server's HTTP API, and returns the status.
func (e *env) publish(t *testing.T, channel string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+"/publish", strings.NewReader(`{"channel":"`+channel+`","event":"e"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apiKey)
	req.Header["Idempotency-Key"] = nil // A proxy may end an idle connection at this moment: net/http tries again.
	res, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// origins: the page's own is known, whatever its port, and no other is let in.
func (e *env) origins(t *testing.T) {
	t.Helper()
	if status := e.dial(t, "Origin", "http://"+e.proxy.addr); status != http.StatusSwitchingProtocols {
		t.Fatalf("the page's own origin: %d", status)
	}
	if status := e.dial(t, "Origin", "http://elsewhere.test"); status != http.StatusForbidden {
		t.Errorf("another origin: %d", status)
	}
	<-e.joined
}

// longToken: a token may be as long as the protocol permits.
func (e *env) longToken(t *testing.T) {
	t.Helper()
	const permitted = 8 << 10
	claims := hotsock.Claims{Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute), Channels: make(map[string]hotsock.ChannelClaims)}
	sign := func() string {
		token, err := hotsock.SignToken(claims, signing)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for len(sign()) < permitted-100 {
		claims.Channels[fmt.Sprint("room.", len(claims.Channels))] = hotsock.ChannelClaims{Subscribe: hotsock.Allow}
	}
	for len(sign()) < permitted-1 {
		claims.UID += "x"
	}
	token := sign()
	if len(token) > permitted {
		t.Fatalf("a token of %d bytes", len(token))
	}
	c, res, err := wstest.Try(t, e.url+"?token="+token, wstest.Options{HTTPClient: e.client})
	if err != nil {
		if res != nil {
			t.Fatalf("a token of %d bytes: %s", len(token), res.Status)
		}
		t.Fatal(err)
	}
	c.Cut()
	<-e.joined
}

// address: what a client says of its address is not believed.
func (e *env) address(t *testing.T) {
	t.Helper()
	if status := e.dial(t, "X-Forwarded-For", "192.0.2.7"); status != http.StatusSwitchingProtocols {
		t.Fatalf("connecting: %d", status)
	}
	if got := <-e.joined; got != "127.0.0.1" {
		t.Errorf("the client's address is %s", got)
	}
}

// log: tokens do not get into it.
func (e *env) log(t *testing.T) {
	t.Helper()
	if log := e.proxy.log.String(); strings.Contains(log, "token=") {
		t.Errorf("the log has a token:\n%s", log)
	}
}

// restarts: a client gets everything, whichever node goes, and however soon the
// other one follows.
func (e *env) restarts(t *testing.T) {
	t.Helper()
	c, err := client.New(client.Options{
		URL: e.url, Token: func(context.Context) (string, error) { return e.token(t), nil },
		MinDelay: 10 * time.Millisecond, MaxDelay: 100 * time.Millisecond, OnState: e.onState,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	sub, err := c.Subscribe(ctx, "room", nil)
	if err != nil {
		t.Fatal(err)
	}
	next := func() {
		t.Helper()
		await.That(t, "a publish", func() bool { return e.publish(t, "room") == http.StatusAccepted })
		event, err := sub.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := event.(client.Message); !ok {
			t.Fatalf("got %#v instead of the message", event)
		}
	}
	next() // a channel that was never used has no message to go on from
	for range 2 {
		for _, n := range e.nodes {
			n.stop(t)
			next()
			n.start(t)
		}
	}
}
