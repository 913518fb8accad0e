package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// soon is when a certificate that expires is worth a warning.
const soon = 14 * 24 * time.Hour

// port is that of the URL, or its scheme's.
func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func (x *doctor) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort(x.base.Hostname(), port(x.base)))
}

// address: somebody listens.
func (x *doctor) address(ctx context.Context) bool {
	host := net.JoinHostPort(x.base.Hostname(), port(x.base))
	c, err := x.dial(ctx)
	if err == nil {
		defer c.Close()
		return x.ok("address", "%s listens at %s", host, c.RemoteAddr())
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return x.fail("address", "The name "+x.base.Hostname()+" is not found.", "Check its spelling, and its records in DNS.")
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return x.fail("address", fmt.Sprintf("%s does not answer within %v.", host, x.timeout), "Look for a firewall or a security group that drops the packets.")
	}
	return x.fail("address", fmt.Sprintf("Nothing listens at %s: %v.", host, err), "Start the server or its proxy, or give the URL with the right port.")
}

// tls: the certificate is good, or there is a reason for none.
func (x *doctor) tls(ctx context.Context) bool {
	if x.base.Scheme == "http" {
		ip := net.ParseIP(x.base.Hostname())
		if x.base.Hostname() == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsPrivate()) {
			return x.ok("tls", "none, which is fine for an address of this machine or network")
		}
		return x.warn("tls", "The URL begins with http: tokens and messages cross the network for everybody to read,\nand pages that are loaded over https cannot connect.",
			"Use https, with TLS at the proxy or with ListenAndServeTLS.")
	}
	c, err := x.dial(ctx)
	if err != nil {
		return x.fail("tls", fmt.Sprintf("Connecting a second time failed: %v.", err), "See whether the server limits connections.")
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(x.timeout))
	secure := tls.Client(c, &tls.Config{ServerName: x.base.Hostname(), MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		return x.fail("tls", fmt.Sprintf("TLS fails: %v.", err), tlsChange(err))
	}
	state := secure.ConnectionState()
	until := state.PeerCertificates[0].NotAfter
	if left := time.Until(until); left < soon {
		return x.warn("tls", "The certificate expires "+in(until, time.Now())+".", "Renew it, and see why that has not happened by itself.")
	}
	return x.ok("tls", "%s, with a certificate until %s", tls.VersionName(state.Version), until.Format(time.DateOnly))
}

func tlsChange(err error) string {
	switch {
	case as[tls.RecordHeaderError](err):
		return "This port does not speak TLS: give the URL with http, or the port that does."
	case as[x509.HostnameError](err):
		return "The certificate is for other names: give the URL with one of these, or get a certificate for this one."
	case as[x509.UnknownAuthorityError](err):
		return "Have the server send the whole chain of its certificate, with the intermediate ones; browsers trust no certificate of your own."
	case as[x509.CertificateInvalidError](err):
		return "Renew the certificate; if it is new, check the clock of this machine."
	}
	return "See the log of what ends TLS."
}

func as[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// An answer is what a GET is answered with.
type answer struct {
	status   int
	kind     string // the media type
	body     string // its beginning
	location *url.URL
}

// maxLooked is how much of an answer is looked at, in bytes.
const maxLooked = 4 << 10

func (x *doctor) get(ctx context.Context, u *url.URL) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer{}, errors.New("the URL cannot be used")
	}
	res, err := x.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxLooked))
	a := answer{status: res.StatusCode, kind: res.Header.Get("Content-Type"), body: string(body)}
	if res.StatusCode/100 == 3 {
		a.location, _ = res.Location()
	}
	return a, err
}

// isHandler reports whether the handler is mounted where the address is a part of
// its prefix: it serves its client for browsers there.
func (a *answer) isHandler() bool {
	return a.status == http.StatusOK && strings.HasPrefix(a.kind, "text/javascript") && strings.Contains(strings.ToLower(a.body), "hotsock")
}

const clientPath = "client.js"

// mount: the handler is below the URL.
func (x *doctor) mount(ctx context.Context) bool {
	a, err := x.get(ctx, x.base.JoinPath(clientPath))
	switch {
	case err != nil && x.base.Scheme == "http":
		return x.fail("mount", fmt.Sprintf("The server does not answer over HTTP: %v.", err), "If this port speaks TLS, give the URL with https.")
	case err != nil:
		return x.fail("mount", fmt.Sprintf("The server does not answer: %v.", err), "See its log.")
	case a.isHandler():
		return x.ok("mount", "the handler is at %s", shownURL(x.base))
	case a.location != nil && a.location.Scheme == "https" && x.base.Scheme == "http":
		secure := *x.base
		secure.Scheme, secure.Host = "https", a.location.Host
		return x.fail("mount", fmt.Sprintf("The server redirects to %s, and WebSocket clients do not follow.", shownURL(a.location)),
			"Give clients "+shownURL(&secure)+".")
	case a.status == http.StatusBadRequest && strings.Contains(strings.ToLower(a.body), "https"):
		return x.fail("mount", "The server says that this is HTTP at a port of HTTPS.", "Give the URL with https.")
	case a.status == http.StatusBadGateway || a.status == http.StatusServiceUnavailable || a.status == http.StatusGatewayTimeout:
		return x.fail("mount", fmt.Sprintf("A proxy answers %d: it does not reach the app.", a.status),
			"See whether the app runs, and at which address the proxy looks for it.")
	}
	seen := fmt.Sprintf("There is no handler at %s: %s is answered with %d, %q.", shownURL(x.base), clientPath, a.status, a.kind)
	for _, path := range x.elsewhere() {
		u := *x.base
		u.Path, u.RawPath = path, ""
		if a, err := x.get(ctx, u.JoinPath(clientPath)); err == nil && a.isHandler() {
			return x.fail("mount", seen, "It is at "+shownURL(&u)+": give that as the URL, or mount it at both "+strings.TrimSuffix(x.base.Path, "/")+" and "+strings.TrimSuffix(x.base.Path, "/")+"/.")
		}
	}
	return x.fail("mount", seen, "Mount the handler at both /rt and /rt/, and have the proxy pass on all that is below:\ndocs/mounting.md shows how, for routers and proxies.")
}

// elsewhere are the paths at which the handler might be instead.
func (x *doctor) elsewhere() []string {
	path := strings.TrimSuffix(x.base.Path, "/")
	paths := []string{path + "/rt", "/rt", "/api/rt", "/realtime", "/hotsock", "/ws", ""}
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		paths = append(paths, path[:i])
	}
	var unique []string
	for _, p := range paths {
		if p != path && !slices.Contains(unique, p) {
			unique = append(unique, p)
		}
	}
	const most = 12
	return unique[:min(len(unique), most)]
}
