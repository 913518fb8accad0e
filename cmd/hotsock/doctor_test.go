package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/token"
)

// examine runs the doctor, and returns its findings by their checks.
func examine(t *testing.T, x *terminal, args ...string) (code int, found map[string]finding) {
	t.Helper()
	code, out, errs := x.run("", append([]string{"doctor", "--json", "--silence", "0"}, args...)...)
	var report struct {
		OK       *bool
		Findings []finding
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.OK == nil || *report.OK != (code == exitOK) {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	found = make(map[string]finding)
	for _, f := range report.Findings {
		found[f.Check] = f
		if f.Seen == "" || (f.Change == "") != (f.Result == resultOK || f.Result == resultSkip) {
			t.Errorf("%+v says too little or too much", f)
		}
		for name, secret := range x.env {
			if name != "HOTSOCK_URL" && secret != "" && strings.Contains(f.Seen+f.Change, secret) {
				t.Errorf("%+v tells %s", f, name)
			}
		}
	}
	return code, found
}

// expect looks for what a check must say.
func expect(t *testing.T, found map[string]finding, check, result, seen, change string) {
	t.Helper()
	f := found[check]
	if f.Result != result || !strings.Contains(f.Seen, seen) || !strings.Contains(f.Change, change) {
		t.Errorf("%s: want %s, %q and %q; found %+v of %+v", check, result, seen, change, f, found)
	}
}

// TestDoctorAllWell: a good installation gets no advice.
func TestDoctorAllWell(t *testing.T) {
	_, url := newServer(t)
	code, found := examine(t, newTerminal(t, url))
	for _, f := range found {
		if f.Result != resultOK && f.Check != "silence" {
			t.Errorf("%+v", f)
		}
	}
	if code != exitOK || len(found) < 12 {
		t.Errorf("exit code %d, %d checks", code, len(found))
	}
	if _, found = examine(t, (&terminal{t, nil}).with("HOTSOCK_URL", url)); found["upgrade"].Result != resultOK || found["connect"].Result != resultSkip {
		t.Errorf("without any secret it finds %+v", found)
	}
	text := newTerminal(t, url).must("", "doctor", "--silence", "200ms")
	if !strings.Contains(text, "ok    silence") || !strings.Contains(text, " 0 failures") {
		t.Errorf("for people it says:\n%s", text)
	}
}

// TestDoctor: what is wrong is found, and called by its name.
func TestDoctor(t *testing.T) {
	rt, url := newServer(t)
	other, _ := newServer(t)
	mux := func(pattern string, h http.Handler) http.Handler {
		m := http.NewServeMux()
		m.Handle(pattern, h)
		return m
	}
	var balanced sync.Map
	for _, row := range []struct {
		why                         string
		x                           *terminal
		check, result, seen, change string
	}{
		{"nothing listens", at(t, "http://127.0.0.1:1/rt"), "address", resultFail, "Nothing listens at 127.0.0.1:1", "right port"},
		{"no such host", at(t, "http://nobody.invalid/rt"), "address", resultFail, "nobody.invalid is not found", "DNS"},
		{"another prefix", at(t, strings.Replace(url, "/rt", "/realtime", 1)), "mount", resultFail, "There is no handler at", "It is at " + url},
		{"no handler", at(t, listen(t, http.NotFoundHandler())+"/rt"), "mount", resultFail, "404", "docs/mounting.md"},
		{"a page of its own for everything", at(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hotsock") }))+"/rt"), "mount", resultFail, "200", ""},
		{"mounted with a slash only", at(t, listen(t, mux("/rt/", rt))+"/rt"), "upgrade", resultFail, "redirects from /rt to /rt/", "both /rt and /rt/"},
		{"mounted without what is below", at(t, listen(t, mux("/rt", rt))+"/rt"), "mount", resultFail, "client.js is answered with 404", ""},
		{"http of a server that redirects", at(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://app.test"+r.URL.Path, http.StatusMovedPermanently)
		}))+"/rt"), "mount", resultFail, "redirects to https://app.test/rt/client.js", "https://app.test/rt"},
		{"middleware that hides Hijack", at(t, listen(t, http.TimeoutHandler(rt, time.Minute, ""))+"/rt"), "connect", resultSkip, "", ""},
		{"middleware that hides Hijack, with a key", newTerminal(t, listen(t, http.TimeoutHandler(rt, time.Minute, ""))+"/rt"), "upgrade", resultFail, "cannot take the connection over", "http.TimeoutHandler"},
		{"a login page", at(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".js") {
				rt.ServeHTTP(w, r)
				return
			}
			http.Redirect(w, r, "/login?secret=1", http.StatusFound)
		}))+"/rt"), "upgrade", resultFail, "redirects to http://127.0.0.1", "the handler authenticates by itself"},
		{"another key", newTerminal(t, url).with("HOTSOCK_KEY", testSecret+"!"), "connect", resultFail, "signed with this key just now", "Options.Keys"},
		{"an expired token", newTerminal(t, url).with("HOTSOCK_TOKEN", mustSign(t, token.Claims{Expires: time.Now().Add(-time.Hour)})), "connect", resultFail, "expired", "Get a new one"},
		{"a token from the future", newTerminal(t, url).with("HOTSOCK_TOKEN", mustSign(t, token.Claims{IssuedAt: time.Now().Add(30 * time.Second)})), "connect", resultFail, "clock is ahead", "set the clock"},
		{"no token", newTerminal(t, url).with("HOTSOCK_TOKEN", "no-such-token"), "connect", resultFail, "The token is none", "endpoint"},
		{"another API key", newTerminal(t, url).with("HOTSOCK_API_KEY", "another key"), "api key", resultFail, "does not take", "Options.APIKeys"},
		{"a clock that is behind", at(t, listen(t, atAnotherTime(rt, -time.Minute))+"/rt"), "clock", resultFail, "behind", "Synchronise"},
		{"a clock that is a little ahead", at(t, listen(t, atAnotherTime(rt, 4*time.Second))+"/rt"), "clock", resultWarn, "ahead of", "tolerate 5 s"},
		{"nodes that share no store", newTerminal(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/connection/") { // by connection, as a balancer
				if first, _ := balanced.LoadOrStore("first", r.RemoteAddr); first != r.RemoteAddr {
					other.ServeHTTP(w, r)
					return
				}
			}
			rt.ServeHTTP(w, r)
		}))+"/rt"), "requests", resultFail, "does not", "share no store"},
		{"requests that do not come through", newTerminal(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				http.Error(w, "no", http.StatusMethodNotAllowed)
				return
			}
			rt.ServeHTTP(w, r)
		}))+"/rt"), "requests", resultFail, "405", "POST"},
		{"another answer instead of events", newTerminal(t, instead(t, rt, func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") })), "fallback", resultWarn, `with 200, "text/html`, "GET http"},
		{"an answer that ends", newTerminal(t, instead(t, rt, func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, ": hello\n")
		})), "fallback", resultWarn, "ends before", "logs"},
		{"events of something else", newTerminal(t, instead(t, rt, func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: {\"event\":\"news\"}\n\n")
		})), "fallback", resultWarn, "another one comes", "logs"},
		{"an answer without lines and without an end", newTerminal(t, instead(t, rt, func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			for piece := strings.Repeat(" ", 1<<16); ; {
				if _, err := fmt.Fprint(w, piece); err != nil {
					return
				}
			}
		})), "fallback", resultWarn, "ends before", "logs"},
		{"a server of 0.2 and no stream", newTerminal(t, instead(t, rt, func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"code":"NOT_FOUND","message":"no"}}`)
		})), "fallback", resultSkip, "0.2", ""},
		{"a token that is good for once", newTerminal(t, url).with("HOTSOCK_TOKEN", mustSign(t, token.Claims{SingleUse: true})), "fallback", resultSkip, "good for once", ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			_, found := examine(t, row.x)
			expect(t, found, row.check, row.result, row.seen, row.change)
		})
	}
}

