package hotsock

import (
	"cmp"
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock/internal/permission"
)

// A revoker knows what is revoked, has it refused, and ends what is open. Whoever checks
// a token and then adds a connection or subscription checks once more after that; and a
// revocation is known before what is open is looked through. So one of both sees the
// other.
type revoker struct {
	h       *Handler
	known   revocations
	channel *reservedChannel

	mu      sync.Mutex
	looking []*revocation // whose connections and subscriptions have to be looked for
	running bool
	stopped bool
	work    sync.WaitGroup
}

// revokeTime is how long it may take to close the connections of a revocation.
const revokeTime = 5 * time.Second

// revocationChannel is the name of the reserved channel. It must never change.
const revocationChannel = "#revocations"

func newRevoker(h *Handler) *revoker {
	rv := &revoker{h: h}
	rv.channel = &reservedChannel{
		name: revocationChannel, timeout: h.opts.StoreTimeout, logger: h.logger, ctx: h.ctx,
		learn: rv.learn, missing: rv.known.missing,
	}
	return rv
}

// revoke has the store keep a revocation, and all nodes know it.
func (rv *revoker) revoke(ctx context.Context, r *revocation) (int, error) {
	covered, isCovered := rv.known.coverage(r)
	if !isCovered {
		if int(rv.known.count.Load())-len(covered) >= maxRevocations {
			return 0, refuseBecause(CodeRateLimited, "too many revocations are remembered: revoke all tokens that were issued before now, or wait until some are over")
		}
		if err := rv.channel.add(ctx, r.record(), r.keep()); err != nil {
			return 0, err
		}
		rv.channel.remove(covered)
	}
	// They learn it from the store, too. But this tells that they have, and takes no
	// longer if that is lost.
	return rv.h.peers.askAll(ctx, &peerRequest{Op: peerRevoke, Revocation: r.record()})
}

// learn is told of what is in the store.
func (rv *revoker) learn(records []string) {
	for _, record := range records {
		if r := parseRevocation(record); r != nil {
			if _, isNew := rv.known.add(r); isNew {
				rv.look(r)
			}
		}
	}
}

// apply learns a revocation, and returns how many connections and subscriptions it ends
// here, once these have been told to. It returns false for one of another version.
func (rv *revoker) apply(record string) (ended int, ok bool) {
	r := parseRevocation(record)
	if r == nil {
		return 0, false
	}
	known, isNew := rv.known.add(r)
	if known == nil || isNew {
		rv.look(r) // one that covers it may not have looked yet
		known = r
	}
	rv.mu.Lock()
	looked := known.looked
	rv.mu.Unlock()
	if looked != nil {
		<-looked
	}
	rv.mu.Lock()
	defer rv.mu.Unlock()
	return known.ended, true
}

// look has the node look, in the background, for what has to end.
func (rv *revoker) look(r *revocation) {
	rv.mu.Lock()
	defer rv.mu.Unlock()
	if rv.stopped {
		return
	}
	r.looked = make(chan struct{})
	rv.looking = append(rv.looking, r)
	if !rv.running {
		rv.running = true
		rv.work.Go(rv.run)
	}
}

func (rv *revoker) run() {
	for {
		rv.mu.Lock()
		all := rv.looking
		rv.looking = nil
		if len(all) == 0 {
			rv.running = false
			rv.mu.Unlock()
			return
		}
		rv.mu.Unlock()
		ended := rv.end(all)
		rv.mu.Lock()
		for _, r := range all {
			r.ended = ended[r]
			close(r.looked)
			r.looked = nil
		}
		rv.mu.Unlock()
	}
}

// endAtOnce is how many connections are closed without a pause.
const endAtOnce = 100

