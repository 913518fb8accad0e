package hotsock

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/store"
)

// A closeReason is why a connection ended.
type closeReason uint8

const (
	// reasonNone: it has not, or nobody here wanted it.
	reasonNone closeReason = iota
	// reasonClient: the client closed it, broke the WebSocket protocol, or its
	// network failed.
	reasonClient
	reasonExpired
	reasonIdle
	reasonHeartbeat
	reasonUnresponsive
	reasonSlow
	reasonFlood
	reasonHost
	reasonRevoked
	reasonShutdown
)

// closeReasons are their names in statistics, and the codes and reasons that clients
// are shown. What the client has done decides the code if it is the reason.
var closeReasons = [...]struct {
	name string
	code socket.Code
	text string
	// atOnce says that the others are told before the close handshake is over: it
	// may take long with somebody who is not there, does not read, or was thrown
	// out. The rest are members until they have received what waits for them.
	atOnce bool
	// lingers says that the client did not want the end, and may come back: it
	// stays a member for PresenceGrace.
	lingers bool
}{
	reasonClient:       {name: "client"}, // What it closed with says whether it lingers.
	reasonExpired:      {"expired", socket.StatusGoingAway, answeredText, false, true},
	reasonIdle:         {"idle", socket.StatusGoingAway, "Idle timeout", false, true},
	reasonHeartbeat:    {"heartbeat", socket.StatusGoingAway, "Heartbeat timeout", true, true},
	reasonUnresponsive: {"unresponsive", socket.StatusGoingAway, "Ping timeout", true, true},
	reasonSlow:         {"slow", socket.StatusTryAgainLater, "Too slow to receive", true, true},
	reasonFlood:        {"flood", socket.StatusPolicyViolation, "Rate limit exceeded", true, false},
	reasonHost:         {"host", socket.StatusServiceRestart, "", true, false}, // or what the app says: closing
	reasonRevoked:      {"revoked", socket.StatusPolicyViolation, "Token revoked", true, false},
	reasonShutdown:     {"shutdown", socket.StatusGoingAway, answeredText, false, true},
}

// answeredText promises a client that what was not answered was not carried out.
// Clients compare it.
const answeredText = "Going away, all answered"

// unansweredText promises nothing: a method ignores that it was cut off.
const unansweredText = "Going away"

func (r closeReason) name() string      { return closeReasons[r].name }
func (r closeReason) text() string      { return closeReasons[r].text }
func (r closeReason) code() socket.Code { return closeReasons[r].code }
func (r closeReason) atOnce() bool      { return closeReasons[r].atOnce }

// graceAfter is how long who was connected stays a member of presence channels. cause is
// why nothing more was read, if that is the reason. A page that is left or loaded again
// closes with "going away", a script that connects again says so, and who has no network
// does not close at all.
func (c *connection) graceAfter(reason closeReason, cause error) time.Duration {
	lingers := closeReasons[reason].lingers
	if reason == reasonClient && cause != nil {
		switch socket.CloseCode(cause) {
		case socket.StatusNone, socket.StatusGoingAway, socket.StatusComingBack:
			lingers = true
		}
	}
	if !lingers {
		return 0
	}
	return c.h.opts.PresenceGrace
}

// closing is the code and the text that the client is told. mu is held.
func (c *connection) closing() (socket.Code, string) {
	if c.reason == reasonHost && c.told != nil {
		return c.told.code(), c.told.reason
	}
	return c.reason.code(), c.reason.text()
}

// closeByHost ends the connection on the app's behalf.
func (c *connection) closeByHost(told *endNotice) {
	c.mu.Lock()
	if c.told == nil {
		c.told = told
	}
	c.mu.Unlock()
	c.close(reasonHost)
}

// close ends the connection from outside, without waiting for it. From now on no
// command is begun; the one that was is answered before the close frame, unless the
// connection ends at once. close returns false if somebody else closed it before.
func (c *connection) close(reason closeReason) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil || c.reason != reasonNone && (!c.answering || !reason.atOnce()) {
		return false
	}
	c.reason = reason
	running := &c.h.conns.running
	if reason.atOnce() {
		code, text := c.closing()
		running.Go(func() { c.sock.Close(c.h.ctx, code, text) })
		running.Go(func() { c.end(nil) })
		return true
	}
	c.answering = true
	running.Go(func() {
		if all, ours := c.answered(reason); ours {
			text := reason.text()
			if !all {
				text = unansweredText
			}
			c.sock.Close(c.h.ctx, reason.code(), text)
		}
	})
	return true
}

