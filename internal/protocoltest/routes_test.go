package protocoltest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// Section 1: routes.
func TestRoutes(t *testing.T) {
	key := []string{"Authorization", "Bearer " + apiKeys[1]}
	everywhere(t, nil, func(t *testing.T, e *env) {
		for _, tt := range []struct {
			why, method, path string
			header            []string
			status            int
			code, allow       string
		}{
			{"an unknown path", "GET", "/nothing", nil, 404, "NOT_FOUND", ""},
			{"the socket's path without an upgrade", "GET", "", nil, 404, "NOT_FOUND", ""},
			{"and with a slash", "GET", "/", nil, 404, "NOT_FOUND", ""},
			{"an upgrade to something else", "GET", "/", []string{"Connection", "Upgrade", "Upgrade", "h2c"}, 404, "NOT_FOUND", ""},
			{"an unknown operation", "POST", "/connection/nothing", nil, 404, "NOT_FOUND", ""},
			{"names of operations have a case", "POST", "/connection/PublishMessage", nil, 404, "NOT_FOUND", ""},
			{"an operation within another", "POST", "/connection/publishMessage/x", nil, 404, "NOT_FOUND", ""},
			{"an operation by GET", "GET", "/connection/publishMessage", nil, 405, "METHOD_NOT_ALLOWED", "POST, OPTIONS"},
			{"an operation by PUT", "PUT", "/connection/listMessages", nil, 405, "METHOD_NOT_ALLOWED", "POST, OPTIONS"},
			{"the server's publish by GET", "GET", "/publish", key, 405, "METHOD_NOT_ALLOWED", "POST"},
			{"a channel by POST", "POST", "/channels/room", key, 405, "METHOD_NOT_ALLOWED", "GET, DELETE"},
			{"storage by PUT", "PUT", "/channels/room/storage", key, 405, "METHOD_NOT_ALLOWED", "GET, DELETE"},
			{"storage by DELETE without saying of what", "DELETE", "/channels/room/storage", key, 400, "INVALID_REQUEST", ""},
			{"the client for browsers by POST", "POST", "/client.js", nil, 405, "METHOD_NOT_ALLOWED", "GET, HEAD"},
			{"and something near it", "GET", "/client.mjs", nil, 404, "NOT_FOUND", ""},
			{"a batch by GET", "GET", "/publish/batch", key, 405, "METHOD_NOT_ALLOWED", "POST"},
			{"a connection by GET", "GET", "/connections/x", key, 405, "METHOD_NOT_ALLOWED", "DELETE"},
			{"a user's connections by POST", "POST", "/users/Jim/connections", key, 405, "METHOD_NOT_ALLOWED", "DELETE"},
			{"a channel's user by PUT", "PUT", "/channels/room/users/Jim", key, 405, "METHOD_NOT_ALLOWED", "DELETE"},
			{"schedules by DELETE, which would be too easy", "DELETE", "/schedules", key, 405, "METHOD_NOT_ALLOWED", "GET"},
			{"a schedule by GET", "GET", "/schedules/g/id", key, 405, "METHOD_NOT_ALLOWED", "DELETE, PATCH"},
			{"all connections by DELETE, which would be too easy", "DELETE", "/connections", key, 405, "METHOD_NOT_ALLOWED", "GET"},
			{"the users by POST", "POST", "/users", key, 405, "METHOD_NOT_ALLOWED", "GET"},
			{"the channels by DELETE", "DELETE", "/channels", key, 405, "METHOD_NOT_ALLOWED", "GET"},
			{"a user", "DELETE", "/users/Jim", key, 404, "NOT_FOUND", ""},
			{"a schedule without its group", "DELETE", "/schedules/id", key, 404, "NOT_FOUND", ""},
			{"a method that is put into a header", "POST", "/connections/x", append([]string{"X-HTTP-Method-Override", "DELETE"}, key...), 405, "METHOD_NOT_ALLOWED", "DELETE"},
			{"or into the query", "POST", "/connections/x?_method=DELETE", key, 405, "METHOD_NOT_ALLOWED", "DELETE"},
			{"a channel that is called as the client's API", "POST", "/channels/connection", key, 405, "METHOD_NOT_ALLOWED", "GET, DELETE"},
			{"its storage", "POST", "/channels/connection/storage", key, 405, "METHOD_NOT_ALLOWED", "GET, DELETE"},
			{"the server API is not for browsers", "OPTIONS", "/publish", nil, 405, "METHOD_NOT_ALLOWED", "POST"},
			{"a channel without a name", "GET", "/channels/", key, 400, "INVALID_REQUEST", ""},
			{"deeper than storage", "GET", "/channels/room/storage/key", key, 404, "NOT_FOUND", ""},
		} {
			t.Run(tt.why, func(t *testing.T) {
				a := e.request(t, e.next(), tt.method, tt.path, "", tt.header...)
				a.wantError(t, tt.status, tt.code)
				if got := a.header.Get("Allow"); got != tt.allow {
					t.Errorf("Allow is %q, want %q", got, tt.allow)
				}
			})
		}
	})
}