// instead serves a handler, except that something else answers requests for feeds.
func instead(t *testing.T, rt http.Handler, answer func(http.ResponseWriter)) string {
	t.Helper()
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stream") {
			answer(w)
			return
		}
		rt.ServeHTTP(w, r)
	})) + "/rt"
}

func at(t *testing.T, url string) *terminal { return (&terminal{t, nil}).with("HOTSOCK_URL", url) }

// listen serves a handler, and returns the address.
func listen(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// atAnotherTime answers with a Date that is off.
func atAnotherTime(h http.Handler, by time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
		h.ServeHTTP(w, r)
	})
}

// TestDoctorOrigins: of pages that may not connect, and of those that should not.
func TestDoctorOrigins(t *testing.T) {
	rt, address := newServer(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: u.Host})
			r.Out.Host = "backend" // as a proxy does that is not told to pass it on
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	_, found := examine(t, at(t, listen(t, proxy)+"/rt"))
	expect(t, found, "origin", resultFail, "another Host", "$http_host")
	_, found = examine(t, at(t, listen(t, rt)+"/rt"), "--origin", "https://pages.test/")
	expect(t, found, "origin", resultFail, "https://pages.test are refused", "AllowedOrigins")
	_, open := newServer(t, func(o *hotsock.Options) { o.AllowedOrigins = []string{"*"} })
	code, found := examine(t, at(t, open))
	expect(t, found, "origin", resultWarn, "any site", "List your origins")
	if code != exitOK {
		t.Errorf("a warning is a failure: %d", code)
	}
	if code, _, _ := at(t, open).run("", "doctor", "--origin", "pages.test"); code != exitUsage {
		t.Errorf("an origin without a scheme: %d", code)
	}
}

