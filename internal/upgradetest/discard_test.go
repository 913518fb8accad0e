package upgradetest

import (
	"net/http"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// TestDiscarded has a node of each build publish a message that is not kept. A client
// that has seen only the first gets the second, on any node, or is told that something
// is missing when it is too late for that.
func TestDiscarded(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	s := newSite(t)
	s.window = time.Second
	older, newer := s.node(before), s.node(now)
	for _, row := range []struct {
		name          string
		first, second *node
	}{
		{"older-newer", older, newer},
		{"newer-older", newer, older},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			publish := func(n *node) string {
				t.Helper()
				var m struct{ ID string }
				n.api(t, http.MethodPost, "/publish", `{"channel":`+wstest.Quote(row.name)+`,"event":"chat","eagerIdGeneration":true}`, &m)
				return m.ID
			}
			older.connect(t, "bob").Subscribe(row.name) // So the channel is not forgotten.
			seen := publish(row.first)
			missed := publish(row.second)
			for _, n := range []*node{older, newer} {
				await.That(t, "a node to have discarded what was missed", func() bool {
					c := n.connect(t, "ann")
					defer c.Cut()
					c.Send(`{"event":"hotsock.subscribe","channel":` + wstest.Quote(row.name) + `,"data":{"after":"` + seen + `"}}`)
					var s struct{ Recovered bool }
					c.Expect("hotsock.subscribed").Decode(t, &s)
					if !s.Recovered {
						return true
					}
					if f := c.Expect("chat"); f.ID != missed {
						t.Errorf("the node of %q sent %s, want %s", n.build.name, f.ID, missed)
					}
					return false
				})
			}
		})
	}
}
