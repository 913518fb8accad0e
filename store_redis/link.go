package storeredis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// subscribeBatch is how many topics one command subscribes to.
	subscribeBatch = 256
	// rerouteDelay is how long to wait before a master is looked up again.
	rerouteDelay = 100 * time.Millisecond
	// maxLinkBackoff bounds how long to wait before connecting again.
	maxLinkBackoff = 500 * time.Millisecond
)

// A link is a subscribed connection to one server. When it breaks or falls
// silent it is replaced by a new connection, which subscribes to all topics
// again; go-redis's own repair is not relied on, because it notices no
// half-open connection.
type link struct {
	f       *fanout
	addr    string
	part    int // a partition of that server
	sharded bool
	probe   string // topic

	mu sync.Mutex
	// topics are those wanted, with whether they were subscribed to on the
	// present connection and are confirmed.
	topics map[string]*topicState
	// changed are topics that the sender has to look at.
	changed []string
	wake    chan struct{}

	born time.Time
	// history is what the last probe found, nil before the first.
	history atomic.Pointer[string]
	// heardAt is when something was last heard, since born; 0 while not up.
	heardAt atomic.Int64
}

type topicState struct {
	wanted bool
	// sent is true if the last command sent for it was to subscribe.
	sent bool
	// pending counts subscriptions sent and not confirmed.
	pending int
}

func newLink(f *fanout, addr string, part int, sharded bool) *link {
	return &link{
		f: f, addr: addr, part: part, sharded: sharded,
		probe: f.n.s.keys.probe(part, f.n.id+"."+randomText(3)),
		born:  time.Now(), topics: make(map[string]*topicState), wake: make(chan struct{}, 1),
	}
}

func (l *link) add(topic string) { l.want(topic, true) }

// drop unsubscribes from a topic.
func (l *link) drop(topic string) { l.want(topic, false) }

func (l *link) want(topic string, wanted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topic]
	if t == nil {
		if !wanted {
			return
		}
		t = &topicState{}
		l.topics[topic] = t
	}
	t.wanted = wanted
	if wanted && t.sent && t.pending <= 0 {
		// It was dropped a moment ago, and is subscribed to still.
		l.f.n.goRun(func() { l.f.confirmed(topic) })
		return
	}
	l.changed = append(l.changed, topic)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *link) has(topic string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topic]
	return t != nil && t.wanted
}

// up returns nil if the link has been proven lately.
func (l *link) up() error {
	at := l.heardAt.Load()
	if at == 0 {
		if l.sharded && time.Since(l.born) < probePatience && !l.f.brokeLately() {
			return nil // The first watch of a server's channels has only begun.
		}
		return errors.New("no subscribed connection to Redis")
	}
	if d := time.Since(l.born) - time.Duration(at); d > probePatience {
		return fmt.Errorf("nothing heard for %v", d.Round(time.Millisecond))
	}
	return nil
}

// run keeps the link up until the context ends; a sharded link ends when it
// breaks, since its partitions may belong to another server now.
func (l *link) run(ctx context.Context) {
	backoff := 20 * time.Millisecond
	for {
		began := time.Now()
		err := l.connection(ctx)
		l.heardAt.Store(0)
		if ctx.Err() != nil {
			return
		}
		l.f.n.s.log.Warn("a subscribed connection is lost", "server", l.addr, "err", err)
		l.f.n.acked.doubt()
		if l.sharded {
			l.f.broke(l)
			return
		}
		if time.Since(began) > 10*time.Second {
			backoff = 20 * time.Millisecond
		}
		if !sleep(ctx, backoff) {
			return
		}
		backoff = min(2*backoff, maxLinkBackoff)
	}
}

// connection serves one connection until it fails.
func (l *link) connection(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lookup, done := context.WithTimeout(ctx, defaultTimeout)
	client, err := l.f.n.s.topo.node(lookup, l.part)
	done()
	if err != nil {
		return err
	}
	identity := l.f.n.s.topo.identity
	server := identity.present()
	var ps *redis.PubSub
	if l.sharded {
		ps = client.SSubscribe(ctx)
	} else {
		ps = client.Subscribe(ctx)
	}
	l.reset()
	// Closing waits while go-redis dials, so nothing here waits for it. The
	// context ends the dialling.
	defer l.f.n.wg.Go(func() { _ = ps.Close() })
	failed := make(chan error, 2)
	up := make(chan struct{}, 1)
	c := &connection{l: l, ps: ps, up: up}
	l.f.n.wg.Go(func() { failed <- c.send(ctx) })
	l.f.n.wg.Go(func() { failed <- c.receive(ctx) })

	since, subscribed := time.Since(l.born), false
	every := time.NewTicker(probeEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-up:
			subscribed = true
		case <-every.C:
		}
		if identity.present() != server {
			return errOtherServer
		}
		if time.Since(l.born)-max(time.Duration(l.heardAt.Load()), since) > probePatience {
			return errors.New("the connection is silent")
		}
		if !subscribed {
			continue
		}
		l.f.n.wg.Go(func() {
			if err := l.sendProbe(ctx, client); err != nil {
				select {
				case failed <- err:
				case <-ctx.Done():
				}
			}
		})
	}
}

// reset subscribes to every topic again.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = l.changed[:0]
	l.topics[l.probe] = &topicState{wanted: true}
	for topic, t := range l.topics {
		if !t.wanted {
			delete(l.topics, topic)
			continue
		}
		t.sent, t.pending = false, 0
		l.changed = append(l.changed, topic)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}