// end ends what is revoked, and returns how much that is.
func (rv *revoker) end(all []*revocation) map[*revocation]int {
	var rs revocations
	rs.addAll(all)
	ended := make(map[*revocation]int)
	var conns []*connection
	var subs []*subscription
	for _, c := range rv.h.conns.all() {
		if r := rs.of(c.identity()); r != nil {
			c.bar()
			ended[r]++
			conns = append(conns, c)
			continue
		}
		for _, s := range c.withToken() {
			if r := rs.of(identityOf(s.token, c.uid())); r != nil {
				ended[r]++
				subs = append(subs, s)
			}
		}
	}
	first := min(len(conns), endAtOnce)
	for _, c := range conns[:first] {
		c.close(reasonRevoked)
	}
	if rest := conns[first:]; len(rest) > 0 {
		rv.work.Go(func() { closeSome(rv.h.ctx, rest, reasonRevoked, revokeTime) })
	}
	var g errgroup.Group
	g.SetLimit(endedAtOnce)
	for _, s := range subs {
		g.Go(func() error {
			s.conn.endRevoked(s)
			return nil
		})
	}
	_ = g.Wait() // they return no errors
	return ended
}

// stop looks for nothing more; wait returns when what is under way has ended.
func (rv *revoker) stop() {
	rv.channel.stop()
	rv.mu.Lock()
	defer rv.mu.Unlock()
	rv.stopped = true
}

func (rv *revoker) wait() {
	rv.channel.wait()
	rv.work.Wait()
}

// refuses reports whether a token is revoked: of a user, with an id and a time of issue,
// each of which it need not have.
func (rv *revoker) refuses(uid, jti string, issued time.Time) bool {
	return rv.known.of(tokenIdentity{uid, jti, issued}) != nil
}

// admits reports whether the app's own authentication may let somebody in. It was asked
// now, so only what it says itself of a token counts.
func (rv *revoker) admits(c *Claims) bool {
	issued := c.IssuedAt
	if issued.IsZero() {
		issued = time.Now().Add(2 * maxClockSkew) // after all that may be revoked
	}
	return !rv.refuses(c.UID, c.ID, issued)
}

// identityOf is that of a token which a connection of the user sent.
func identityOf(g *permission.Grant, uid string) tokenIdentity {
	return tokenIdentity{cmp.Or(g.UID, uid), g.TokenID, g.IssuedAt}
}

// identity is that of the connect token. What the app's own authentication let in
// without a time of issue has that of the connection, by a clock that may be another one
// than the revocation's: whoever is closed for nothing can come back.
func (c *connection) identity() tokenIdentity {
	id := identityOf(c.grant(), "")
	if id.issued.IsZero() && c.h.opts.Authenticate != nil {
		id.issued = c.connected.Add(-maxClockSkew)
	}
	return id
}

// endIfRevoked closes the connection if it has been revoked since its token was checked,
// or the app was asked.
func (c *connection) endIfRevoked() {
	known := &c.h.revoker.known
	if known.added.Load() != c.revocations && known.since(c.revocations, c.identity()) != nil {
		c.close(reasonRevoked)
	}
}

// withToken returns the subscriptions that have a subscribe token.
func (c *connection) withToken() (subs []*subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.subs.All() {
		if s.token != nil {
			subs = append(subs, s)
		}
	}
	return subs
}

// isRevoked reports whether a subscribe token, nil for none, has been revoked since it
// was verified.
func (c *connection) isRevoked(g *permission.Grant) bool {
	return g != nil && c.h.revoker.known.of(identityOf(g, c.uid())) != nil
}

// endRevoked ends a subscription whose token is revoked, and tells the client.
func (c *connection) endRevoked(s *subscription) {
	c.ops.Lock()
	defer c.ops.Unlock()
	if c.subscription(s.channel) == s {
		c.unsubscribeRevoked(s)
	}
}

// unsubscribeRevoked does that while ops is held.
func (c *connection) unsubscribeRevoked(s *subscription) {
	c.endSubscription(s)
	c.sock.Send(unsubscribedFrame(s.channel, s.perms().Alias, reasonRevoked.text(), s.meta(), ""))
}
