package upgradetest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/process"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

const (
	secret = "a secret that only these tests know"
	apiKey = "the key of these tests"
)

// web is the client of all HTTP requests.
var web = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: await.Patience}

// A program is a process of a build, which runs until the test ends.
type program struct {
	*process.Process

	t *testing.T
}

var programNumber atomic.Int64

// started keeps a program that was just started. Its log is a part of that of a test
// that fails.
func (b build) started(t *testing.T, name string, p *process.Process, err error) *program {
	t.Helper()
	if err != nil {
		t.Fatalf("%s of %q does not start: %v", name, b.name, err)
	}
	number := programNumber.Add(1)
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of %s %d, %s:\n%s", name, number, b.name, p.Log)
		}
	})
	return &program{p, t}
}

func (b build) path(name string) string { return filepath.Join(b.dir, name) }

// stop ends the process in an orderly way.
func (p *program) stop() {
	p.t.Helper()
	asked := time.AfterFunc(await.Patience, func() {
		p.t.Error("a process does not stop")
		p.Kill()
	})
	defer asked.Stop()
	p.Terminate()
}

// A site is a Redis on which nodes run.
type site struct {
	t   *testing.T
	url string
	// timeout is how long a node may be silent before it counts as dead: for long,
	// unless that is what is tested, as the machine may be busy.
	timeout time.Duration
	// window is for how long messages that are not kept can be caught up with.
	window time.Duration
	// grace is that of members on nodes of the present version: the one before has none.
	grace time.Duration
}

// newSite returns a site on one server.
func newSite(t *testing.T) *site {
	return siteAt(t, "redis://"+redistest.StartServer(t).Addr)
}

func siteAt(t *testing.T, url string) *site {
	return &site{t: t, url: url, timeout: 10 * time.Second, window: 2 * time.Minute}
}

// A node is a process that serves the library.
type node struct {
	*program

	build build
	addr  string
}

// node starts a node, and waits until it listens.
func (s *site) node(b build) *node {
	s.t.Helper()
	args := []string{
		"-hs256-secret", secret, "-api-key", apiKey, "-redis", s.url, "-key-prefix", "upgrade:",
		"-event-stream", eventStream, "-node-timeout", s.timeout.String(), "-replay-window", s.window.String(),
	}
	if s.grace > 0 && b.name == "now" {
		args = append(args, "-presence-grace", s.grace.String())
	}
	p, addr, err := process.Node(b.path("server"), args...)
	n := &node{program: b.started(s.t, "server", p, err), build: b, addr: addr}
	s.t.Cleanup(func() {
		// A node may get from elsewhere what it cannot read, but its log tells.
		for line := range strings.Lines(p.Log.String()) {
			if strings.Contains(line, " ERROR ") || strings.Contains(line, "left out") {
				s.t.Errorf("a node of %q logs %s", b.name, line)
			}
		}
	})
	return n
}

// token signs the claims, a JSON object without the braces, of a user who may do
// everything.
func token(t *testing.T, uid, more string) string {
	t.Helper()
	var c hotsock.Claims
	if err := json.Unmarshal([]byte(`{
		"scope": "connect", "exp": 4000000000, "uid": `+wstest.Quote(uid)+`, "channels": {"*": {
			"subscribe": true, "getInfo": true, "historyStart": 0,
			"messages": {"*": {"publish": true, "echo": true, "store": 3600, "react": true, "scheduleBefore": 4000000000}},
			"storage": {"*": {"get": true, "set": true, "observe": true, "scheduleBefore": 4000000000}}
		}}`+more+`}`), &c); err != nil {
		t.Fatal(err)
	}
	return sign(t, c)
}

func sign(t *testing.T, c hotsock.Claims) string {
	t.Helper()
	text, err := hotsock.SignToken(c, hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// socket is the address that a client with a token connects to.
func (n *node) socket(token string) string {
	return "http://" + n.addr + "/rt/?token=" + url.QueryEscape(token)
}

// connect connects a user.
func (n *node) connect(t *testing.T, uid string) *wstest.Conn {
	t.Helper()
	return wstest.Connect(t, n.socket(token(t, uid, "")), wstest.Options{HTTPClient: web})
}

// api calls the server's HTTP API, and decodes the answer.
func (n *node) api(t *testing.T, method, path, body string, answer any) {
	t.Helper()
	n.decode(t, answer, method, path, body, serverKey)
}

// try calls the server's HTTP API, which may refuse.
func (n *node) try(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	return n.request(t, method, path, body, serverKey)
}

func serverKey(h http.Header) { h.Set("Authorization", "Bearer "+apiKey) }

// ask calls the client's HTTP API for a connection, on whichever node that is.
func (n *node) ask(t *testing.T, c *wstest.Conn, operation, body string, answer any) {
	t.Helper()
	q := url.Values{"connectionId": {c.ID}, "connectionSecret": {c.Secret}}
	n.decode(t, answer, http.MethodPost, "/connection/"+operation+"?"+q.Encode(), body, func(http.Header) {})
}

func (n *node) request(t *testing.T, method, path, body string, header func(http.Header)) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.addr+"/rt"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	header(r.Header)
	res, err := web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// decode makes a request that must be granted, and decodes the answer.
func (n *node) decode(t *testing.T, answer any, method, path, body string, header func(http.Header)) {
	t.Helper()
	status, text := n.request(t, method, path, body, header)
	if status/100 != 2 {
		t.Fatalf("%s %s on a node of %q: %d: %s", method, path, n.build.name, status, text)
	}
	if answer == nil {
		return
	}
	if err := json.Unmarshal([]byte(text), answer); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
}

// publish publishes a kept message, and returns its id.
func (n *node) publish(t *testing.T, channel, data string) string {
	t.Helper()
	var m struct{ ID string }
	n.api(t, http.MethodPost, "/publish",
		`{"channel":`+wstest.Quote(channel)+`,"event":"chat","data":`+data+`,"store":3600,"eagerIdGeneration":true}`, &m)
	return m.ID
}

// info is what a node tells of a channel.
type info struct {
	SubscriptionsCount int
	Members            []struct {
		UID string
		UMD json.RawMessage
	}
}

func (n *node) info(t *testing.T, channel string) (i info) {
	t.Helper()
	n.api(t, http.MethodGet, "/channels/"+url.PathEscape(channel), "", &i)
	return i
}
