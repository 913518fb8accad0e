package storeredis

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// probeEvery is how often a link is proven: a message is published to a
	// topic of it, and must be heard.
	probeEvery = time.Second
	// probePatience is how long a link may be silent before it is replaced.
	probePatience = 2500 * time.Millisecond
)

var (
	errNotMaster = errors.New("the server is not the master")
	errNotHeard  = errors.New("published messages do not arrive: the connection is to another server")
)

// A probing is the probing of one connection of a link.
type probing struct {
	// failed takes why the connection is no good, and done is closed when it has ended.
	failed chan error
	done   <-chan struct{}
	// carried is when a heartbeat last had a probe with it, nil if none had.
	carried atomic.Pointer[time.Time]
}

func (p *probing) fail(err error) {
	select {
	case p.failed <- err:
	case <-p.done:
	}
}

// lately reports whether a heartbeat has probed already. The two have clocks of their
// own, which differ a little.
func (p *probing) lately() bool {
	at := p.carried.Load()
	return at != nil && time.Since(*at) < probeEvery+probeEvery/8
}

// carry returns the topic that a heartbeat is to probe, "" for none, and what is to be
// called with what it found.
func (l *pubsubLink) carry() (topic string, found func(ctx context.Context, heard, history string)) {
	p := l.probing.Load()
	if p == nil {
		return "", func(context.Context, string, string) {}
	}
	return l.probe, func(ctx context.Context, heard, history string) {
		now := time.Now()
		p.carried.Store(&now)
		if err := l.probed(ctx, heard, history); err != nil {
			p.fail(err)
		}
	}
}

// sendProbe publishes a message that the link must hear. It returns an error if
// the link is to a server that is not the master, as it may be just after
// another one has become that. A replica lets one subscribe, and passes on what
// its master tells it, but while it is not in touch with that it misses
// messages without a sign.
func (l *pubsubLink) sendProbe(ctx context.Context, client redis.UniversalClient) error {
	ctx, cancel := context.WithTimeout(ctx, probeEvery)
	defer cancel()
	r, err := l.probeOnce(ctx, client)
	if err != nil {
		if hasCode(err, "MOVED") || hasCode(err, "READONLY") {
			return errNotMaster
		}
		return nil // Not heard means failed.
	}
	heard, history := r.record.next(), r.record.next()
	if r.record.bad {
		return errRecord
	}
	return l.probed(ctx, heard, history)
}

// probed takes what a probe has found: how many heard it, and the history.
func (l *pubsubLink) probed(ctx context.Context, heard, history string) error {
	switch {
	case heard == "0" && l.sharded:
		return errNotMaster
	case heard == "0":
		// Either the link or the present server is another than it should be.
		_ = l.f.n.s.topo.identity.refresh(ctx, true) // The next round tries again.
		return errNotHeard
	}
	if was := l.history.Swap(&history); was != nil && *was != history {
		// It may lack what was there before, though the connection goes on.
		l.f.n.s.log.Warn("Redis has another history now", "server", l.addr)
		l.f.n.recheckAll(func(w *watch) bool { return l.has(w.keys.topic()) })
	}
	return nil
}

// probeOnce runs the script: on the present server, or on that of a cluster that
// the link is to.
func (l *pubsubLink) probeOnce(ctx context.Context, client redis.UniversalClient) (*reply, error) {
	s := l.f.n.s
	if !l.sharded {
		pl, err := s.topo.pipeliner(ctx, l.part)
		if err != nil {
			return nil, err
		}
		res, err := s.roundTrip(ctx, pl, &request{
			script: probeScript, keys: []any{l.probe, s.keys.nothing(l.part)}, args: []any{"PUBLISH"},
		})
		if errors.Is(err, errOtherServer) {
			_ = s.topo.identity.refresh(ctx, true) // The next round tries again.
		}
		return res.reply, err
	}
	keys := []string{l.probe, s.keys.nothing(l.part)}
	value, err := client.EvalSha(ctx, probeScript.sha, keys, "SPUBLISH").Result()
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		value, err = client.Eval(ctx, probeScript.src, keys, "SPUBLISH").Result()
	}
	if err != nil {
		return nil, err
	}
	received := time.Now()
	r, err := parseReply(value)
	if err != nil {
		return nil, err
	}
	found := r.record
	_, _ = found.next(), found.next()
	if found.flag() {
		if pl, err := s.topo.pipeliner(ctx, l.part); err == nil {
			s.accepted(pl, r.now, received)
		}
	}
	return r, nil
}
