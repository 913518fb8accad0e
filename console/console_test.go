package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/console"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var key = hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret for tests of the console")}

// newConsole returns a console and the handler that it is for.
func newConsole(t *testing.T, o console.Options) (http.Handler, *hotsock.Handler) {
	t.Helper()
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	o.Handler = rt
	if o.Endpoint == "" {
		o.Endpoint = "/rt"
	}
	page, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return page, rt
}

func mint(_ *http.Request, c hotsock.Claims) (string, error) { return hotsock.SignToken(c, key) }

// request sends a request, with a body as the page would send it.
func request(page http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	return w
}

func get[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return v
}

type refusal struct {
	Error struct{ Code, Message string }
}

func TestFiles(t *testing.T) {
	page, _ := newConsole(t, console.Options{})
	files, err := filepath.Glob("web/*")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	types := map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	for _, f := range files {
		for _, prefix := range []string{"/", "/admin/console/"} { // stripped or not
			target := prefix + filepath.Base(f)
			w := request(page, http.MethodGet, target, "")
			if got, want := w.Header().Get("Content-Type"), types[filepath.Ext(f)]; w.Code != http.StatusOK || got != want || want == "" {
				t.Errorf("%s: %d, %q, want %q", target, w.Code, got, want)
			}
			again := request(page, http.MethodGet, target, "", "If-None-Match", w.Header().Get("ETag"))
			if again.Code != http.StatusNotModified {
				t.Errorf("%s again: %d", target, again.Code)
			}
		}
	}
	for target, want := range map[string]int{
		"/": http.StatusOK, "/console/": http.StatusOK,
		"/nothing": http.StatusNotFound, "/web/": http.StatusOK, "/api/nothing": http.StatusNotFound, "/console": http.StatusNotFound,
		"/..%2fconsole.go": http.StatusNotFound,
	} {
		if w := request(page, http.MethodGet, target, ""); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
	if w := request(page, http.MethodPost, "/", ""); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST to the page: %d", w.Code)
	}
}

