package upgradetest

import "testing"

// TestInfo tells a client of a newer node how many are subscribed on an older one, which
// knows nothing of that: a little later.
func TestInfo(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	s := newSite(t)
	older, newer := s.node(before), s.node(now)
	ann := newer.connect(t, "ann")
	ann.Send(`{"event":"hotsock.subscribe","channel":"room","data":{"info":true}}`)
	ann.Expect("hotsock.subscribed")
	count := func(n int) {
		t.Helper()
		for got := -1; got != n; {
			var i info
			ann.Expect("hotsock.channelInfo").Decode(t, &i)
			got = i.SubscriptionsCount
		}
	}
	count(1)
	older.connect(t, "bob").Subscribe("room")
	count(2)
	older.Kill()
	count(1)
	newer.connect(t, "carl").Subscribe("room")
	count(2)
}
