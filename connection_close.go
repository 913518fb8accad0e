package hotsock

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/table"
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
	reasonSlow
	reasonFlood
	reasonHost
	reasonShutdown
)

// closeReasons are their names in statistics, and the codes and reasons that clients
// are shown. What the client has done decides the code if it is the reason.
var closeReasons = [...]struct {
	name string
	code socket.Code
	text string
}{
	reasonClient:    {name: "client"},
	reasonExpired:   {"expired", socket.StatusGoingAway, "Going away"},
	reasonIdle:      {"idle", socket.StatusGoingAway, "Idle timeout"},
	reasonHeartbeat: {"heartbeat", socket.StatusGoingAway, "Heartbeat timeout"},
	reasonSlow:      {"slow", socket.StatusTryAgainLater, "Too slow to receive"},
	reasonFlood:     {"flood", socket.StatusPolicyViolation, "Rate limit exceeded"},
	reasonHost:      {"host", socket.StatusPolicyViolation, "Disconnected by the server"},
	reasonShutdown:  {"shutdown", socket.StatusGoingAway, "Going away"},
}

func (r closeReason) name() string { return closeReasons[r].name }
func (r closeReason) text() string { return closeReasons[r].text }

func (r closeReason) code() socket.Code { return closeReasons[r].code }

// close ends the connection from outside, without waiting for it. It returns
// false if somebody else did so before.
func (c *connection) close(reason closeReason) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || c.reason != reasonNone {
		return false
	}
	c.reason = reason
	c.background.Go(func() { c.closeNow(reason.code(), reason) })
	return true
}

// closeNow makes the close handshake and returns when it is over.
func (c *connection) closeNow(code socket.Code, reason closeReason) {
	ctx := c.h.ctx
	if reason == reasonHeartbeat {
		// Most likely nobody is there, and the others have waited long enough.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, silentClose)
		defer cancel()
	}
	c.sock.Close(ctx, code, reason.text())
}

// silentClose is how long the end of a silent client may take.
const silentClose = time.Second

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
	reason := c.reason
	c.mu.Unlock()
	code := reason.code()
	if reason == reasonNone {
		code = socket.CloseCode(err)
	}
	c.closeNow(code, reason)
	c.end(err)
}

// end takes back everything that the connection has caused. It runs on the
// connection's own goroutine, which lives on until the store has taken it. cause is
// why nothing more was read.
func (c *connection) end(cause error) {
	c.mu.Lock()
	c.ended = true
	reason := cmp.Or(c.reason, reasonClient)
	if c.stopRetries != nil {
		c.stopRetries()
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	clear(c.retries)
	c.mu.Unlock()
	c.h.conns.remove(c)
	c.h.limiters.close(c.uid())
	c.background.Wait()

	c.ops.Lock()
	channels := c.unsubscribes
	for _, s := range c.subscriptions() {
		s.topic.remove(s)
		c.h.hub.release(c.h.node, s.topic)
		channels = append(channels, s.channel)
	}
	// Whoever has found the connection before, and waits for ops, finds none.
	c.mu.Lock()
	c.subs = table.Map[string, *subscription]{}
	c.mu.Unlock()
	c.untilStored(func(ctx context.Context) error {
		for ; len(channels) > 0; channels = channels[1:] {
			if err := c.storeUnsubscribe(ctx, channels[0]); err != nil {
				return err
			}
		}
		if !c.h.events.on() {
			return nil
		}
		return c.h.node.RemoveConnection(ctx, c.id)
	})
	c.ops.Unlock()
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
	return c.ended
}
