package upgradetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/await"
)

// A balancer hands out the nodes in turn, as a load balancer does.
type balancer struct {
	mu    sync.Mutex
	nodes []*node
	next  int
}

func (b *balancer) add(n *node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = append(b.nodes, n)
}

func (b *balancer) remove(n *node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = slices.DeleteFunc(b.nodes, func(other *node) bool { return other == n })
}

func (b *balancer) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	b.mu.Lock()
	addr := b.nodes[b.next%len(b.nodes)].addr
	b.next++
	b.mu.Unlock()
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

// A traffic is publishers and subscribers of a channel, and what they know.
type traffic struct {
	t        *testing.T
	channel  string
	web      *http.Client
	mu       sync.Mutex
	accepted []string // data, by each publisher in its order
	unknown  []string // what may have been accepted
}

// published returns how many messages were accepted.
func (tr *traffic) published() int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.accepted)
}

func (tr *traffic) accept(data string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.accepted = append(tr.accepted, data)
}

// post publishes as a server does that tries until it knows: with an id against
// duplicates.
func (tr *traffic) post(ctx context.Context, data, more string) {
	ctx, cancel := context.WithTimeout(ctx, await.Patience)
	defer cancel()
	body := `{"channel":"` + tr.channel + `","event":"chat","data":"` + data + `","deduplicationId":"` + data + `"` + more + `}`
	var last string
	for ; ctx.Err() == nil; await.Pass(10*time.Millisecond, "before another try") {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://app/rt/publish", strings.NewReader(body))
		if err != nil {
			panic(err) // The request above is good.
		}
		r.Header.Set("Authorization", "Bearer "+apiKey)
		res, err := tr.web.Do(r)
		if err != nil {
			last = err.Error()
			continue
		}
		res.Body.Close()
		if res.StatusCode == http.StatusAccepted {
			tr.accept(data)
			return
		}
		last = res.Status
	}
	if tr.t.Context().Err() == nil {
		tr.t.Errorf("%s was not accepted: %s", data, last)
	}
}

// publish publishes as a client does that does not try again.
func (tr *traffic) publish(ctx context.Context, c *client.Client, data string) {
	ctx, cancel := context.WithTimeout(ctx, await.Patience)
	defer cancel()
	switch _, err := c.Publish(ctx, tr.channel, "chat", data); {
	case err == nil:
		tr.accept(data)
	case errors.Is(err, client.ErrUnknownOutcome):
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.unknown = append(tr.unknown, data)
	default: // It was refused, and must not be seen.
	}
}

// repeat calls f with 0, 1 and so on, a little apart, until stop is closed.
func repeat(stop <-chan struct{}, f func(n int)) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
			f(n)
		}
	}
}

// A seen is what a subscriber got of the channel.
type seen struct {
	mu       sync.Mutex
	messages []client.Message
	gaps     int
}

// follow notes what a subscription gets, until its client is closed.
func (s *seen) follow(sub *client.Subscription) {
	for {
		e, err := sub.Next(context.Background())
		if err != nil {
			return
		}
		s.mu.Lock()
		switch e := e.(type) {
		case client.Message:
			s.messages = append(s.messages, e)
		case client.Gap:
			s.gaps++
		}
		s.mu.Unlock()
	}
}

func (s *seen) has(data string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.messages, func(m client.Message) bool { return text(m) == data })
}

// text is the data of a message, which is a string.
func text(m client.Message) (s string) {
	_ = json.Unmarshal(m.Data, &s)
	return s
}