// Everything that a name may contain can stand in a path.
func TestChannelsInPaths(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		for _, name := range []string{
			"room", "a/b", "/", "a//b", "..", ".", "a%2Fb", "100%", "ä€😀", "a+b", "?x=y", "a;b", "[x]", `"q"`, "a\\b", "&amp",
			// Names that are also words of the paths themselves.
			"storage", "channels", "connection", "publish", "channels/x/storage",
			strings.Repeat("x", 256),
			strings.Repeat("😀", 256),
		} {
			t.Run(name, func(t *testing.T) {
				e.set("name", quoteBody(name))
				path := "/channels/" + url.PathEscape(name)
				if name == "." || name == ".." {
					path = strings.ReplaceAll(path, ".", "%2E") // else it is not a name
				}
				e.server(t, http.MethodGet, path, "").want(t, 200, `{"name":"$name","subscriptionsCount":0}`)
				e.server(t, http.MethodPost, "/publish", `{"channel":"$name","event":"hotsock.channelStorageSet","key":"k","data":1}`).
					want(t, 202, `{"channel":"$name","event":"hotsock.channelStorageSet"}`)
				e.server(t, http.MethodGet, path+"/storage", "").
					want(t, 200, `{"items":[{"key":"k","data":1,"meta":{"uid":null,"umd":null}}]}`)
			})
		}
		for why, segment := range map[string]string{
			"257 characters": strings.Repeat("x", 257), "a space": "a%20b", "an asterisk": "%2A", "a number sign": "%23",
			"a comma": "a%2Cb", "a newline": "%0A", "not UTF-8": "%FF", "NUL": "%00", "no-break space": "%C2%A0",
		} {
			t.Run(why, func(t *testing.T) {
				e.server(t, http.MethodGet, "/channels/"+segment, "").wantError(t, 400, "INVALID_REQUEST")
				e.server(t, http.MethodGet, "/channels/"+segment+"/storage", "").wantError(t, 400, "INVALID_REQUEST")
			})
		}
	})
}