// TestPageHasNothingInline: the policy would stop it.
func TestPageHasNothingInline(t *testing.T) {
	page, _ := newConsole(t, console.Options{})
	html := request(page, http.MethodGet, "/", "").Body.String()
	for _, bad := range []string{" style=", "<style", " onclick=", " onload=", "javascript:", "http://", "https://"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if n := strings.Count(html, "<script"); n != 1 || !strings.Contains(html, `<script type="module" src="app.js"></script>`) {
		t.Errorf("the page has %d scripts", n)
	}
}

func TestHeaders(t *testing.T) {
	for endpoint, connect := range map[string]string{
		"/rt":                          "'self'",
		"https://rt.example.com/rt":    "'self' https://rt.example.com wss://rt.example.com",
		"http://127.0.0.1:8080/rt":     "'self' http://127.0.0.1:8080 ws://127.0.0.1:8080",
		"https://[2001:db8::1]:443/rt": "'self' https://[2001:db8::1]:443 wss://[2001:db8::1]:443",
	} {
		page, _ := newConsole(t, console.Options{Endpoint: endpoint})
		for _, target := range []string{"/", "/app.js", "/api/config", "/nothing"} {
			h := request(page, http.MethodGet, target, "").Header()
			got := map[string]string{}
			for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy"} {
				got[name] = h.Get(name)
			}
			want := map[string]string{
				"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " + connect +
					"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s for %s (-want +got):\n%s", target, endpoint, diff)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	if _, err := console.New(console.Options{Endpoint: "/rt"}); err == nil {
		t.Error("without a handler")
	}
	_, rt := newConsole(t, console.Options{})
	for _, endpoint := range []string{
		"", "rt", "//host/rt", "ws://host/rt", "https:///rt", "/rt?x=1", "/rt#x", "https://u:p@host/rt",
		"https://host; script-src */rt", "https://*/rt", "https://a,b/rt", "javascript:alert(1)", "%",
	} {
		if _, err := console.New(console.Options{Handler: rt, Endpoint: endpoint}); err == nil {
			t.Errorf("with the endpoint %q", endpoint)
		}
	}
}

// TestOtherSitesCannotAct sends what other origins' pages could make a browser
// send, with the developer's cookies.
func TestOtherSitesCannotAct(t *testing.T) {
	page, rt := newConsole(t, console.Options{Token: mint})
	s, err := rt.Publish(t.Context(), hotsock.Message{Channel: "c", Event: "e", At: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"scheduleArn":"` + s.ScheduleARN + `"}`
	for _, test := range []struct {
		why, method string
		header      []string
		want        int
	}{
		{"cross-site", http.MethodPost, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"another subdomain", http.MethodPost, []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		{"an old browser", http.MethodPost, []string{"Origin", "https://evil.example"}, http.StatusForbidden},
		{"a form", http.MethodPost, []string{"Content-Type", "text/plain"}, http.StatusBadRequest},
		{"no type", http.MethodPost, []string{"Content-Type", ""}, http.StatusBadRequest},
		{"a link", http.MethodGet, nil, http.StatusMethodNotAllowed},
	} {
		if w := request(page, test.method, "/api/cancel", body, test.header...); w.Code != test.want {
			t.Errorf("%s: %d, want %d", test.why, w.Code, test.want)
		}
	}
	if w := request(page, http.MethodPost, "/api/cancel", body, "Sec-Fetch-Site", "same-origin"); w.Code != http.StatusOK {
		t.Errorf("the page itself: %d %s", w.Code, w.Body)
	}
}

func TestConfig(t *testing.T) {
	for want, token := range map[bool]func(*http.Request, hotsock.Claims) (string, error){false: nil, true: mint} {
		page, _ := newConsole(t, console.Options{Endpoint: "/live", Token: token})
		c := get[struct {
			Endpoint string
			CanMint  bool
		}](t, request(page, http.MethodGet, "/api/config", ""))
		if c.Endpoint != "/live" || c.CanMint != want {
			t.Errorf("%+v, want canMint %t", c, want)
		}
	}
}

func TestToken(t *testing.T) {
	refusing := errors.New("not on a Sunday")
	page, rt := newConsole(t, console.Options{Token: func(r *http.Request, c hotsock.Claims) (string, error) {
		if c.UID == "nobody" {
			return "", refusing
		}
		return mint(r, c)
	}})
	w := request(page, http.MethodPost, "/api/token", `{"claims":{"scope":"connect","exp":4000000000,"uid":"u"}}`)
	token := get[struct{ Token string }](t, w).Token
	e, err := rt.Explain(t.Context(), hotsock.ExplainRequest{Action: hotsock.ActionConnect, Token: token})
	if err != nil || !e.Allowed {
		t.Errorf("the token is not good: %v %v", e, err)
	}
	for body, want := range map[string]string{
		`{"claims":{"uid":"nobody"}}`:     "not on a Sunday",
		`{"claims":{"scope":"connect"}}`:  "no expiry",
		`{"claims":{"uid":7}}`:            "uid",
		`{}`:                              "claims are missing",
		`{"claims":`:                      "JSON",
		strings.Repeat(" ", 70<<10) + "0": "too long",
	} {
		w := request(page, http.MethodPost, "/api/token", body)
		if got := get[refusal](t, w).Error; w.Code != http.StatusBadRequest || !strings.Contains(got.Message, want) {
			t.Errorf("%.60s: %d %+v, want %q", body, w.Code, got, want)
		}
	}
	without, _ := newConsole(t, console.Options{})
	if w := request(without, http.MethodPost, "/api/token", `{"claims":{}}`); w.Code != http.StatusNotFound {
		t.Errorf("without Options.Token: %d", w.Code)
	}
}

func TestExplain(t *testing.T) {
	page, _ := newConsole(t, console.Options{})
	w := request(page, http.MethodPost, "/api/explain", `{"action":"subscribe","channel":"room.hr","claims":{"channels":{
		"room.*":{"subscribe":true},"room.hr":{"subscribe":false}}}}`)
	got := get[any](t, w)
	var want any
	_ = json.Unmarshal([]byte(`{"action":"subscribe","channel":"room.hr","allowed":false,"needsSubscription":false,
		"code":"SUBSCRIBE_PERMISSION_DENIED","reason":"subscribe is false under channels[\"room.hr\"] of the connect token","claims":[
		{"name":"subscribe","value":false,"keys":[
			{"text":"channels[\"room.hr\"] of the connect token","value":false,"counts":true},
			{"text":"channels[\"room.*\"] of the connect token","value":true,"counts":false}]},
		{"name":"autoSubscribe","value":false,"keys":[
			{"text":"channels[\"room.hr\"] of the connect token","counts":false},
			{"text":"channels[\"room.*\"] of the connect token","counts":false}]},
		{"name":"omitFromSubCount","value":false,"keys":[
			{"text":"channels[\"room.hr\"] of the connect token","counts":false},
			{"text":"channels[\"room.*\"] of the connect token","counts":false}]}]}`), &want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if w := request(page, http.MethodPost, "/api/explain", `{"action":"dance"}`); w.Code != http.StatusBadRequest || get[refusal](t, w).Error.Code != "INVALID_REQUEST" {
		t.Errorf("a question that does not exist: %d %s", w.Code, w.Body)
	}
}

func TestSchedules(t *testing.T) {
	page, rt := newConsole(t, console.Options{})
	due := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for _, channel := range []string{"a", "b"} {
		if _, err := rt.Publish(t.Context(), hotsock.Message{Channel: channel, Event: "e", At: due}); err != nil {
			t.Fatal(err)
		}
	}
	type list struct {
		Schedules []struct {
			ScheduleARN, Channel, Event string
			Due                         time.Time
			Data                        any
		}
	}
	if l := get[list](t, request(page, http.MethodGet, "/api/schedules", "")).Schedules; len(l) != 2 {
		t.Errorf("of all channels: %+v", l)
	}
	l := get[list](t, request(page, http.MethodGet, "/api/schedules?channel=b", "")).Schedules
	if len(l) != 1 || l[0].Channel != "b" || l[0].Event != "e" || !l[0].Due.Equal(due) {
		t.Fatalf("of one channel: %+v", l)
	}
	cancel := func() *httptest.ResponseRecorder {
		return request(page, http.MethodPost, "/api/cancel", `{"scheduleArn":"`+l[0].ScheduleARN+`"}`)
	}
	if w := cancel(); w.Code != http.StatusOK {
		t.Errorf("cancelling: %d %s", w.Code, w.Body)
	}
	if w := cancel(); w.Code != http.StatusNotFound || get[refusal](t, w).Error.Code != "SCHEDULE_NOT_FOUND" {
		t.Errorf("cancelling again: %d %s", w.Code, w.Body)
	}
	if l := get[list](t, request(page, http.MethodGet, "/api/schedules?channel=b", "")).Schedules; len(l) != 0 {
		t.Errorf("after cancelling: %+v", l)
	}
}

func TestOnline(t *testing.T) {
	page, rt := newConsole(t, console.Options{})
	server := httptest.NewServer(rt)
	defer server.Close()
	token, err := hotsock.SignToken(hotsock.Claims{
		Scope: hotsock.ScopeConnect, UID: "ann", Expires: time.Now().Add(time.Hour),
		Channels: map[string]hotsock.ChannelClaims{"*": {Subscribe: hotsock.Allow}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	c := wstest.Connect(t, server.URL+"/?token="+token, wstest.Options{})
	c.Subscribe("presence.room")
	w := request(page, http.MethodGet, "/api/channels?prefix=presence.", "")
	want := `{"channels":[{"name":"presence.room","subscriptionsCount":1,"membersCount":1}]}`
	if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != want {
		t.Errorf("channels: %d %s, want %s", w.Code, got, want)
	}
	type list struct {
		Connections []struct {
			ID, UID            string
			SubscriptionsCount int
		}
	}
	l := get[list](t, request(page, http.MethodGet, "/api/connections?uid=ann", "")).Connections
	if len(l) != 1 || l[0].ID != c.ID || l[0].UID != "ann" || l[0].SubscriptionsCount != 1 {
		t.Errorf("connections: %+v", l)
	}
	for _, path := range []string{"/api/channels?prefix=x", "/api/connections?uid=x"} {
		if w := request(page, http.MethodGet, path, ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "[]") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestMounted has the console behind a mux and middleware, as a host has it.
func TestMounted(t *testing.T) {
	page, _ := newConsole(t, console.Options{})
	mux := http.NewServeMux()
	mux.Handle("/admin/console/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "secret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		page.ServeHTTP(w, r)
	}))
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, want := range map[string]string{"": "<title>Hotsock console", "/": "<title>Hotsock console", "/app.js": "start()", "/api/config": `"endpoint":"/rt"`} {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL+"/admin/console"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("ada", "secret")
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%q: %d, without %q (%v)", path, answer.StatusCode, want, err)
		}
	}
}
