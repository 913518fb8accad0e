package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// request sends a request with a session's cookie, "" for none.
func (d *testDesk) request(method, path, cookie, body string, header http.Header) (res *http.Response, answer string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header = header.Clone()
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: cookie})
	}
	res, err = d.HTTPClient().Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res, string(text)
}

// login signs Mia in, and returns the cookie.
func (d *testDesk) login() *http.Cookie {
	d.t.Helper()
	res, _ := d.request(http.MethodPost, "/login", "", mia, nil)
	return res.Cookies()[0]
}

const mia = `{"email":"mia@example.com","password":"demo"}`

func TestLogin(t *testing.T) {
	for _, tt := range []struct {
		why, body string
		header    http.Header
		status    int
	}{
		{"the page signs in like this", mia, http.Header{"Sec-Fetch-Site": {"same-origin"}}, http.StatusNoContent},
		{"a program has no such header", mia, nil, http.StatusNoContent},
		{"another site must not sign anybody in", mia, http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		{"so says an older browser", mia, http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		{"a wrong password", `{"email":"mia@example.com","password":"Demo"}`, nil, http.StatusForbidden},
		{"an unknown address looks the same", `{"email":"eve@example.com","password":"demo"}`, nil, http.StatusForbidden},
		{"text for SQL is text", `{"email":"' or 1=1 --","password":"demo"}`, nil, http.StatusForbidden},
		{"nobody's password opens nothing", `{"email":"eve@example.com","password":"nobody"}`, nil, http.StatusForbidden},
		{"no JSON", `email=mia`, nil, http.StatusBadRequest},
		{"too long to be read", `{"email":"` + strings.Repeat("a", maxLogin) + `"}`, nil, http.StatusBadRequest},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := startDesk(t, hotsocktest.Options{})
				res, _ := d.request(http.MethodPost, "/login", "", tt.body, tt.header)
				if res.StatusCode != tt.status {
					t.Errorf("status %d, want %d", res.StatusCode, tt.status)
				}
				if in := len(res.Cookies()) == 1; in != (tt.status == http.StatusNoContent) {
					t.Errorf("cookies %v", res.Cookies())
				}
			})
		})
	}
}

// TestCookie holds the cookie to what keeps it from scripts and other sites.
func TestCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		c := d.login()
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || !c.Expires.Equal(time.Now().Add(sessionLife)) {
			t.Errorf("the cookie is %v", c)
		}
		var kept int
		if err := d.db.QueryRowContext(t.Context(), `select count(*) from sessions where hash = ?`, c.Value).Scan(&kept); err != nil || kept != 0 {
			t.Errorf("the database has the secret itself: %d, %v", kept, err)
		}
	})
}

func TestSessionEnds(t *testing.T) {
	for _, tt := range []struct {
		why string
		end func(d *testDesk, cookie string)
	}{
		{"it expires", func(d *testDesk, _ string) { d.Advance(sessionLife) }},
		{"its owner signs out", func(d *testDesk, c string) { d.request(http.MethodPost, "/logout", c, "", nil) }},
		{"its owner signs out elsewhere, everywhere", func(d *testDesk, _ string) {
			other := d.login().Value
			d.request(http.MethodPost, "/logout?everywhere=true", other, "", nil)
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := startDesk(t, hotsocktest.Options{})
				cookie := d.login().Value
				if _, me := d.request(http.MethodGet, "/me", cookie, "", nil); !strings.Contains(me, `"uid":"mia"`) {
					t.Fatalf("before, it is %s", me)
				}
				tt.end(d, cookie)
				if _, me := d.request(http.MethodGet, "/me", cookie, "", nil); me != "null\n" {
					t.Errorf("it is %s", me)
				}
				err := d.Refused(t, client.Options{Header: http.Header{"Cookie": {sessionCookie + "=" + cookie}}})
				wantCode(t, "connecting", err, hotsock.CodeUnauthorized)
			})
		})
	}
}

// Who signs out everywhere is disconnected everywhere, and others are not.
func TestSignOutEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		for _, uid := range []string{"mia", "mia", "ada"} {
			d.connect(uid)
		}
		secret, err := d.db.beginSession(t.Context(), "mia")
		if err != nil {
			t.Fatal(err)
		}
		d.Advance(time.Millisecond)
		d.request(http.MethodPost, "/logout?everywhere=true", secret, "", nil)
		d.Advance(time.Minute)
		online, err := d.Handler().Online(t.Context(), "mia", "ada")
		if err != nil || online["mia"] != 0 || online["ada"] != 1 {
			t.Errorf("connections: %v, %v", online, err)
		}
	})
}

// Who signs out on one device stays on the others.
func TestSignOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{Nodes: 2})
		cookie := d.login()
		for range 2 { // two tabs, on one node each
			d.ConnectWith(t, client.Options{Header: http.Header{"Cookie": {cookie.String()}}})
		}
		d.connect("mia")
		d.request(http.MethodPost, "/logout", cookie.Value, "", nil)
		d.Advance(10 * time.Second)
		online, err := d.Handler().Online(t.Context(), "mia")
		if err != nil || online["mia"] != 1 {
			t.Errorf("connections: %v, %v", online, err)
		}
	})
}

// Who has signed out everywhere can sign in again at once.
func TestSignInAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		d.request(http.MethodPost, "/logout?everywhere=true", d.login().Value, "", nil)
		d.Advance(time.Millisecond)
		d.ConnectWith(t, client.Options{Header: http.Header{"Cookie": {d.login().String()}}}).Subscribe(inboxChannel("mia"))
	})
}
