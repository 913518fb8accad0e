package hotsocktest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
)

// A Client is a client of package client, connected for a test. It reconnects
// and catches up by itself. Failures end the test that connected it.
type Client struct {
	*client.Client

	// Link is the way to the nodes.
	Link *Link

	t testing.TB
	s *Server
}

// Connect connects a client with connect tokens of the claims, to the nodes in
// turn, and closes it with the test.
func (s *Server) Connect(t testing.TB, c hotsock.Claims) *Client {
	t.Helper()
	s.Token(c) // so that claims which make no token fail here
	return s.ConnectWith(t, client.Options{
		Token: func(context.Context) (string, error) { return s.mint(c) },
	})
}

// ConnectWith does the same with the given options, for instance for apps with
// their own authentication. URL defaults to the app's, and HTTPClient is the
// kit's. Outside of bubbles, reconnecting takes hardly any time by default.
func (s *Server) ConnectWith(t testing.TB, o client.Options) *Client {
	t.Helper()
	c := s.client(t, o)
	ctx, cancel := s.patient()
	defer cancel()
	if err := c.Client.Connect(ctx); err != nil {
		t.Fatalf("hotsocktest: cannot connect: %v", err)
	}
	return c
}

// Refused tries to connect with those options (see ConnectWith) and returns why
// the server did not let the client in, usually a [client.Error]. The test fails
// if it did.
func (s *Server) Refused(t testing.TB, o client.Options) error {
	t.Helper()
	states := make(chan client.State, 1)
	o.OnState = func(state client.State) {
		if state.Status == client.Connected || state.Status == client.Waiting {
			select {
			case states <- state:
			default:
			}
		}
	}
	c := s.client(t, o)
	defer c.Close()
	ctx, cancel := s.patient()
	defer cancel()
	select {
	case state := <-states:
		if state.Status == client.Connected {
			t.Fatal("hotsocktest: the client was not refused")
		}
		return state.Err
	case <-ctx.Done():
		t.Fatal("hotsocktest: the client was not refused, and not let in")
		return nil
	}
}

// client makes one that ends with the test.
func (s *Server) client(t testing.TB, o client.Options) *Client {
	t.Helper()
	c := &Client{Link: newLink(), t: t, s: s}
	transport := s.network.transport(c.Link)
	o.HTTPClient = &http.Client{Transport: transport}
	if o.URL == "" {
		o.URL = balanced + s.o.Path
	}
	if !s.bubble && o.MinDelay == 0 && o.MaxDelay == 0 {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 200*time.Millisecond
	}
	var err error
	if c.Client, err = client.New(o); err != nil {
		t.Fatalf("hotsocktest: %v", err)
	}
	t.Cleanup(func() {
		c.Link.Heal()
		_ = c.Close()
		transport.CloseIdleConnections()
	})
	return c
}

// Subscribe subscribes to a channel. To test that a subscribe is refused, or to
// give options, call the client's method: c.Client.Subscribe.
func (c *Client) Subscribe(channel string) *Subscription {
	c.t.Helper()
	ctx, cancel := c.s.patient()
	defer cancel()
	sub, err := c.Client.Subscribe(ctx, channel, nil)
	if err != nil {
		c.t.Fatalf("hotsocktest: cannot subscribe to %s: %v", channel, err)
	}
	return &Subscription{Subscription: sub, c: c}
}

// Publish publishes, waits until the message is accepted, and returns its id. To
// test that a publish is refused, call the client's method: c.Client.Publish.
func (c *Client) Publish(channel, event string, data any) string {
	c.t.Helper()
	ctx, cancel := c.s.patient()
	defer cancel()
	id, err := c.Client.Publish(ctx, channel, event, data)
	if err != nil {
		c.t.Fatalf("hotsocktest: cannot publish on %s: %v", channel, err)
	}
	return id
}