// TestRollingDeployment replaces the nodes one by one, and then goes back, while
// clients publish and subscribe. Each message that was accepted comes to each
// subscriber in order, and once if the version before could know, and nobody is told
// that something may be missing.
func TestRollingDeployment(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	s := newSite(t)
	b := new(balancer)
	nodes := []*node{s.node(before), s.node(before)}
	for _, n := range nodes {
		b.add(n)
	}
	balanced := &http.Client{Transport: &http.Transport{DialContext: b.dial, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	tr := &traffic{t: t, channel: "presence.room", web: balanced}

	const subscribers = 6
	var views [subscribers]*seen
	var subs [subscribers]*client.Subscription
	var clients [subscribers]*client.Client
	var users []string
	for i := range subscribers {
		uid := fmt.Sprint("user", i)
		users = append(users, uid)
		c, err := client.New(client.Options{
			URL:        "http://app/rt",
			Token:      func(context.Context) (string, error) { return token(t, uid, ""), nil },
			TokenInURL: true, // as nodes of 0.2 know it
			HTTPClient: &http.Client{Transport: balanced.Transport}, MinDelay: 20 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if subs[i], err = c.Subscribe(t.Context(), tr.channel, nil); err != nil {
			t.Fatal(err)
		}
		clients[i], views[i] = c, new(seen)
		go views[i].follow(subs[i])
	}

	publishing, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	t.Cleanup(work.Wait) // A test that fails ends the context before.
	for p := range 3 {   // servers
		work.Go(func() {
			repeat(publishing.Done(), func(n int) { tr.post(t.Context(), fmt.Sprintf("server%d %d", p, n), "") })
		})
	}
	for p, c := range clients[:2] {
		work.Go(func() {
			repeat(publishing.Done(), func(n int) { tr.publish(t.Context(), c, fmt.Sprintf("client%d %d", p, n)) })
		})
	}
	const schedules = 8
	for n := range schedules {
		tr.post(t.Context(), fmt.Sprintf("schedule%d 0", n), `,"scheduleExpression":"`+at(5+n/2)+`"`)
	}

	flow := func() {
		t.Helper()
		n := tr.published()
		await.That(t, "messages to be published", func() bool { return tr.published() >= n+100 })
	}
	flow()
	for _, next := range []build{now, before} {
		for i, old := range nodes {
			nodes[i] = s.node(next)
			b.add(nodes[i])
			flow()
			b.remove(old)
			old.stop()
			flow()
		}
	}
	stop()
	work.Wait()
	tr.post(t.Context(), "last 0", "")
	for n := range schedules {
		await.That(t, "the schedules", func() bool { return views[0].has(fmt.Sprintf("schedule%d 0", n)) })
	}
	for i, v := range views {
		await.That(t, "the last message", func() bool { return v.has("last 0") })
		await.That(t, "the members", func() bool { return slices.Equal(names(subs[i].Members()), users) })
	}
	for _, n := range nodes {
		if i := n.info(t, tr.channel); i.SubscriptionsCount != subscribers || len(i.Members) != subscribers {
			t.Errorf("at the end a node counts %d subscriptions and %d members", i.SubscriptionsCount, len(i.Members))
		}
	}
	for _, c := range clients {
		_ = c.Close()
	}
	t.Logf("%d messages were accepted, and of %d it is not known", len(tr.accepted), len(tr.unknown))
	for i, v := range views {
		tr.check(fmt.Sprint("subscriber ", i), v)
	}
}

func names(users []client.User) (uids []string) {
	for _, u := range users {
		uids = append(uids, u.UID)
	}
	slices.Sort(uids)
	return uids
}

// check compares what a subscriber has seen with what was published.
func (tr *traffic) check(who string, v *seen) {
	tr.t.Helper()
	if v.gaps > 0 {
		tr.t.Errorf("%s was told %d times that something may be missing", who, v.gaps)
	}
	missing, last := make(map[string]bool), ""
	for _, data := range tr.accepted {
		missing[data] = true
	}
	number := make(map[string]int) // of the last message, by publisher
	for _, m := range v.messages {
		data := text(m)
		if m.ID <= last {
			tr.t.Errorf("%s got %s after %s", who, m.ID, last)
		}
		by, digits, _ := strings.Cut(data, " ")
		var n int
		if _, err := fmt.Sscan(digits, &n); err != nil || n < number[by] {
			tr.t.Errorf("%s got %q after number %d", who, data, number[by])
		}
		// A node of the version before does not know the ids of clients, which publish
		// again what it did not answer when it was stopped.
		again := strings.HasPrefix(by, "client") && n == number[by]
		switch {
		case missing[data] || slices.Contains(tr.unknown, data):
		case !slices.Contains(tr.accepted, data):
			tr.t.Errorf("%s got %q, which was not accepted", who, data)
		case !again:
			tr.t.Errorf("%s got %q a second time", who, data)
		}
		delete(missing, data)
		last, number[by] = m.ID, n
	}
	for data := range missing {
		tr.t.Errorf("%s did not get %q", who, data)
	}
}
