package protocoltest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// An answer is what came back over HTTP.
type answer struct {
	e      *env
	status int
	body   string
	header http.Header
}

// want checks the status and, unless it is "", the body.
func (a *answer) want(t *testing.T, status int, pattern string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d %s, want %d %s", a.status, shorten(a.body), status, pattern)
	}
	if pattern != "" {
		if err := a.e.match(pattern, a.body); err != nil {
			t.Fatal(err)
		}
	}
}

// wantError checks that it is an error, in the form that all errors have.
func (a *answer) wantError(t *testing.T, status int, code string) {
	t.Helper()
	a.want(t, status, fmt.Sprintf(`{"error":{"code":%q,"message":"$_"}}`, code))
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %q", got)
	}
}

// request sends any HTTP request to a node. The path follows the mount point;
// a header is given as name and value.
func (e *env) request(t *testing.T, n int, method, path, body string, header ...string) *answer {
	t.Helper()
	ctx, cancel := e.context()
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, e.nodes[n].base+path, strings.NewReader(e.expand(body)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := e.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &answer{e, res.StatusCode, string(b), res.Header}
}

// call calls the client HTTP API on behalf of the client, on another node than
// that which holds the connection if there is one.
func (c *client) call(t *testing.T, operation, body string) *answer {
	t.Helper()
	return c.e.request(t, (c.node+1)%len(c.e.nodes), http.MethodPost, "/connection/"+operation+c.credentials(), body)
}

func (c *client) credentials() string {
	return "?connectionId=" + url.QueryEscape(c.ID) + "&connectionSecret=" + url.QueryEscape(c.Secret)
}

// server calls the server's HTTP API, on any node.
func (e *env) server(t *testing.T, method, path, body string) *answer {
	t.Helper()
	return e.request(t, e.next(), method, path, body, "Authorization", "Bearer "+apiKeys[0])
}

// history lists the messages of a channel over HTTP.
func (c *client) history(t *testing.T, channel, options string) *answer {
	t.Helper()
	return c.call(t, "listMessages", fmt.Sprintf(`{"channel":%q%s}`, channel, options))
}

func decodeJSON(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, shorten(text))
	}
}
