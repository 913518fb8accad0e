package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/token"
)

// sharedFlags are what many commands have, in a part of their own of the help.
var sharedFlags = map[string]bool{
	"url": true, "token-file": true, "key-file": true, "alg": true, "kid": true, "uid": true,
	"api-key-file": true, "timeout": true, "as": true, "token-in-url": true,
}

// A server is which one, and how long it may take.
type server struct {
	url     string
	timeout time.Duration
}

func (x *server) define(f *flag.FlagSet) {
	f.StringVar(&x.url, "url", "", "`URL` where the handler is mounted, instead of HOTSOCK_URL")
	f.DurationVar(&x.timeout, "timeout", 10*time.Second, "how long connecting and each answer may take, a `DURATION`")
}

// address returns the URL. Its scheme is http or https.
func (x *server) address(s *system) (*url.URL, error) {
	if x.timeout <= 0 {
		return nil, usagef("--timeout is longer than 0")
	}
	text := cmp.Or(x.url, s.env("HOTSOCK_URL"))
	if text == "" {
		return nil, usagef("where is the server? Give --url or HOTSOCK_URL, such as https://app.example.com/rt")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, usagef("the URL cannot be parsed") // the error quotes it, and it may have a secret in it
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	case "http", "https":
	default:
		return nil, usagef("the URL must begin with https://, http://, wss:// or ws://")
	}
	if u.Host == "" {
		return nil, usagef("the URL has no host")
	}
	return u, nil
}

// shownURL is a URL without what may be secret.
func shownURL(u *url.URL) string {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return bare.String()
}

// A login is what makes somebody a client.
type login struct {
	server
	token secret
	key   keyFlag
	uid   string
	inURL bool
}

func (x *login) define(f *flag.FlagSet) {
	x.server.define(f)
	x.token = secret{what: "token", variable: "HOTSOCK_TOKEN"}
	x.token.define(f, "token-file")
	x.key.define(f)
	f.StringVar(&x.uid, "uid", "", "the `USER` in tokens that the key signs")
	f.BoolVar(&x.inURL, "token-in-url", false, "send the token in the URL, for a server of 0.2 and for tokens that\nare no JWT")
}

// credentials are a token, or a key that signs some, or none.
type credentials struct {
	given string
	key   token.SigningKey
	signs bool
}

// credentials reads them. A flag outweighs the environment.
func (x *login) credentials(s *system) (c credentials, err error) {
	if x.token.file != "" && x.key.file != "" {
		return c, usagef("--token-file or --key-file, and not both")
	}
	given, err := x.token.read(s)
	if given = strings.TrimSpace(given); err != nil || given != "" && (x.token.file != "" || x.key.file == "") {
		return credentials{given: given}, err
	}
	c.key, c.signs, err = x.key.signing(s)
	return c, err
}

// tokens returns where tokens come from, nil if there are none: the one that is given,
// or what the key signs, with these claims.
func (c *credentials) tokens(needed token.Claims) func(context.Context) (string, error) {
	switch {
	case c.given != "":
		given := c.given
		return func(context.Context) (string, error) { return given, nil }
	case !c.signs:
		return nil
	}
	key := c.key
	needed.Scope = token.ScopeConnect
	return func(context.Context) (string, error) {
		fresh := needed
		fresh.IssuedAt = time.Now()
		fresh.Expires = fresh.IssuedAt.Add(time.Minute)
		text, err := token.Sign(fresh, key)
		if err != nil {
			return "", client.Permanent(usagef("%v", err)) // of a channel's name or a user
		}
		return text, nil
	}
}

// needs are the claims of a client that does something on channels.
func needs(channels []string, c token.ChannelClaims) token.Claims {
	all := make(map[string]token.ChannelClaims)
	for _, name := range channels {
		all[name] = c
	}
	return token.Claims{Channels: all}
}

// A link is a client whose first attempt to connect is the only one, and whose
// connection is renewed after that for as long as the server lets it in.
type link struct {
	*client.Client
	// ctx ends with the command, and when the server does not let the client in.
	ctx context.Context
}

// connect opens a link, and waits until it is there.
func (x *login) connect(ctx context.Context, s *system, needed token.Claims) (*link, error) {
	u, err := x.address(s)
	if err != nil {
		return nil, err
	}
	c, err := x.credentials(s)
	if err != nil {
		return nil, err
	}
	needed.UID = x.uid
	return x.open(ctx, s, c.tokens(needed), u)
}

// open is connect with tokens, of which there may be none.
func (x *login) open(ctx context.Context, s *system, tokens func(context.Context) (string, error), u *url.URL) (*link, error) {
	ctx, end := context.WithCancelCause(ctx)
	connected, noSocket := false, error(nil) // OnState is called by one goroutine.
	c, err := client.New(client.Options{
		URL: u.String(), Token: tokens, TokenInURL: x.inURL, ConnectTimeout: x.timeout,
		Header: http.Header{"User-Agent": {"hotsock/" + hotsock.Version}},
		OnState: func(state client.State) {
			switch state.Status {
			case client.Connected:
				switch {
				case state.Feed:
					s.notef("connected without a WebSocket, since none gets through")
				case connected:
					s.notef("connected again")
				}
				connected = true
			case client.Waiting:
				switch {
				case connected && !refusedForGood(state.Err):
					s.notef("%v; trying again in %v", state.Err, state.Delay.Round(100*time.Millisecond))
				case connected || noSocket == nil && !state.Feed:
					end(state.Err)
				case noSocket == nil:
					noSocket = state.Err
				default:
					end(fmt.Errorf("%w; without a WebSocket: %w", noSocket, state.Err))
				}
			case client.Closed:
				end(state.Err)
			case client.Connecting:
			}
		},
	})
	if err != nil {
		end(err)
		return nil, usagef("%v", err)
	}
	l := &link{c, ctx}
	// A server could let the client in and end that at once, again and again.
	limited, cancel := context.WithTimeout(ctx, 2*x.timeout)
	defer cancel()
	if err := c.Connect(limited); err != nil {
		_ = c.Close()
		return nil, l.failed(u, err, tokens != nil)
	}
	return l, nil
}

// failed says why there was no connection.
func (l *link) failed(u *url.URL, err error, hasToken bool) error {
	if cause := context.Cause(l.ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if usage, ok := errors.AsType[*usageError](err); ok {
		return usage
	}
	refusal, ok := errors.AsType[*client.Error](err)
	switch {
	case !ok:
		return &codedError{exitUnreachable, fmt.Errorf("no connection to %s: %w (hotsock doctor finds out why)", shownURL(u), err)}
	case refusal.Code == client.CodeUnauthorized && !hasToken:
		return fmt.Errorf("the server wants a token: give HOTSOCK_TOKEN or HOTSOCK_KEY, or a file: %w", err)
	case refusal.Code == client.CodeUnauthorized:
		return fmt.Errorf("the server does not accept the token (hotsock token inspect tells about it; a server of 0.2 needs --token-in-url): %w", err)
	}
	return err
}

// refusedForGood reports whether another attempt would get the same answer.
func refusedForGood(err error) bool {
	refusal, ok := errors.AsType[*client.Error](err)
	return ok && refusedCodes[refusal.Code] || errors.Is(err, client.ErrStayAway)
}

// why prefers why the link has ended to what that led to.
func (l *link) why(err error) error {
	if cause := context.Cause(l.ctx); err != nil && cause != nil {
		return cause
	}
	return err
}
