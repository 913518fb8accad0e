package storeredis

import (
	"errors"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
)

// The topics of nodes are no shard's: on a cluster, too, a link to one server has
// them. When its probe is not heard, as after slots have moved, there is no other
// server to look for.
func TestControlLinkIsNotHeardOnCluster(t *testing.T) {
	t.Parallel()
	s := openCluster(t, redistest.StartCluster(t))
	n := joinAs(t, s, newInbox(t), testJoin)
	l := newPubsubLink(n.fan, "", 0, false) // Nobody subscribes to its probe.
	var err error
	await.That(t, "an answer to a probe", func() bool {
		err = l.sendProbe(t.Context(), s.topo.client) // nil if none came in time
		return err != nil
	})
	if !errors.Is(err, errNotHeard) {
		t.Errorf("got %v, want %v", err, errNotHeard)
	}
}
