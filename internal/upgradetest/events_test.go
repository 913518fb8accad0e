package upgradetest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/process"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// eventStream is where nodes write backend events.
const eventStream = "upgrade:events"

// worker starts a worker that prints events.
func (s *site) worker(b build, group string) *program {
	p, err := process.Start(exec.Command(b.path("events"), "-redis", s.url, "-stream", eventStream, "-group", group))
	return b.started(s.t, "events", p, err)
}

// events are what a worker has printed, by id. Each must be there once.
func (p *program) events(t *testing.T) map[string]hotsock.Event {
	t.Helper()
	all := make(map[string]hotsock.Event)
	for lines := bufio.NewScanner(strings.NewReader(p.Log.String())); lines.Scan(); {
		var e hotsock.Event
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.ID == "" {
			continue // a line of the log, or one that is being written
		}
		if _, again := all[e.ID]; again {
			t.Errorf("event %s was handled twice", e.ID)
		}
		all[e.ID] = e
	}
	return all
}

// TestEvents has nodes and workers of both builds: each worker reads what each node
// writes, and those of one group share it, whatever their build.
func TestEvents(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	s := newSite(t)
	older, newer := s.node(before), s.node(now)
	alone := []*program{s.worker(before, "older"), s.worker(now, "newer")}
	both := []*program{s.worker(before, "both"), s.worker(now, "both")}
	published := func(workers ...*program) (data []string) {
		for _, w := range workers {
			for _, e := range w.events(t) {
				if m, ok := e.Data.(hotsock.EventMessageData); ok && e.Type == hotsock.EventMessagePublished {
					data = append(data, string(m.Data))
				}
			}
		}
		slices.Sort(data)
		return data
	}
	var want []string
	await.That(t, "both workers of a group to get events", func() bool {
		for _, n := range []*node{older, newer} {
			data := fmt.Sprintf(`"%s %d"`, n.build.name, len(want))
			n.api(t, http.MethodPost, "/publish", `{"channel":"c","event":"e","emitPubSubEvent":true,"data":`+data+`}`, nil)
			want = append(want, data)
		}
		return len(published(both[0])) > 0 && len(published(both[1])) > 0
	})
	slices.Sort(want)
	for name, workers := range map[string][]*program{"before": alone[:1], "now": alone[1:], "both": both} {
		await.That(t, "all events at the workers of "+name, func() bool { return len(published(workers...)) >= len(want) })
		if got := published(workers...); !slices.Equal(got, want) {
			t.Errorf("the workers of %s got %q, want %q", name, got, want)
		}
	}
}

// TestDeath kills a node of one build. A node of the other one removes what it held,
// tells those who are left and the backend, and does its work.
func TestDeath(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	for _, row := range []struct {
		name       string
		dies, left build
	}{
		{"the older one dies", before, now},
		{"the newer one dies", now, before},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.timeout = 2 * time.Second
			dies, left := s.node(row.dies), s.node(row.left)
			worker := s.worker(row.left, "w")
			const channel = "presence.room"
			ann, bob := dies.connect(t, "ann"), left.connect(t, "bob")
			bob.Subscribe(channel)
			ann.Subscribe(channel)
			bob.Expect("hotsock.memberAdded")
			dies.api(t, http.MethodPost, "/publish",
				`{"channel":`+wstest.Quote(channel)+`,"event":"due","scheduleExpression":"`+at(2)+`"}`, nil)
			dies.Kill()
			// One comes when it is due, and one when the node counts as dead.
			first, second := bob.Next(), bob.Next()
			if names := []string{first.Event, second.Event}; !slices.Contains(names, "due") || !slices.Contains(names, "hotsock.memberRemoved") {
				t.Errorf("got %s and %s", first.Text, second.Text)
			}
			i := left.info(t, channel)
			if got := membersOf(i); i.SubscriptionsCount != 1 || !slices.Equal(got, []string{"bobnull"}) {
				t.Errorf("there are %d subscriptions and the members %q", i.SubscriptionsCount, got)
			}
			var ended []string
			await.That(t, "the end of the connection to be told", func() bool {
				ended = nil
				for _, e := range worker.events(t) {
					c, _ := e.Data.(hotsock.EventConnectionData)
					s, _ := e.Data.(hotsock.EventSubscriptionData)
					if e.Type == hotsock.EventDisconnected && c.ID == ann.ID || e.Type == hotsock.EventUnsubscribed && s.ConnectionID == ann.ID {
						ended = append(ended, e.Type)
					}
				}
				return len(ended) == 2
			})
			bob.ExpectNothing()
		})
	}
}
