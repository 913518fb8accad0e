package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/internal/process"
)

const (
	secret = "a secret that only these tests know"
	apiKey = "key"
)

// web is the client of all HTTP requests.
var web = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// A node is a process that serves the library.
type node struct {
	*process.Process

	name, addr string
	// tls is true if addr is that of a proxy that wants it.
	tls bool
}

// url is where the node is reached by a scheme, or its form with TLS.
func (n *node) url(scheme string) string {
	if n.tls {
		scheme += "s"
	}
	return scheme + "://" + n.addr
}

var nodeNumber atomic.Int64

// startNode starts a node on a Redis. It returns an error if the node ended
// before it listened.
func startNode(redisURL, prefix string, args ...string) (*node, error) {
	return listening(append([]string{"-redis", redisURL, "-key-prefix", prefix}, args...)...)
}

// listening starts a node, and waits until it listens.
func listening(args ...string) (*node, error) {
	p, addr, err := process.Node(nodeBinary, append([]string{"-hs256-secret", secret, "-api-key", apiKey}, args...)...)
	if err != nil {
		return nil, err
	}
	return &node{Process: p, name: fmt.Sprint("n", nodeNumber.Add(1)), addr: addr}, nil
}

// node starts a node that is killed when the trial ends.
func (tr *trial) node(redisURL, prefix string, args ...string) *node {
	n, err := startNode(redisURL, prefix, args...)
	for tries := 1; err != nil && tries < 5; tries++ {
		// A node does not start while Redis is away, as another trial may
		// have seen to.
		tr.sleep(time.Second)
		n, err = startNode(redisURL, prefix, args...)
	}
	if err != nil {
		tr.fatalf("a node does not start: %v", err)
	}
	tr.watch(n)
	tr.onEnd(n.Kill)
	tr.logf("node %s is %s, process %d", n.name, n.addr, n.PID())
	return n
}

// watch makes a failure print the log of a node.
func (tr *trial) watch(nodes ...*node) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.nodes = append(tr.nodes, nodes...)
}

// An answer is one to an HTTP request.
type answer struct {
	status int
	code   string // of an error
	header http.Header
	body   []byte
	took   time.Duration
}

// request sends an HTTP request. The error means that there was no answer.
func (n *node) request(ctx context.Context, method, path string, body any) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(b)
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://"+n.addr+path, r)
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+apiKey)
	began := time.Now()
	res, err := web.Do(q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	a := &answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		return nil, err
	}
	a.took = time.Since(began)
	var e struct{ Error struct{ Code string } }
	_ = json.Unmarshal(a.body, &e) // Not every body is an error's, or JSON.
	a.code = e.Error.Code
	return a, nil
}

// ready asks the node whether it is.
func (n *node) ready(ctx context.Context) bool {
	a, err := n.request(ctx, http.MethodGet, "/readyz", nil)
	return err == nil && a.status == http.StatusOK
}

// members returns the count of subscriptions and the user ids of the members.
func (n *node) members(ctx context.Context, channel string) (count int, uids []string, err error) {
	a, err := n.request(ctx, http.MethodGet, "/rt/channels/"+url.PathEscape(channel), nil)
	if err != nil {
		return 0, nil, err
	}
	var info struct {
		SubscriptionsCount int
		Members            []struct{ UID string }
	}
	if err := json.Unmarshal(a.body, &info); err != nil || a.status != http.StatusOK {
		return 0, nil, fmt.Errorf("%d %s", a.status, a.body)
	}
	for _, m := range info.Members {
		uids = append(uids, m.UID)
	}
	return info.SubscriptionsCount, uids, nil
}
