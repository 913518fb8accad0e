package hotsock

import (
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// commands are what a client can ask for over the WebSocket
// (docs/protocol.md#3-frames), besides publishing. Each sends its own answer;
// nil means that it was carried out.
var commands = map[string]func(c *connection, cmd *wire.Command) error{
	wire.EventSubscribe:         locked((*connection).subscribe),
	wire.EventUnsubscribe:       locked((*connection).unsubscribe),
	wire.EventUMDUpdate:         locked((*connection).umdUpdate),
	wire.EventChannelStorageSet: (*connection).storageSet,
	wire.EventChannelStorageGet: (*connection).storageGet,
	wire.EventChannelStorageAdd: (*connection).storageAdd,
	wire.EventMessageReaction:   (*connection).react,
	wire.EventMessageUpdate:     (*connection).messageUpdate,
	wire.EventMessageDelete:     (*connection).messageDelete,
	wire.EventStreamStop:        (*connection).streamStop,
	wire.EventCall:              (*connection).call,
	wire.EventRefresh:           (*connection).refresh,
	wire.EventPing:              (*connection).ping,
	wire.EventPong:              (*connection).acknowledge,
	wire.EventHeartbeat:         (*connection).acknowledge,
}

// locked keeps out whoever else changes the connection meanwhile, and a connection
// unchanged that has ended.
func locked(f func(c *connection, cmd *wire.Command) error) func(c *connection, cmd *wire.Command) error {
	return func(c *connection, cmd *wire.Command) error {
		c.ops.Lock()
		defer c.ops.Unlock()
		if c.hasEnded() {
			return nil // Nobody is told.
		}
		return f(c, cmd)
	}
}

// wait is where a connection spends its life, on a goroutine that does nothing else: so
// idle connections have small stacks.
func (c *connection) wait() {
	if err := c.sock.Wait(); err != nil {
		c.h.workers.run(c, func(c *connection) { c.finish(err) })
		return
	}
	c.h.workers.run(c, (*connection).workOn)
}

func (c *connection) workOn() {
	if c.work() {
		go c.wait()
	}
}

// work carries out what the client has sent, and returns false when the connection has
// ended.
func (c *connection) work() bool {
	for {
		var buf *[]byte
		frame, err := c.sock.Read(func() []byte {
			// Only now: an idle connection needs no buffer.
			buf = readBuffers.Get().(*[]byte)
			return *buf
		})
		if err != nil {
			c.finish(err)
			return false
		}
		if frame != nil {
			c.receive(frame)
			if cap(frame) <= maxPooled {
				*buf = frame
			}
			readBuffers.Put(buf)
		}
		if !c.sock.Pending() {
			return true
		}
	}
}

var readBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// receive carries out a message of the client, unless the connection is being
// closed: then nobody could be sure to get the answer.
func (c *connection) receive(frame []byte) {
	c.working.Lock()
	defer c.working.Unlock()
	if c.noteReceived() {
		c.command(frame)
	}
}

// noteReceived notes a message from the client. It returns false if the connection
// is being closed.
func (c *connection) noteReceived() bool {
	now := time.Since(c.connected)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received = now
	return c.reason == reasonNone && !c.barred
}

// command carries out one message of the client.
func (c *connection) command(frame []byte) {
	var cmd wire.Command
	defer func() {
		if p := recover(); p != nil {
			c.logger().Error("hotsock: panic in a command", "panic", p, "stack", string(debug.Stack()))
			c.fail(&cmd, refuse(CodeInternal))
		}
	}()
	cmd, err := wire.DecodeCommand(frame, c.h.opts.MaxDataSize)
	// What cannot be read counts, too.
	if c.limiter != nil && (err != nil || !unlimited[cmd.Event]) {
		if limited := c.limiter.take(); limited != nil {
			err = limited
		}
	}
	if err == nil {
		if f := commands[cmd.Event]; f != nil {
			kept := cmd // Only this one has to be on the heap.
			err = f(c, &kept)
		} else if strings.HasPrefix(cmd.Event, protocol.EventPrefix) {
			err = refuse(CodeUnknownEvent)
		} else {
			err = c.publish(&cmd)
		}
	}
	if err != nil {
		c.fail(&cmd, err)
	}
}

func (c *connection) ping(cmd *wire.Command) error {
	c.noteHeartbeat()
	c.sock.Send(pongFrame(cmd.Ref))
	return nil
}

// acknowledge is for what does nothing else.
func (c *connection) acknowledge(cmd *wire.Command) error {
	if cmd.Event == wire.EventHeartbeat {
		c.noteHeartbeat()
	}
	c.ack(cmd, publishResult{})
	return nil
}

// ack answers a command that was accepted, if the client wants to know.
func (c *connection) ack(cmd *wire.Command, a publishResult) {
	if cmd.Ref != "" {
		c.sock.Send(ackFrame(cmd.Channel, a, cmd.Ref))
	}
}

func (c *connection) publish(cmd *wire.Command) error {
	acc, err := c.access(cmd.Channel)
	if err != nil {
		return err
	}
	who := c.source()
	out, err := c.h.writes.clientPublish(c.h.ctx, &who, &acc, publishInput{
		Event: cmd.Event, Data: cmd.Data, Schedule: cmd.Schedule, DeduplicationID: cmd.DeduplicationID,
	})
	if err != nil {
		return err
	}
	c.ack(cmd, out)
	return nil
}

func (c *connection) storageSet(cmd *wire.Command) error {
	acc, err := c.access(cmd.Channel)
	if err != nil {
		return err
	}
	who := c.source()
	out, err := c.h.writes.clientSet(c.h.ctx, &who, &acc, setInput{
		Key: cmd.Key, Data: cmd.Data, Schedule: cmd.Schedule, IfVersion: cmd.IfVersion,
	})
	if err != nil {
		return err
	}
	c.ack(cmd, out)
	return nil
}

func (c *connection) storageAdd(cmd *wire.Command) error {
	acc, err := c.access(cmd.Channel)
	if err != nil {
		return err
	}
	who := c.source()
	out, err := c.h.writes.clientAdd(c.h.ctx, &who, &acc, setInput{
		Key: cmd.Key, Data: cmd.Data, Schedule: cmd.Schedule, IfVersion: cmd.IfVersion,
	})
	if err != nil {
		return err
	}
	c.ack(cmd, out)
	return nil
}

func (c *connection) storageGet(cmd *wire.Command) error {
	acc, err := c.access(cmd.Channel)
	if err != nil {
		return err
	}
	read := func() (*store.Entry, error) { return c.h.reads.getAs(c.h.ctx, &acc, cmd.Key) }
	answer := func(e *store.Entry) socket.Frame {
		return storageDataFrame(acc.channel, cmd.Key, e, cmd.WithVersion, cmd.Ref)
	}
	if s := c.subscription(acc.channel); s != nil { // It may be permitted to observe the entry meanwhile.
		return s.readObserved(cmd.Key, read, answer)
	}
	e, err := read()
	if err == nil {
		c.sock.Send(answer(e))
	}
	return err
}

func (c *connection) react(cmd *wire.Command) error {
	acc, err := c.access(cmd.Channel)
	if err != nil {
		return err
	}
	in, err := wire.DecodeReaction(cmd.Data)
	if err != nil {
		return err
	}
	who := c.source()
	if err := c.h.writes.clientReact(c.h.ctx, &who, &acc, in); err != nil {
		return err
	}
	c.ack(cmd, publishResult{})
	return nil
}

func (c *connection) messageUpdate(cmd *wire.Command) error {
	return c.edit(cmd, wire.DecodeUpdate)
}

func (c *connection) messageDelete(cmd *wire.Command) error {
	return c.edit(cmd, wire.DecodeDelete)
}

func (c *connection) edit(cmd *wire.Command, decode func(data []byte) (wire.Edit, error)) error {
	acc, err := c.access(cmd.Channel)
	if err != nil {
		return err
	}
	in, err := decode(cmd.Data)
	if err != nil {
		return err
	}
	who := c.source()
	out, err := c.h.writes.clientEdit(c.h.ctx, &who, &acc, in)
	if err != nil {
		return err
	}
	c.ack(cmd, out)
	return nil
}

func (c *connection) streamStop(cmd *wire.Command) error {
	acc, err := c.access(cmd.Channel)
	if err != nil {
		return err
	}
	id, err := wire.DecodeStreamStop(cmd.Data)
	if err != nil {
		return err
	}
	if err := c.h.streams.clientStop(c.h.ctx, &acc, id); err != nil {
		return err
	}
	c.ack(cmd, publishResult{})
	return nil
}

func (c *connection) umdUpdate(cmd *wire.Command) error {
	token, err := wire.DecodeToken(cmd.Data)
	if err != nil {
		return err
	}
	if err := c.updateUMD(cmd.Channel, token); err != nil {
		return err
	}
	c.ack(cmd, publishResult{})
	return nil
}
