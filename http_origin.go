package hotsock

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// An origin is what a browser says of the page that sends a request: scheme,
// host and port, in lower case. Some pages have only a scheme ("file://").
type origin struct {
	scheme, host, port string // port with the scheme's default filled in
}

// parseOrigin returns false for what is no origin, "null" among it.
func parseOrigin(text string) (origin, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Opaque != "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" ||
		u.ForceQuery || strings.Contains(text, "#") {
		return origin{}, false
	}
	o := origin{scheme: u.Scheme, host: canonicalHost(u.Hostname()), port: u.Port()}
	if o.port == "" {
		o.port = defaultPort(o.scheme)
	}
	return o, true
}

// canonicalHost is how a host is compared. Brackets of IPv6 addresses are not in
// it.
func canonicalHost(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.String()
	}
	return strings.ToLower(host)
}

func defaultPort(scheme string) string {
	switch scheme {
	case "https":
		return "443"
	case "http":
		return "80"
	}
	return ""
}

// serves reports whether the origin is that of the server itself, as the request
// names it. Behind a proxy the scheme is the proxy's, so that nothing but the
// page can tell it.
func (o origin) serves(r *http.Request) bool {
	scheme := o.scheme
	if r.TLS != nil {
		scheme = "https"
	}
	own, ok := parseOrigin(scheme + "://" + r.Host)
	return ok && own == o && defaultPort(scheme) != ""
}

// origins is the list of browser origins that are let in.
type origins struct {
	patterns []originPattern
	// exact are those that have no host: "null", "file://".
	exact []string
	any   bool
}

// An originPattern has parts in the syntax of path.Match.
type originPattern struct {
	scheme string // "" for any
	host   string
	port   string // "" for the default of the scheme, or what a * of the host takes
}

// newOrigins reads patterns that have been checked.
func newOrigins(patterns []string) origins {
	var o origins
	for _, text := range patterns {
		switch text = trimOrigin(text); {
		case text == "*":
			o.any = true
		case isExactOrigin(text):
			o.exact = append(o.exact, text)
		default:
			if p, err := parseOriginPattern(text); err == nil {
				o.patterns = append(o.patterns, p)
			}
		}
	}
	return o
}

// trimOrigin takes off what does not count: space around, case, a slash at the
// end.
func trimOrigin(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if strings.HasSuffix(text, "://") {
		return text
	}
	return strings.TrimSuffix(text, "/")
}

// isExactOrigin: sandboxed pages and some files are of the origin "null", other
// files and the pages of some apps of a scheme alone.
func isExactOrigin(text string) bool {
	scheme, ok := strings.CutSuffix(text, "://")
	return text == "null" || ok && scheme != "" && !hasHosts(scheme)
}

// hasHosts reports whether an origin of the scheme always has a host.
func hasHosts(scheme string) bool {
	return scheme == "http" || scheme == "https" || scheme == "ws" || scheme == "wss"
}

// checkOrigin says why a pattern can never match an origin.
func checkOrigin(text string) error {
	text = trimOrigin(text)
	if text == "*" || isExactOrigin(text) {
		return nil
	}
	_, err := parseOriginPattern(text)
	return err
}

func parseOriginPattern(text string) (p originPattern, err error) {
	rest := text
	if scheme, after, ok := strings.Cut(text, "://"); ok {
		p.scheme, rest = scheme, after
	}
	switch {
	case rest == "":
		return p, errors.New("it is empty")
	case strings.ContainsAny(rest, ", \t\r\n"):
		return p, errors.New("it has white space or a comma in it: give each origin as an element of its own")
	case strings.ContainsAny(rest, "/#@"):
		return p, errors.New("it has more than a scheme, a host and a port, such as a path")
	case p.scheme == "ws" || p.scheme == "wss":
		return p, errors.New("the origin of a page is never ws or wss: say http or https")
	case strings.ContainsFunc(text, func(r rune) bool { return r > '~' }):
		return p, errors.New("browsers send international names in ASCII: write the host as they do, with xn--")
	}
	if p.host, p.port, err = splitPattern(rest); err != nil {
		return p, err
	}
	for _, part := range []string{p.scheme, p.host, p.port} {
		if _, err := path.Match(part, ""); err != nil {
			return p, errors.New("it is not a pattern of path.Match")
		}
	}
	return p, nil
}

// splitPattern splits a host and a port.
func splitPattern(text string) (host, port string, err error) {
	host = text
	// A colon before a closing bracket is that of an IPv6 address.
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		host, port = text[:i], text[i+1:]
		if port == "" {
			return "", "", errors.New("it ends with a colon, without a port")
		}
		if !strings.ContainsAny(port, `*?[\`) {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil || n == 0 {
				return "", "", errors.New("its port is not a number from 1 to 65535")
			}
			port = strconv.FormatUint(n, 10)
		}
	}
	inner, ipv6 := strings.CutPrefix(host, "[")
	if inner, ok := strings.CutSuffix(inner, "]"); ok && ipv6 && strings.Contains(inner, ":") {
		a, err := netip.ParseAddr(inner)
		if err != nil || !a.Is6() {
			return "", "", errors.New("what is in brackets is not an IPv6 address")
		}
		return a.String(), port, nil
	}
	if host == "" || strings.Contains(host, ":") {
		return "", "", errors.New("its host is missing, or an IPv6 address without brackets")
	}
	return host, port, nil
}

func (p *originPattern) matches(o origin) bool {
	// Errors were found when the options were validated.
	match := func(pattern, text string) bool { ok, _ := path.Match(pattern, text); return ok }
	switch {
	case p.scheme != "" && !match(p.scheme, o.scheme):
		return false
	case p.port != "":
		return match(p.host, o.host) && match(p.port, o.port)
	case o.port == defaultPort(o.scheme):
		return match(p.host, o.host)
	}
	return match(p.host, net.JoinHostPort(o.host, o.port))
}

func (o *origins) match(text string, r *http.Request) bool {
	if o.any || slices.Contains(o.exact, strings.ToLower(text)) {
		return true
	}
	from, ok := parseOrigin(text)
	if !ok || from.host == "" {
		return false
	}
	return from.serves(r) || slices.ContainsFunc(o.patterns, func(p originPattern) bool { return p.matches(from) })
}

// allowSocket decides on an upgrade. Requests without Origin do not come from
// browsers.
func (o *origins) allowSocket(r *http.Request) bool {
	from := r.Header.Get("Origin")
	return from == "" || o.match(from, r)
}

// allowAPI decides on a call of the client's HTTP API, which carries its own
// secret: by default anybody's.
func (o *origins) allowAPI(from string, r *http.Request) bool {
	return len(o.patterns)+len(o.exact) == 0 || o.match(from, r)
}
