package storeredis

import (
	"context"
	"math/bits"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

const (
	// notedFor is how long it is remembered at least what was acknowledged.
	notedFor = 30 * time.Second
	// minSilence is the shortest silence of a channel in which a replica could have
	// become master. silenceLengths is how many lengths of silence are told apart,
	// each twice the one before.
	minSilence     = 50 * time.Millisecond
	silenceLengths = 8
	// verifySlots is how many channels of one master are verified at a time.
	verifySlots = 32
)

// A lossDetector remembers what this node was told is in Redis. Redis answers before
// it has replicated, so a replica that becomes master may lack the newest of it, and
// those to whom it was not delivered yet could never know. So after a link broke,
// the node verifies that what was acknowledged is still there, and otherwise tells
// every node that something is lost.
type lossDetector struct {
	n     *node
	parts [partitions]notedPart
	// suspected has something in it after a link broke.
	suspected chan struct{}

	mu   sync.Mutex
	lost map[string]*loss // by topic
}

type notedPart struct {
	mu sync.Mutex
	// now and before are by channel, of this period of notedFor and of the last.
	now, before map[string]*notedChannel
}

type notedChannel struct {
	newest ulid.ULID
	// server is the one that has accepted the newest.
	server string
	// marks are the items before the last silence of each length: the newest may
	// be of a new master, and one of these is the last of the one before. The last
	// of them is the newest that another server has accepted.
	marks [silenceLengths + 1]ulid.ULID
}

// A loss is told several times, since who must hear it may have broken links,
// too.
type loss struct {
	id  string
	age int // in seconds
}

var tellAt = map[int]bool{0: true, 2: true, 6: true, 15: true}

func newLossDetector(n *node) *lossDetector {
	return &lossDetector{n: n, suspected: make(chan struct{}, 1), lost: make(map[string]*loss)}
}

// note remembers an item of a channel, and which server has accepted it.
func (d *lossDetector) note(part int, channel string, id ulid.ULID, server string) {
	d.remember(part, channel, id, server)
	if server != d.n.s.topo.identity.present() {
		d.suspect() // Meanwhile another one has become the present server.
	}
}

func (d *lossDetector) remember(part int, channel string, id ulid.ULID, server string) {
	p := &d.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.now[channel]
	if c == nil {
		if p.now == nil {
			p.now = make(map[string]*notedChannel)
		}
		c = new(notedChannel)
		p.now[channel] = c
	}
	other := !c.newest.IsZero() && c.server != server
	if id.Compare(c.newest) <= 0 {
		if last := &c.marks[silenceLengths]; other && id.Compare(*last) > 0 {
			*last = id
		}
		return
	}
	if other {
		c.marks[silenceLengths] = c.newest
	}
	c.server = server
	if silent := id.Time() - c.newest.Time(); !c.newest.IsZero() {
		if length := bits.Len64(silent / uint64(minSilence.Milliseconds())); length > 0 {
			c.marks[min(length, silenceLengths)-1] = c.newest
		}
	}
	c.newest = id
}

// forgetOld forgets what is older than notedFor.
func (d *lossDetector) forgetOld() {
	for i := range d.parts {
		p := &d.parts[i]
		p.mu.Lock()
		p.before, p.now = p.now, nil
		p.mu.Unlock()
	}
}

// remembered returns the ids of each channel of a partition, as Redis has them.
func (d *lossDetector) remembered(part int) map[string][]any {
	p := &d.parts[part]
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string][]any)
	for _, channels := range []map[string]*notedChannel{p.before, p.now} {
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

// suspect has what is remembered verified.
func (d *lossDetector) suspect() {
	select {
	case d.suspected <- struct{}{}:
	default:
	}
}

// run forgets and tells, until the context ends.
func (d *lossDetector) run(ctx context.Context) {
	forget := time.NewTicker(notedFor)
	defer forget.Stop()
	tell := time.NewTicker(time.Second)
	defer tell.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-forget.C:
			d.forgetOld()
		case <-tell.C:
			d.tell(ctx)
		}
	}
}

// runVerify verifies whenever a loss is suspected, until the context ends.
func (d *lossDetector) runVerify(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.suspected:
			d.verify(ctx)
		}
	}
}

// verify looks for all that is remembered. It returns when Redis has answered, or
// does not for as long as something is remembered.
func (d *lossDetector) verify(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, notedFor)
	defer cancel()
	slots := newMasterSlots(d.n.s.topo, verifySlots)
	var wg sync.WaitGroup
	for part := range d.parts {
		channels := d.remembered(part)
		if len(channels) == 0 {
			continue
		}
		wg.Go(func() {
			for channel, ids := range channels {
				release := slots.take(ctx, part)
				if release == nil {
					return
				}
				d.verifyChannel(ctx, channel, ids)
				release()
			}
		})
	}
	wg.Wait()
}

// verifyChannel looks whether a channel still has items, and has it told if one is
// lost.
func (d *lossDetector) verifyChannel(ctx context.Context, channel string, ids []any) {
	ck := d.n.s.keys.channel(channel)
	for {
		r, err := d.n.s.do(ctx, call{
			script: findLostScript, part: ck.part,
			keys: []any{ck.state(), ck.log(), ck.changes(), ck.order(), ck.erased()},
			args: append([]any{d.n.window}, ids...),
		})
		if err != nil {
			if !sleep(ctx, 100*time.Millisecond) {
				return
			}
			continue
		}
		if id := r.record.next(); id != "" {
			d.tellLost(ck.topic(), id)
		}
		return
	}
}

// tellLost has it told that an item is lost, unless that or a newer one is told
// already.
func (d *lossDetector) tellLost(topic, id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.lost[topic]; l == nil || l.id < id {
		d.n.s.log.Warn("acknowledged items of a channel are lost", "newest", id)
		d.lost[topic] = &loss{id: id}
	}
}

// tell tells all nodes what was found to be lost.
func (d *lossDetector) tell(ctx context.Context) {
	message := appendField(nil, "lost")
	d.mu.Lock()
	for topic, l := range d.lost {
		if tellAt[l.age] {
			message = appendField(appendField(message, topic), l.id)
		}
		if l.age++; l.age > 15 {
			delete(d.lost, topic)
		}
	}
	d.mu.Unlock()
	if len(message) > len("4:lost") {
		ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
		_ = d.n.tell(ctx, "", string(message)) // It is told again.
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
