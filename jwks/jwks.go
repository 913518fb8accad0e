// Package jwks finds the keys that verify tokens in a JWKS, the document that
// identity providers publish, for [hotsock.Options.KeyLookup]:
//
//	set, err := jwks.New("https://id.example.com/.well-known/jwks.json", jwks.Options{})
//	…
//	defer set.Close()
//	rt, err := hotsock.New(hotsock.Options{KeyLookup: set.Lookup})
//
// It is a separate module because of the dependency that reads the keys,
// github.com/MicahParks/jwkset.
package jwks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/httpurl"
)

// Options are settings of a [Set]. The zero value has all the defaults.
type Options struct {
	// Refresh is how often the document is fetched. Defaults to 15 min.
	Refresh time.Duration
	// MinRefresh is the least time between two fetches, however many tokens name
	// unknown keys or are not signed with a known one. After a failure it is the
	// time until the next try. Defaults to 10 s.
	MinRefresh time.Duration
	// Timeout is how long a fetch may take. Defaults to 5 s.
	Timeout time.Duration
	// RSA is the algorithm of RSA keys without an "alg". A key is used for one
	// algorithm only. Defaults to RS256.
	RSA hotsock.Algorithm
	// AllowHTTP permits a URL, and redirects to URLs, without TLS. Whoever can
	// change what goes over the network can then sign tokens.
	AllowHTTP bool
	// Client makes the requests. Whatever its redirect policy, more than three
	// redirects, and those that AllowHTTP does not permit, are not followed.
	// Defaults to a client with the system's certificates.
	Client *http.Client
	// Logger is told of fetches that fail and keys that cannot be used.
	// Defaults to none.
	Logger *slog.Logger
}

// maxRedirects is how many redirects are followed.
const maxRedirects = 3

// A Set is the keys of one JWKS. It fetches them at once, and regularly again; if
// that fails, it keeps those that it has. Its methods may be called concurrently.
type Set struct {
	url    string
	host   string // what the log may have of the URL
	opts   Options
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	keys   []hotsock.Key // replaced, never changed
	known  bool          // there was a document once
	last   time.Time     // start of the last fetch
	err    error         // how that ended
	flight *flight       // the fetch that goes on, or nil
}

// A flight is a fetch for which several may wait.
type flight struct {
	done chan struct{}
	err  error
}

// ErrClosed is returned after [Set.Close].
var ErrClosed = errors.New("jwks: closed")

// New returns the keys of the document at the URL. It does not wait for them; call
// [Set.Refresh] to start only with keys. Close the Set after shutting down the
// handler.
func New(address string, o Options) (*Set, error) {
	u, err := httpurl.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("jwks: not a URL with a host")
	}
	for field, value := range map[*time.Duration]time.Duration{
		&o.Refresh: 15 * time.Minute, &o.MinRefresh: 10 * time.Second, &o.Timeout: 5 * time.Second,
	} {
		if *field == 0 {
			*field = value
		}
		if *field < time.Millisecond {
			return nil, errors.New("jwks: Options.Refresh, MinRefresh or Timeout is too small")
		}
	}
	if o.RSA == "" {
		o.RSA = hotsock.RS256
	}
	if !slices.Contains(rsaAlgorithms, o.RSA) {
		return nil, fmt.Errorf("jwks: Options.RSA is %q", string(o.RSA))
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Set{url: u.String(), host: u.Host, opts: o}
	if err := s.permits(u); err != nil {
		return nil, err
	}
	client := http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	if o.Client != nil {
		client = *o.Client
	}
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errors.New("jwks: too many redirects")
		}
		return s.permits(r.URL)
	}
	s.client = &client
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work.Go(s.run)
	return s, nil
}

// permits refuses URLs without TLS.
func (s *Set) permits(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && s.opts.AllowHTTP {
		return nil
	}
	return errors.New("jwks: the URL is not https, and Options.AllowHTTP is not set")
}

// run fetches every now and then.
func (s *Set) run() {
	for s.ctx.Err() == nil {
		next := s.opts.Refresh
		if s.Refresh(s.ctx) != nil {
			next = min(s.opts.MinRefresh, next)
		}
		t := time.NewTimer(next)
		select {
		case <-t.C:
		case <-s.ctx.Done():
			t.Stop()
		}
	}
}

// Lookup is for [hotsock.Options.KeyLookup]: it returns the keys for tokens with
// this "kid" and "alg". For a token without a kid these are the keys without one,
// or the only one of its algorithm.
//
// If there is none, or if those that exist have not signed the token
// ([hotsock.LookupRepeated]), and the last fetch was MinRefresh ago, Lookup first
// fetches the document again, once for all who wait. It returns an error only if
// the keys are not known because the last fetch failed; clients are then told to
// come back.
func (s *Set) Lookup(ctx context.Context, id, algorithm string) ([]hotsock.Key, error) {
	a := hotsock.Algorithm(algorithm)
	if a == hotsock.Ed25519 {
		a = hotsock.EdDSA
	}
	s.mu.Lock()
	found := find(s.keys, id, a)
	if hotsock.LookupRepeated(ctx) {
		found = nil // they were replaced, if anything
	}
	f, err := s.flight, s.err
	if len(found) > 0 || s.closed {
		s.mu.Unlock()
		return found, nil
	}
	if f == nil && time.Since(s.last) >= s.opts.MinRefresh {
		f = s.fly()
	}
	s.mu.Unlock()
	if f != nil {
		if err = f.wait(ctx); err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			return find(s.keys, id, a), nil
		}
	}
	return nil, err
}

// find returns the keys that may verify such a token.
func find(keys []hotsock.Key, id string, a hotsock.Algorithm) (found []hotsock.Key) {
	var others []hotsock.Key // with an id, for a token without
	for _, k := range keys {
		switch {
		case k.Algorithm != a:
		case k.ID == id:
			found = append(found, k)
		case id == "":
			others = append(others, k)
		}
	}
	if len(found) == 0 && len(others) == 1 {
		others[0].ID = ""
		return others
	}
	// Each costs a signature, whatever the token is.
	return found[:min(len(found), maxTried)]
}

// Refresh fetches the document now, or waits for a fetch that is under way.
func (s *Set) Refresh(ctx context.Context) error {
	s.mu.Lock()
	f := s.flight
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	if f == nil {
		f = s.fly()
	}
	s.mu.Unlock()
	return f.wait(ctx)
}

func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fly starts a fetch. The set is locked and not closed.
func (s *Set) fly() *flight {
	f := &flight{done: make(chan struct{})}
	s.flight, s.last = f, time.Now()
	s.work.Go(func() {
		keys, err := s.fetch()
		s.mu.Lock()
		if err == nil {
			s.keys, s.known = keys, true
		}
		log := err != nil && s.ctx.Err() == nil
		known := s.known
		s.flight, s.err, f.err = nil, err, err
		s.mu.Unlock()
		close(f.done)
		if log {
			s.opts.Logger.Error("jwks: the keys cannot be fetched", "host", s.host, "old_keys", known, "err", err)
		}
	})
	return f
}

// Close ends fetching, and waits for it to end. Lookup still finds the known keys.
func (s *Set) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
	if s.opts.Client == nil {
		s.client.CloseIdleConnections()
	}
	return nil
}
