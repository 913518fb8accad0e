package storeredis

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// leases are this node's memberships. It is a member of each partition apart,
// as an incarnation of its own, since a partition can lose its data alone. What
// the node records there carries the incarnation, and is refused when that is
// no member any more. Only the sweep of a lapsed lease ends a membership: until
// then the node may renew it, however late.
type leases struct {
	n     *node
	parts [partitions]lease
	// lost is set when a membership was found to be gone, until core was told.
	lost atomic.Bool
	kick chan struct{}
}

type lease struct {
	mu     sync.Mutex
	inc    string
	joined bool
	// until is when the lease ends, by the server's clock in milliseconds.
	until int64
}

func newLeases(n *node) *leases {
	l := &leases{n: n, kick: make(chan struct{}, 1)}
	for p := range l.parts {
		l.parts[p].inc = n.newIncarnation()
	}
	return l
}

// newIncarnation makes one of the node's id, a random part and the node's format.
func (n *node) newIncarnation() string {
	return n.id + "." + randomText(6) + "." + strconv.Itoa(format)
}

// nodeOf is the id of the node whose incarnation it is.
func nodeOf(inc string) string {
	id, _, _ := strings.Cut(inc, ".")
	return id
}

// randomText returns n random bytes as URL-safe text.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // It never fails.
	return base64.RawURLEncoding.EncodeToString(b)
}

// current is the node's incarnation in a partition, member or not.
func (l *leases) current(p int) string {
	part := &l.parts[p]
	part.mu.Lock()
	defer part.mu.Unlock()
	return part.inc
}

// mine reports whether an incarnation is this node's.
func (l *leases) mine(p int, inc string) bool { return l.current(p) == inc }

// join returns the node's incarnation as a member of a partition.
func (l *leases) join(ctx context.Context, p int) (string, error) {
	part := &l.parts[p]
	part.mu.Lock()
	inc, joined := part.inc, part.joined
	part.mu.Unlock()
	if joined {
		return inc, nil
	}
	var err error
	if p == home {
		err = l.enter(ctx, inc)
	} else {
		_, err = l.renew(ctx, renewJoin, renewal{p, inc})
	}
	if err != nil {
		return "", err
	}
	part.mu.Lock()
	defer part.mu.Unlock()
	if part.inc == inc {
		part.joined = true
	}
	return inc, nil
}

// Kinds of renewal, as renew.lua takes them.
const (
	renewJoin = "join"
	renewKeep = "keep"
	renewTest = "test"
)

// A renewal is a lease to be renewed.
type renewal struct {
	part int
	inc  string
}

// renew renews leases, and returns those that are gone. With a cluster, they
// are of the same partition.
func (l *leases) renew(ctx context.Context, kind string, all ...renewal) (gone []renewal, err error) {
	args := []any{decimal(millis(l.n.o.NodeTimeout)), kind}
	var keys []any
	known := make([]int64, len(all))
	for i, r := range all {
		keys, args = append(keys, l.n.s.keys.leases(r.part)), append(args, r.inc)
		known[i] = l.parts[r.part].end()
	}
	r, err := l.n.s.do(ctx, call{script: renewScript, part: all[0].part, keys: keys, args: args})
	if err != nil {
		return nil, err
	}
	for i, one := range all {
		before, until := r.record.int(), r.record.int()
		if r.record.bad {
			return nil, errRecord
		}
		if until == 0 {
			gone = append(gone, one)
			continue
		}
		l.renewed(one, known[i], before, until)
	}
	return gone, nil
}

// renewed notes until when a lease is. What it was before, by the server, is no
// earlier than what was known before, unless the server has the data of an
// earlier time.
func (l *leases) renewed(r renewal, known, before, until int64) {
	part := &l.parts[r.part]
	part.mu.Lock()
	if part.inc == r.inc {
		part.until = until
	}
	part.mu.Unlock()
	if before < known {
		l.n.s.log.Warn("Redis has the data of an earlier time", "group", r.part)
		l.setBack(r.part)
	}
}

// end is until when the lease is known to be.
func (part *lease) end() int64 {
	part.mu.Lock()
	defer part.mu.Unlock()
	return part.until
}

// setBack has the watches of a partition look whether they have missed something,
// when its data turned out to be of an earlier time; all watches, if the
// partition is the one in which every node is a member.
func (l *leases) setBack(p int) {
	l.n.recheckAll(func(w *watch) bool { return w.keys.part == p || p == 0 })
}

// gone notes that an incarnation is no longer a member: the next one will be
// another, and core has to add everything again.
func (l *leases) gone(p int, inc string) {
	part := &l.parts[p]
	part.mu.Lock()
	if part.inc == inc && part.joined {
		part.inc, part.joined, part.until = l.n.newIncarnation(), false, 0
		l.lost.Store(true)
		select {
		case l.kick <- struct{}{}:
		default:
		}
		l.n.goRun(func() { l.setBack(p) })
	}
	part.mu.Unlock()
}

// asMember runs a call that needs the node to be a member of the partition. If
// it is none any more, it becomes one again first.
func (n *node) asMember(ctx context.Context, p int, c func(inc string) call) (*reply, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	for {
		if n.left.Load() {
			return nil, errLeft
		}
		inc, err := n.leases.join(ctx, p)
		if err != nil {
			return nil, err
		}
		r, err := n.s.do(ctx, c(inc))
		if !errors.Is(err, refusedStale) {
			return r, err
		}
		n.leases.gone(p, inc)
	}
}

// run renews the leases, until the context ends.
func (l *leases) run(ctx context.Context) {
	every := time.NewTicker(l.n.o.NodeTimeout / 3)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-l.kick:
		}
		l.renewAll(ctx)
		if l.lost.Swap(false) {
			l.n.s.log.Warn("the node's subscriptions are gone from Redis, adding them again", "node", l.n.id)
			l.n.r.Rejoin()
		}
	}
}

// renewAll renews every lease that the node holds, but for that of the first
// partition, which is the heartbeat's.
func (l *leases) renewAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, max(l.n.o.NodeTimeout/3, 100*time.Millisecond))
	defer cancel()
	var all []renewal
	for p := 1; p < partitions; p++ {
		part := &l.parts[p]
		part.mu.Lock()
		if part.joined {
			all = append(all, renewal{p, part.inc})
		}
		part.mu.Unlock()
	}
	size := renewBatch
	if l.n.s.topo.bySlot() {
		size = 1
	}
	// All at once: what waits for a master that is gone must not hold up the leases
	// at the others.
	var wg sync.WaitGroup
	for some := range slices.Chunk(all, size) {
		wg.Go(func() {
			gone, _ := l.renew(ctx, renewKeep, some...) // The next round tries again.
			for _, r := range gone {
				l.gone(r.part, r.inc)
			}
		})
	}
	wg.Wait()
}

// renewBatch is how many leases one script renews.
const renewBatch = 64
