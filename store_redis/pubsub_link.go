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

// maxLinkBackoff bounds how long to wait before connecting again.
const maxLinkBackoff = 500 * time.Millisecond

// A pubsubLink is a subscribed connection to one server. When it breaks or falls
// silent it is replaced by a new connection, which subscribes to all topics
// again; go-redis's own repair is not relied on, because it notices no
// half-open connection.
type pubsubLink struct {
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
	// probing is of the present connection, nil while that is not subscribed.
	probing atomic.Pointer[probing]
	// history is what the last probe found, nil before the first.
	history atomic.Pointer[string]
	// heardAt is when something was last heard, since born; 0 while not up.
	heardAt atomic.Int64
}

func newPubsubLink(f *fanout, addr string, part int, sharded bool) *pubsubLink {
	return &pubsubLink{
		f: f, addr: addr, part: part, sharded: sharded,
		probe: f.n.s.keys.probe(part, f.n.id+"."+randomText(3)),
		born:  time.Now(), topics: make(map[string]*topicState), wake: make(chan struct{}, 1),
	}
}

// up returns nil if the link has been proven lately.
func (l *pubsubLink) up() error {
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
func (l *pubsubLink) run(ctx context.Context) {
	backoff := 20 * time.Millisecond
	for {
		began := time.Now()
		err := l.serve(ctx)
		l.heardAt.Store(0)
		if ctx.Err() != nil {
			return
		}
		l.f.n.s.log.Warn("a subscribed connection is lost", "server", l.addr, "err", err)
		l.f.n.losses.suspect()
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

// serve serves one connection until it fails.
func (l *pubsubLink) serve(ctx context.Context) error {
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
	failed := make(chan error, 2) // of these two, which nobody may wait for any more
	up := make(chan struct{}, 1)
	probing := &probing{failed: make(chan error), done: ctx.Done()}
	defer l.probing.Store(nil)
	c := &pubsubConnection{l: l, ps: ps, up: up}
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
		case err := <-probing.failed:
			return err
		case <-up:
			subscribed = true
			l.probing.Store(probing)
		case <-every.C:
		}
		if identity.present() != server {
			return errOtherServer
		}
		if time.Since(l.born)-max(time.Duration(l.heardAt.Load()), since) > probePatience {
			return errors.New("the connection is silent")
		}
		if !subscribed || probing.lately() {
			continue
		}
		l.f.n.wg.Go(func() {
			if err := l.sendProbe(ctx, client); err != nil {
				probing.fail(err)
			}
		})
	}
}
