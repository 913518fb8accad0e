package hotsock

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// An origin is compared as what it is, whatever else it looks like.
func TestOriginsThatLookLikeOthers(t *testing.T) {
	o := newOrigins([]string{"app.example.com", "*.example.org", "https://secure.example.net"})
	for _, tt := range []struct {
		origin, host string
		ok           bool
	}{
		{"https://app.example.com", "here", true},
		{"https://here", "here", true},
		{"https://a.example.org", "here", true},
		{"https://secure.example.net", "here", true},
		{"http://secure.example.net", "here", false},
		{"https://app.example.com@elsewhere.test", "here", false},
		{"https://app.example.com:x@elsewhere.test", "here", false},
		{"https://elsewhere.test#app.example.com", "here", false},
		{"https://elsewhere.test/app.example.com", "here", false},
		{"https://elsewhere.test?app.example.com", "here", false},
		{"https://elsewhere.test\\@app.example.com", "here", false},
		{"https://app.example.com.", "here", false},
		{"https://app.example.com:8443", "here", false},
		{"https://aexample.org", "here", false},
		{"https://example.org", "here", false},
		{"https://a.example.org.elsewhere.test", "here", false},
		{"https://elsewhere.test/.example.org", "here", false},
		{"https://here.elsewhere.test", "here", false},
		{"https://here@elsewhere.test", "here", false},
		{"app.example.com", "here", false}, // no origin
		{"null", "here", false},
		{"null", "", false},
		{"", "here", true}, // not from a browser
		{"https://", "", false},
		{"file://", "", false},
		{" ", "here", false},
		{"https://app.example.com, https://elsewhere.test", "here", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/rt", nil)
		r.Host = tt.host
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		if got := o.allowSocket(r); got != tt.ok {
			t.Errorf("%q on %q: %v", tt.origin, tt.host, got)
		}
	}
}

// originRequest is a request of a page to a host.
func originRequest(page, host string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/rt", http.NoBody)
	r.Host = host
	r.Header.Set("Origin", page)
	return r
}

// The server's own origin needs no permission, however proxies write its port,
// and whatever other origins are allowed.
func TestOwnOrigin(t *testing.T) {
	for _, tt := range []struct {
		origin, host string
		tls, ok      bool
	}{
		{"https://example.com", "example.com", false, true},
		{"https://example.com", "example.com:443", false, true},
		{"https://example.com:443", "example.com", false, true},
		{"http://example.com", "example.com:80", false, true},
		{"https://EXAMPLE.com", "Example.COM:443", false, true},
		{"http://example.com/", "example.com", false, true}, // as some libraries send it
		{"https://example.com:8443", "example.com:8443", false, true},
		{"http://[::1]:3000", "[::1]:3000", false, true},
		{"http://[::1]", "[0:0:0:0:0:0:0:1]:80", false, true},
		{"https://example.com", "example.com", true, true},
		{"http://example.com", "example.com", true, false}, // another scheme
		{"http://example.com", "example.com:443", false, false},
		{"https://example.com", "example.com:80", false, false},
		{"https://example.com", "example.com:8443", false, false},
		{"https://example.com:8443", "example.com", false, false},
		{"http://[::1]:3000", "1:3000", false, false},
		{"https://www.example.com", "example.com", false, false},
		{"app://example.com", "example.com", false, false}, // a server is http or https
		{"https://example.com", "", false, false},
	} {
		for _, o := range []origins{newOrigins(nil), newOrigins([]string{"https://other.test"})} {
			r := originRequest(tt.origin, tt.host)
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if got := o.allowSocket(r); got != tt.ok {
				t.Errorf("a WebSocket of %q to %q, TLS %t: %t", tt.origin, tt.host, tt.tls, got)
			}
			if got := o.allowAPI(tt.origin, r); got != (tt.ok || len(o.patterns) == 0) {
				t.Errorf("HTTP of %q to %q, TLS %t: %t", tt.origin, tt.host, tt.tls, got)
			}
		}
	}
}

// What is written differently and means the same is the same.
func TestAllowedOrigins(t *testing.T) {
	for _, tt := range []struct {
		allowed, origin string
		ok              bool
	}{
		{"https://app.example.com:443", "https://app.example.com", true},
		{"https://app.example.com", "https://app.example.com:443", true},
		{"https://app.example.com/", "https://app.example.com", true},
		{"HTTPS://App.Example.com", "https://app.example.com", true},
		{" https://app.example.com ", "https://app.example.com", true},
		{"app.example.com:443", "https://app.example.com", true},
		{"app.example.com:443", "http://app.example.com", false},
		{"app.example.com", "http://app.example.com", true},
		{"app.example.com", "https://app.example.com:8443", false},
		{"https://app.example.com:0443", "https://app.example.com", true},
		{"http://localhost:*", "http://localhost:3000", true},
		{"http://localhost:*", "http://localhost", true},
		{"localhost:30?0", "http://localhost:3010", true},
		{"https://*", "https://app.example.com", true},
		{"https://*", "https://app.example.com:8443", true},
		{"https://*", "http://app.example.com", false},
		{"https://*.example.com", "https://a.example.com:8443", false},
		{"*://app.example.com", "app://app.example.com", true},
		{"[ab].example.com", "https://a.example.com", true},
		{"http://[::1]:3000", "http://[::1]:3000", true},
		{"http://[0:0::1]:3000", "http://[::1]:3000", true},
		{"http://[::1]:3000", "http://1:3000", false},
		{"http://[::1]:3000", "http://[::1]", false},
		{"http://[::1]", "http://[::1]:3000", false},
		{"[::1]", "http://[::1]", true},
		{"http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]", true},
		{"null", "null", true},
		{"NULL", "null", true},
		{"null", "file://", false},
		{"file://", "file://", true},
		{"file:///", "file://", true},
		{"file://", "null", false},
		{"app://", "app://", true},
		{"capacitor://localhost", "capacitor://localhost", true},
		{"app://.", "app://.", true},
		{"chrome-extension://abcdefgh", "chrome-extension://abcdefgh", true},
		{"*", "null", true},
		{"*", "file://", true},
	} {
		if err := checkOrigin(tt.allowed); err != nil {
			t.Errorf("%q: %v", tt.allowed, err)
		}
		o := newOrigins([]string{tt.allowed})
		r := originRequest(tt.origin, "here.test")
		if socket, api := o.allowSocket(r), o.allowAPI(tt.origin, r); socket != tt.ok || api != tt.ok {
			t.Errorf("allowed %q, origin %q: WebSocket %t, HTTP %t, want %t", tt.allowed, tt.origin, socket, api, tt.ok)
		}
	}
}

// An origin that could never match is refused at the start.
func TestAllowedOriginsAreChecked(t *testing.T) {
	for pattern, want := range map[string]string{
		"":                               "empty",
		"  ":                             "empty",
		"/":                              "empty",
		"https://":                       "empty",
		"://":                            "empty",
		"https://a.test, https://b.test": "an element of its own",
		"a.test b.test":                  "an element of its own",
		"a.test,b.test":                  "an element of its own",
		"https://app.example.com/app":    "such as a path",
		"https://app.example.com/#x":     "such as a path",
		"https://user@app.example.com":   "such as a path",
		"//app.example.com":              "such as a path",
		"wss://app.example.com":          "never ws or wss",
		"ws://localhost:3000":            "never ws or wss",
		"https://münchen.example":        "xn--",
		"https://app.example.com:":       "without a port",
		"https://app.example.com:port":   "1 to 65535",
		"https://app.example.com:0":      "1 to 65535",
		"https://app.example.com:65536":  "1 to 65535",
		"https://:443":                   "host is missing",
		"http://::1":                     "without brackets",
		"http://[::1":                    "without brackets",
		"http://[::*]":                   "not an IPv6 address",
		"http://[fe80::1]x:1":            "without brackets",
		"[a":                             "path.Match",
		"https://app.example.com:[":      "path.Match",
	} {
		if err := checkOrigin(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", pattern, err, want)
		}
	}
}