// bar has nothing more begun for the client of a connection that somebody is about to close.
func (c *connection) bar() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.barred = true
}

// endsAtOnce reports whether the connection is closed, or about to be, for a reason that
// leaves its client nothing more to do. The set may still have it then, for a moment.
func (c *connection) endsAtOnce() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.barred || c.reason.atOnce()
}

// answered returns when the command that had been begun is over, and false if the
// connection is closed for another reason by then.
func (c *connection) answered(reason closeReason) (all, ours bool) {
	c.working.Lock()
	defer c.working.Unlock()
	all = c.h.calls.finish(c.id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answering = false
	return all, c.reason == reason
}

// flooded ends the connection of a client that goes on beyond its rate limit.
func (c *connection) flooded() {
	if c.close(reasonFlood) {
		c.logger().Info("hotsock: a client keeps exceeding its rate limit and is disconnected")
	}
}

// tooSlow is called by the socket when its queue is full or the client receives
// nothing of it, and perhaps often by those who fill it.
func (c *connection) tooSlow() {
	if c.close(reasonSlow) {
		c.h.logger.Info("hotsock: a client is too slow and is disconnected", "connection", c.id)
	}
}

// finish is the end of the connection, whoever wanted it.
func (c *connection) finish(err error) {
	defer c.h.conns.ended()
	if errors.Is(err, socket.ErrFlood) {
		c.flooded()
	}
	c.mu.Lock()
	code, text := c.closing()
	if c.reason == reasonNone {
		code = socket.CloseCode(err)
	}
	c.mu.Unlock()
	c.sock.Close(c.h.ctx, code, text)
	c.end(err)
}

// end takes back everything that the connection has caused, and returns when the
// store knows, or the handler has stopped. Only the first call does so; the others
// wait for it. cause is why nothing more was read, if that is why it ends.
func (c *connection) end(cause error) {
	c.mu.Lock()
	if ending := c.ending; ending != nil {
		c.mu.Unlock()
		<-ending
		return
	}
	c.ending = make(chan struct{})
	defer close(c.ending)
	reason := cmp.Or(c.reason, reasonClient)
	grace := c.graceAfter(reason, cause)
	if c.stopRetries != nil {
		c.stopRetries()
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	clear(c.retries)
	c.mu.Unlock()
	c.h.conns.remove(c)
	c.h.calls.connectionEnded(c.id)
	c.h.hooks.connectionEnded(c)
	c.h.limiters.close(c.uid())
	c.background.Wait()

	c.ops.Lock()
	ends := make([]store.UnsubscribeRequest, 0, len(c.unsubscribes)+c.subs.Len())
	for _, channel := range c.unsubscribes {
		ends = append(ends, store.UnsubscribeRequest{Channel: channel, Connection: c.id})
	}
	for _, s := range c.subscriptions() {
		s.topic.remove(s)
		c.h.hub.release(c.h.node, s.topic)
		ends = append(ends, store.UnsubscribeRequest{Channel: s.channel, Connection: c.id, Grace: grace})
	}
	// Whoever has found the connection before, and waits for ops, finds none.
	c.mu.Lock()
	c.subs = table.Map[string, *subscription]{}
	c.mu.Unlock()
	c.ops.Unlock()
	c.untilStored(func(ctx context.Context) error {
		for ; len(ends) > 0; ends = ends[1:] {
			if err := c.storeUnsubscribe(ctx, ends[0]); err != nil {
				return err
			}
		}
		if !c.h.events.on() {
			return nil
		}
		return c.h.node.RemoveConnection(ctx, c.id)
	})
	now := time.Now()
	c.emitConnection(EventDisconnected, &now)
	c.h.counts.disconnected[reason].Add(1)
	c.h.observer.connectionEnded(c.h.ctx, c, reason)
	c.h.logger.Debug("hotsock: disconnected", "connection", c.id, "reason", reason.name(), "err", cause)
}

// hasEnded reports whether the connection's end is under way.
func (c *connection) hasEnded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending != nil
}