// The handler works wherever it is mounted.
func TestMounting(t *testing.T) {
	t.Parallel()
	e := newEnv(t, topologies[0].stores(t), nil)
	h := e.nodes[0].Handler
	wrapped := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(unwrapper{w}, r)
	})
	for _, tt := range []struct{ why, pattern, base, suffix string }{
		{"at the root", "/", "", "/"},
		{"below a prefix", "/rt/", "/rt", "/"},
		{"below a prefix, without a slash at the end", "/rt", "/rt", ""},
		{"below a deep prefix", "/api/v1/rt/", "/api/v1/rt", "/"},
		{"below a prefix with a variable", "/t/{tenant}/", "/t/acme", "/"},
	} {
		for name, handler := range map[string]http.Handler{
			"as it is": h, "stripped": http.StripPrefix(tt.base, h), "behind middleware": wrapped,
		} {
			t.Run(tt.why+", "+name, func(t *testing.T) {
				if tt.suffix == "" {
					needsSocket(t, "it is mounted at one address")
				}
				mux := http.NewServeMux()
				mux.Handle(tt.pattern, handler)
				srv := httptest.NewServer(mux)
				t.Cleanup(srv.Close)
				here := &env{nodes: []*node{{h, srv.URL + tt.base}}, http: e.http, patience: e.patience, logs: e.logs}
				c, refused := here.dial(t, 0, tt.suffix+"?token="+token(t, user("Jim", `{"room":{"getInfo":true}}`)), nil)
				if refused != nil {
					t.Fatalf("refused: %d %s", refused.status, refused.body)
				}
				c.Greet()
				c.ExpectNothing()
				if tt.suffix == "" {
					return // mounted for the socket only
				}
				c.call(t, "getChannelInfo", `{"channel":"room"}`).want(t, 200, `{"channel":"room","subscriptionsCount":0}`)
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					a := here.request(t, 0, method, "/client.js", "", "Origin", "https://elsewhere.example")
					if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "*" ||
						(method == http.MethodGet) != strings.Contains(a.body, "class Client extends") {
						t.Errorf("%s client.js: status %d, header %v", method, a.status, a.header)
					}
				}
				here.server(t, http.MethodGet, "/channels/room", "").want(t, 200, `{"name":"room","subscriptionsCount":0}`)
				here.server(t, http.MethodPost, "/publish", `{"channel":"room","event":"e"}`).want(t, 202, `{"channel":"room","event":"e"}`)
			})
		}
	}
}

// unwrapper is what most middlewares make of a ResponseWriter.
type unwrapper struct{ w http.ResponseWriter }

func (u unwrapper) Header() http.Header         { return u.w.Header() }
func (u unwrapper) Write(b []byte) (int, error) { return u.w.Write(b) }
func (u unwrapper) WriteHeader(status int)      { u.w.WriteHeader(status) }
func (u unwrapper) Unwrap() http.ResponseWriter { return u.w }

// A middleware that cannot be unwrapped makes upgrades impossible: the client
// is told, and the log says why.
func TestMiddlewareHidesHijack(t *testing.T) {
	t.Parallel()
	e := newEnv(t, topologies[0].stores(t), nil)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.nodes[0].ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	}))
	t.Cleanup(srv.Close)
	here := &env{nodes: []*node{{e.nodes[0].Handler, srv.URL}}, http: e.http, patience: e.patience, logs: e.logs}
	if _, refused := here.dial(t, 0, "/?token="+token(t, `{"scope":"connect"}`), nil); refused == nil || refused.status < 500 {
		t.Errorf("got %v, want a server error", refused)
	}
	if !strings.Contains(e.logs.String(), "does not support ") {
		t.Error("the log does not say why")
	}
}

