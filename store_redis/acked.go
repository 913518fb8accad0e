package storeredis

import (
	"context"
	"math/bits"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

const (
	// ackedFor is how long it is remembered at least what was acknowledged.
	ackedFor = 30 * time.Second
	// ackedGap is the shortest silence of a channel in which a replica could have
	// become master. ackedMarks are how many lengths of silence are told apart,
	// each twice the one before.
	ackedGap   = 50 * time.Millisecond
	ackedMarks = 8
	// ackedLooks is how many channels are looked at at a time, of each master.
	ackedLooks = 32
)

// The acked are what this node was told is in Redis. Redis replicates behind the
// writer's back, so a replica that becomes master may lack the newest of it, and
// those to whom it was not delivered yet could never know. So after a link
// broke, the node looks whether what it got acknowledged is still there, and
// otherwise tells every node that something is lost.
type acked struct {
	n     *node
	parts [partitions]ackedPart
	// suspect has something in it after a link broke.
	suspect chan struct{}

	mu   sync.Mutex
	lost map[string]*loss // by topic
}

type ackedPart struct {
	mu sync.Mutex
	// now and before are by channel, of this stretch of ackedFor and of the last.
	now, before map[string]*ackedChannel
}

type ackedChannel struct {
	newest ulid.ULID
	// server is the one that has accepted the newest.
	server string
	// marks are the items before the last silence of each length: the newest may
	// be of a new master, and one of these is the last of the one before. The last
	// of them is the newest that another server has accepted.
	marks [ackedMarks + 1]ulid.ULID
}

// A loss is told several times, since who must hear it may have broken links,
// too.
type loss struct {
	id  string
	age int // in seconds
}

var tellAt = map[int]bool{0: true, 2: true, 6: true, 15: true}

func newAcked(n *node) *acked {
	return &acked{n: n, suspect: make(chan struct{}, 1), lost: make(map[string]*loss)}
}

// note remembers an item of a channel, and which server has accepted it.
func (a *acked) note(part int, channel string, id ulid.ULID, server string) {
	a.remember(part, channel, id, server)
	if server != a.n.s.topo.identity.present() {
		a.doubt() // Meanwhile another one has become the present server.
	}
}

func (a *acked) remember(part int, channel string, id ulid.ULID, server string) {
	p := &a.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.now[channel]
	if c == nil {
		if p.now == nil {
			p.now = make(map[string]*ackedChannel)
		}
		c = new(ackedChannel)
		p.now[channel] = c
	}
	other := !c.newest.IsZero() && c.server != server
	if id.Compare(c.newest) <= 0 {
		if last := &c.marks[ackedMarks]; other && id.Compare(*last) > 0 {
			*last = id
		}
		return
	}
	if other {
		c.marks[ackedMarks] = c.newest
	}
	c.server = server
	if silent := id.Time() - c.newest.Time(); !c.newest.IsZero() {
		if length := bits.Len64(silent / uint64(ackedGap.Milliseconds())); length > 0 {
			c.marks[min(length, ackedMarks)-1] = c.newest
		}
	}
	c.newest = id
}

// turn forgets what is older than ackedFor.
func (a *acked) turn() {
	for i := range a.parts {
		p := &a.parts[i]
		p.mu.Lock()
		p.before, p.now = p.now, nil
		p.mu.Unlock()
	}
}

// remembered returns the ids of each channel of a partition, as Redis has them.
func (a *acked) remembered(part int) map[string][]any {
	p := &a.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string][]any)
	for _, channels := range []map[string]*ackedChannel{p.before, p.now} {
		for name, c := range channels {
			for _, id := range append(c.marks[:], c.newest) {
				if text := formatID(id); text != "" {
					out[name] = append(out[name], text)
				}
			}
		}
	}
	return out
}

// doubt has what is remembered looked for.
func (a *acked) doubt() {
	select {
	case a.suspect <- struct{}{}:
	default:
	}
}

// run forgets and tells, until the context ends.
func (a *acked) run(ctx context.Context) {
	turn := time.NewTicker(ackedFor)
	defer turn.Stop()
	tell := time.NewTicker(time.Second)
	defer tell.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-turn.C:
			a.turn()
		case <-tell.C:
			a.tell(ctx)
		}
	}
}

// runLooks looks whenever there is a doubt, until the context ends.
func (a *acked) runLooks(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.suspect:
			a.look(ctx)
		}
	}
}

// look looks for all that is remembered. It returns when Redis has answered, or
// does not for as long as something is remembered.
func (a *acked) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, ackedFor)
	defer cancel()
	slots := newMasterSlots(a.n.s.topo, ackedLooks)
	var wg sync.WaitGroup
	for part := range a.parts {
		channels := a.remembered(part)
		if len(channels) == 0 {
			continue
		}
		wg.Go(func() {
			for channel, ids := range channels {
				release := slots.take(ctx, part)
				if release == nil {
					return
				}
				a.prove(ctx, channel, ids)
				release()
			}
		})
	}
	wg.Wait()
}

// prove looks whether a channel has items, and has it told if one is lost.
func (a *acked) prove(ctx context.Context, channel string, ids []any) {
	ck := a.n.s.keys.channel(channel)
	for {
		r, err := a.n.s.do(ctx, call{
			script: missingScript, part: ck.part,
			keys: []any{ck.state(), ck.log(), ck.changes(), ck.order()},
			args: append([]any{a.n.window}, ids...),
		})
		if err != nil {
			if !sleep(ctx, 100*time.Millisecond) {
				return
			}
			continue
		}
		if id := r.record.next(); id != "" {
			a.found(ck.topic(), id)
		}
		return
	}
}

// found has it told that an item is lost, unless that or a newer one is told
// already.
func (a *acked) found(topic, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.lost[topic]; l == nil || l.id < id {
		a.n.s.log.Warn("acknowledged items of a channel are lost", "newest", id)
		a.lost[topic] = &loss{id: id}
	}
}

// tell tells all nodes what was found to be lost.
func (a *acked) tell(ctx context.Context) {
	message := appendField(nil, "lost")
	a.mu.Lock()
	for topic, l := range a.lost {
		if tellAt[l.age] {
			message = appendField(appendField(message, topic), l.id)
		}
		if l.age++; l.age > 15 {
			delete(a.lost, topic)
		}
	}
	a.mu.Unlock()
	if len(message) > len("4:lost") {
		ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
		_ = a.n.tell(ctx, "", string(message)) // It is told again.
	}
}

// hearLost takes the notice of a loss. Whoever is subscribed to the channel may
// lack what is lost, and so is told; but not twice of the same.
func (n *node) hearLost(topic, id string) {
	n.fan.mu.RLock()
	w := n.fan.watches[topic]
	n.fan.mu.RUnlock()
	if w == nil {
		return
	}
	stripe := &n.stripes[w.keys.part]
	stripe.Lock()
	defer stripe.Unlock()
	if w.ended.Load() || id <= w.lost {
		return
	}
	w.lost = id
	n.r.Lost(w.channel)
}
