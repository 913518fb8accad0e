package upgradetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/await"
)

// TestGrace has members linger, which the older version does not know: who lingers comes
// back on a node of any build, and beside an older node nobody begins to linger.
func TestGrace(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	s := newSite(t)
	s.grace = 5 * time.Minute
	newer := s.node(now)
	const channel = "presence.room"
	bob := newer.connect(t, "bob")
	bob.Subscribe(channel)
	// cut has a user join on the newer node, and the network fail.
	cut := func(uid string) {
		t.Helper()
		c := newer.connect(t, uid)
		c.Subscribe(channel)
		bob.Expect("hotsock.memberAdded")
		c.Cut()
		await.That(t, "the end of a subscription", func() bool { return newer.info(t, channel).SubscriptionsCount == 1 })
	}
	cut("ann")
	older := s.node(before)
	await.That(t, "the older node to be noticed", func() bool { return strings.Contains(newer.Log.String(), "two versions share this Redis") })
	ann := older.connect(t, "ann")
	ann.Subscribe(channel)
	if got := membersOf(older.info(t, channel)); !slices.Equal(got, []string{"bobnull", "annnull"}) {
		t.Errorf("the members are %q", got)
	}
	bob.ExpectNothing()
	_ = ann.WS.Close(websocket.StatusNormalClosure, "")
	bob.Expect("hotsock.memberRemoved")

	cut("carl")
	bob.Expect("hotsock.memberRemoved")

	older.stop()
	await.That(t, "the older node to be gone", func() bool { return strings.Contains(newer.Log.String(), "are of one version again") })
	cut("dave")
	if got := membersOf(newer.info(t, channel)); !slices.Equal(got, []string{"bobnull", "davenull"}) {
		t.Errorf("the members are %q", got)
	}
	newer.connect(t, "dave").Subscribe(channel)
	bob.ExpectNothing()
}
