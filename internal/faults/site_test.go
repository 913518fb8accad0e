package faults

import (
	"sync/atomic"
	"testing"
)

// A site is a Redis with steady nodes, which trials share.
type site struct {
	redis  *server
	prefix string
	nodes  []*node
}

// newSite starts a Redis and n nodes, until the test ends.
func newSite(t *testing.T, n int, args ...string) *site {
	t.Helper()
	needsServers(t)
	s := &site{redis: startRedis(testCleaner{t}, t.TempDir()), prefix: "s:"}
	for range n {
		node, err := startNode(s.url(), s.prefix, args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(node.Kill)
		s.nodes = append(s.nodes, node)
	}
	return s
}

func (s *site) url() string { return "redis://" + s.redis.addr }

// turns returns a function that returns the nodes in turn, as a client asks that
// looks for one that works.
func turns(nodes ...*node) func() *node {
	var next atomic.Int64
	return func() *node { return nodes[int(next.Add(1)-1)%len(nodes)] }
}

// always returns a function that returns the node.
func always(n *node) func() *node { return func() *node { return n } }
