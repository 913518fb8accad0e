// Package console is a page for the developers and operators of an app. It
// connects to a [hotsock.Handler] with any token, explains what that token
// permits, publishes, edits, reads and writes storage, reacts, schedules, and shows
// the frames that come and go. With an API key that is typed in, it also does what
// only the app may.
//
//	page, err := console.New(console.Options{Handler: rt, Endpoint: "/rt"})
//	…
//	mux.Handle("/admin/console/", requireAdmin(page))
//
// Whoever reaches the page can read every channel and cancel every schedule, so
// mount it only behind the app's own authentication. A program that does not
// import this package links nothing of it.
package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hotsock-go/hotsock"
)

// Options configure the console.
type Options struct {
	// Handler is what the console is for. Required. It must be the one that
	// Endpoint reaches, or one that shares its store.
	Handler *hotsock.Handler
	// Endpoint is where browsers reach the handler: a path on the console's own
	// host, such as "/rt", or a URL with http or https. If its host differs from
	// the console's, its [hotsock.Options] must allow the console's origin.
	// Required.
	Endpoint string
	// Token, if set, mints a token with the claims that the developer typed in,
	// for instance with [hotsock.SignToken]. It may refuse or change them; the
	// developer sees its error. Defaults to none: then tokens can only be pasted.
	Token func(r *http.Request, c hotsock.Claims) (string, error)
}

// New makes the console. It looks only at the end of the request's path, so it can
// be mounted anywhere, with or without [http.StripPrefix]; the pattern must end
// with a slash. It is safe for concurrent use and need not be closed.
func New(o Options) (http.Handler, error) {
	if o.Handler == nil {
		return nil, errors.New("console: Options.Handler is required")
	}
	policy, err := contentPolicy(o.Endpoint)
	if err != nil {
		return nil, err
	}
	c := &console{Options: o, policy: policy, files: loadFiles()}
	// Other sites' pages must not act with the developer's session.
	return c.secured(http.NewCrossOriginProtection().Handler(c)), nil
}

// A console is the handler.
type console struct {
	Options
	policy string
	files  map[string]file
}

// contentPolicy lets the page load its own files and talk to its own server and
// the endpoint, run no inline script, and parse no HTML from strings.
func contentPolicy(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("console: Options.Endpoint: %w", err)
	}
	connect := "'self'" // of WebSockets, too
	switch {
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "", errors.New("console: Options.Endpoint must have neither a user, nor a query, nor a fragment")
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
	case (u.Scheme == "http" || u.Scheme == "https") && plainHost(u.Host):
		connect += " " + u.Scheme + "://" + u.Host + " ws" + strings.TrimPrefix(u.Scheme, "http") + "://" + u.Host
	default:
		return "", fmt.Errorf("console: Options.Endpoint is %q, and must be a path that begins with / or a URL with http or https", endpoint)
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " + connect +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" +
		"; require-trusted-types-for 'script'; trusted-types 'none'", nil
}

// plainHost reports whether a host can stand in a policy.
func plainHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`;,'"*`, r)
	})
}

func (c *console) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", c.policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, last := r.URL.Path, r.URL.Path
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		rest, last = rest[:i], rest[i+1:]
	}
	if rest == "api" || strings.HasSuffix(rest, "/api") {
		c.serveAPI(w, r, last)
		return
	}
	if last == "" {
		last = "index.html"
	}
	f, ok := c.files[last]
	if !ok {
		http.NotFound(w, r)
		return
	}
	f.serve(w, r)
}