// TestDoctorTLS: certificates, and ports of the other kind.
func TestDoctorTLS(t *testing.T) {
	rt, plain := newServer(t)
	s := httptest.NewUnstartedServer(rt)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	_, found := examine(t, at(t, s.URL+"/rt"))
	expect(t, found, "tls", resultFail, "unknown authority", "whole chain")
	_, found = examine(t, at(t, strings.Replace(plain, "http:", "https:", 1)))
	expect(t, found, "tls", resultFail, "TLS fails", "does not speak TLS")
	_, found = examine(t, at(t, strings.Replace(s.URL, "https:", "http:", 1)+"/rt"))
	expect(t, found, "mount", resultFail, "HTTP at a port of HTTPS", "https")
	for _, row := range []struct {
		err  error
		want string
	}{
		{x509.HostnameError{Certificate: new(x509.Certificate), Host: "a"}, "other names"},
		{x509.CertificateInvalidError{Reason: x509.Expired}, "Renew"},
		{tls.RecordHeaderError{}, "does not speak TLS"},
		{net.ErrClosed, "log"},
	} {
		if got := tlsChange(fmt.Errorf("tls: %w", row.err)); !strings.Contains(got, row.want) {
			t.Errorf("%v: %s", row.err, got)
		}
	}
}

// TestDoctorVersion: a server of 0.2 does not know how to refresh.
func TestDoctorVersion(t *testing.T) {
	rt, _ := newServer(t)
	x := newTerminal(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" || r.URL.Query().Get("token") == "" {
			r.Header.Del("Sec-WebSocket-Protocol") // which 0.2 does not look at
			rt.ServeHTTP(w, r)
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		text := `{"event":"hotsock.connected","data":{"connectionId":"x","connectionSecret":"y"}}`
		for {
			if c.Write(r.Context(), websocket.MessageText, []byte(text)) != nil {
				return
			}
			_, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			var f frame
			_ = json.Unmarshal(b, &f) // It has a ref.
			text = `{"event":"hotsock.error","error":{"code":"UNKNOWN_EVENT","message":"no"},"ref":"` + f.Ref + `"}`
		}
	}))+"/rt")
	_, found := examine(t, x)
	expect(t, found, "token", resultWarn, "in the URL only", "update it")
	expect(t, found, "version", resultWarn, "0.2", "Update it")
	expect(t, found, "messages", resultFail, "Subscribing fails: the server answers UNKNOWN_EVENT.", "log")
}

// TestDoctorSilence: who ends a silent connection is told from the server.
func TestDoctorSilence(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: waits for a timeout")
	}
	_, url := newServer(t, func(o *hotsock.Options) { o.IdleTimeout = time.Second })
	code, out, _ := newTerminal(t, url).run("", "doctor", "--silence", "20s")
	if code != exitFailed || !strings.Contains(out, "fail  silence") || !strings.Contains(out, "The server closed a silent connection") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