// Section 1 and 11: browsers on other origins call the client HTTP API.
func TestCORS(t *testing.T) {
	const origin = "https://app.example.com"
	for _, tt := range []struct {
		why     string
		allowed []string
		origin  string
		ok      bool
	}{
		{"any origin by default", nil, origin, true},
		{"a page from a file too", nil, "null", true},
		{"one that is allowed", []string{"app.example.com"}, origin, true},
		{"with a port it is another one", []string{"app.example.com"}, origin + ":8443", false},
		{"by a pattern", []string{"*.example.com"}, origin, true},
		{"with a scheme", []string{"https://*.example.com"}, origin, true},
		{"with the wrong scheme", []string{"http://*.example.com"}, origin, false},
		{"all of them", []string{"*"}, "https://elsewhere.test", true},
		{"one that is not allowed", []string{"app.example.com"}, "https://elsewhere.test", false},
		{"one that only begins like an allowed one", []string{"app.example.com"}, "https://app.example.com.elsewhere.test", false},
		{"null is not on any list", []string{"app.example.com"}, "null", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, func(o *hotsock.Options) { o.AllowedOrigins = tt.allowed }, func(t *testing.T, e *env) {
				c := e.connect(t, user("Jim", `{"room":{"getInfo":true}}`))
				path := "/connection/getChannelInfo" + c.credentials()
				pre := e.request(t, e.next(), http.MethodOptions, path, "", "Origin", tt.origin,
					"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
				good := e.request(t, e.next(), http.MethodPost, path, `{"channel":"room"}`, "Origin", tt.origin)
				bad := e.request(t, e.next(), http.MethodPost, path, `{`, "Origin", tt.origin)
				unknown := e.request(t, e.next(), http.MethodPost, "/connection/nothing", ``, "Origin", tt.origin)
				if !tt.ok {
					for _, a := range []*answer{pre, good, bad} {
						a.wantError(t, 403, "ORIGIN_DENIED")
						if got := a.header.Get("Access-Control-Allow-Origin"); got != "" {
							t.Errorf("allowed %q", got)
						}
					}
					return
				}
				pre.want(t, 204, "")
				if m, h := pre.header.Get("Access-Control-Allow-Methods"), pre.header.Get("Access-Control-Allow-Headers"); m != "POST" || h != "Content-Type" {
					t.Errorf("the preflight allows methods %q and headers %q", m, h)
				}
				good.want(t, 200, `{"channel":"room","subscriptionsCount":0}`)
				bad.wantError(t, 400, "INVALID_JSON")
				unknown.wantError(t, 404, "NOT_FOUND")
				for _, a := range []*answer{pre, good, bad, unknown} {
					if got := a.header.Get("Access-Control-Allow-Origin"); got != tt.origin && got != "*" {
						t.Errorf("%d: Access-Control-Allow-Origin is %q", a.status, got)
					}
					if got := a.header.Get("Access-Control-Allow-Credentials"); got != "" {
						t.Errorf("credentials are allowed: %q", got)
					}
				}
			})
		})
	}
}

// Section 4: origins of WebSockets.
func TestSocketOrigins(t *testing.T) {
	for _, tt := range []struct {
		why     string
		allowed []string
		origin  string // SELF is the server's own
		ok      bool
	}{
		{"no browser", nil, "", true},
		{"the same origin", nil, "SELF", true},
		{"another origin", nil, "https://elsewhere.test", false},
		{"an allowed origin", []string{"app.example.com"}, "https://app.example.com", true},
		{"the host's name in another case", []string{"app.example.com"}, "https://APP.example.com", true},
		{"the same origin needs no permission", []string{"app.example.com"}, "SELF", true},
		{"not allowed", []string{"app.example.com"}, "https://elsewhere.test", false},
		{"all", []string{"*"}, "https://elsewhere.test", true},
		{"a sandboxed page", nil, "null", false},
		{"garbage", nil, "://", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, func(o *hotsock.Options) { o.AllowedOrigins = tt.allowed }, func(t *testing.T, e *env) {
				header := http.Header{}
				switch tt.origin {
				case "":
				case "SELF":
					header.Set("Origin", strings.TrimSuffix(e.nodes[0].base, "/rt"))
				default:
					header.Set("Origin", tt.origin)
				}
				c, refused := e.dial(t, 0, "/?token="+token(t, `{"scope":"connect"}`), header)
				if !tt.ok {
					if refused == nil {
						t.Fatal("was let in")
					}
					refused.wantError(t, 403, "ORIGIN_DENIED")
					return
				}
				if refused != nil {
					t.Fatalf("refused: %d %s", refused.status, refused.body)
				}
				c.Greet()
			})
		})
	}
}
