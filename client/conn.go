package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A conn is one connection, over a WebSocket or a feed. One goroutine reads it (serve),
// one writes (write).
type conn struct {
	c          *Client
	link       link
	id, secret string
	uid        string // "" for none

	// ctx ends with the connection; its cause says why.
	ctx    context.Context
	cancel context.CancelCauseFunc
	wake   chan struct{} // has one element if there is something to write
	asked  bool          // it has lasted for long enough to tell whether it is a success
	proven atomic.Bool   // it was one: see prove
	early  [][]byte      // frames to be read before those of the link

	// Guarded by Client.mu.
	out      []*outgoing
	refs     uint64
	pending  map[string]func(*frame) error // by ref: who takes the answer
	channels map[string]*Subscription      // by real name
}

// outgoing is a command that is waiting to be written.
type outgoing struct {
	ref  string
	b    []byte // nil if it was given up
	sent bool   // handed to the link
}

var (
	errBroken  = errors.New("hotsock: the connection broke")
	errNotSent = errors.New("hotsock: not sent")
	errSilent  = errors.New("hotsock: the server no longer answers")
)

func newConn(c *Client, l link, d connectedData, uid string) *conn {
	n := &conn{
		c: c, link: l, id: d.ConnectionID, secret: d.ConnectionSecret, uid: uid,
		wake:    make(chan struct{}, 1),
		pending: make(map[string]func(*frame) error), channels: make(map[string]*Subscription),
	}
	n.ctx, n.cancel = context.WithCancelCause(context.Background())
	return n
}

// serve lives as long as the connection, and says why that ended, or returns the one that
// takes its place.
func (c *Client) serve(n *conn, kind *fallback) (next *conn, err error) {
	var work sync.WaitGroup
	work.Go(n.write)
	left := make(chan struct{})
	leave := context.AfterFunc(c.ctx, func() {
		defer close(left)
		n.leave()
	})
	c.attach(n)
	_, isFeed := n.link.(*feed)
	c.report(State{Status: Connected, ConnectionID: n.id, Feed: isFeed})
	work.Go(n.watch)
	work.Go(n.prove)
	if isFeed {
		work.Go(func() { next = c.goBack(n, kind) })
	}
	err = n.read()
	n.cancel(err)
	c.detach(err)
	if !leave() {
		<-left
	}
	n.link.cut()
	work.Wait()
	if !isFeed && n.asked && !n.proven.Load() {
		kind.mute()
	}
	return next, err
}

// attach makes n the connection, and renews the subscriptions before anybody
// else can send.
func (c *Client) attach(n *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.lastErr = n, nil
	for _, s := range c.subs {
		s.join(n)
	}
	c.broadcast()
}

func (c *Client) detach(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.lastErr = nil, err
	for _, s := range c.subs {
		s.state, s.left = joining, false
	}
}

// leave closes the connection in the orderly way, which takes a moment at most.
func (n *conn) leave() {
	late := time.AfterFunc(time.Second, func() { n.cancel(ErrClosed) })
	defer late.Stop()
	n.link.close(n)
	n.cancel(ErrClosed)
}

func (n *conn) read() error {
	for {
		b, err := n.next()
		if n.ctx.Err() != nil {
			return context.Cause(n.ctx)
		}
		if err != nil {
			return err
		}
		f, err := decodeFrame(b)
		if err != nil {
			return err
		}
		if err := n.handle(f); err != nil {
			return err
		}
	}
}

func (n *conn) next() ([]byte, error) {
	if len(n.early) == 0 {
		return n.link.read(n.ctx)
	}
	b := n.early[0]
	n.early = n.early[1:]
	return b, nil
}

// handle gives a frame to the call or subscription that it concerns, and ignores
// a frame that concerns none.
func (n *conn) handle(f *frame) error {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if f.Ref != "" {
		if answer := n.pending[f.Ref]; answer != nil {
			delete(n.pending, f.Ref)
			return answer(f)
		}
		return nil
	}
	if s := n.channels[f.Channel]; s != nil {
		return s.handle(n, f)
	}
	return nil
}

// enqueue has a command written, and its answer given to the function, which is
// called with Client.mu held; nil is for answers that nobody needs. Client.mu
// must be held.
func (n *conn) enqueue(cmd command, answer func(*frame) error) (*outgoing, error) {
	n.refs++
	cmd.Ref = strconv.FormatUint(n.refs, 10)
	b, err := cmd.encode()
	if err != nil {
		return nil, err
	}
	if answer != nil {
		n.pending[cmd.Ref] = answer
	}
	o := &outgoing{ref: cmd.Ref, b: b}
	n.out = append(n.out, o)
	select {
	case n.wake <- struct{}{}:
	default:
	}
	return o, nil
}

// call sends a command and waits for the answer. The error is errNotSent, also if
// the server says that it has not carried it out; or says that the outcome is
// unknown, and wraps errBroken if the connection did.
func (n *conn) call(ctx context.Context, cmd command) (*frame, error) {
	answered := make(chan *frame, 1)
	n.c.mu.Lock()
	if n.c.conn != n {
		n.c.mu.Unlock()
		return nil, errNotSent
	}
	o, err := n.enqueue(cmd, func(f *frame) error {
		answered <- f
		return nil
	})
	n.c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	refused := false // if there is no answer
	select {
	case f := <-answered:
		return f, nil
	case <-n.ctx.Done():
		cause := context.Cause(n.ctx)
		refused = answeredAll(cause)
		err = fmt.Errorf("%w: %w", errBroken, cause)
	case <-ctx.Done():
		err = ctx.Err()
		select {
		case f := <-answered:
			return f, nil
		case <-n.ctx.Done():
		case <-lastLook(ctx):
		}
	}

	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	select {
	case f := <-answered: // at the same moment
		return f, nil
	default:
	}
	delete(n.pending, o.ref)
	if o.sent && !refused {
		return nil, unknownOutcome(err)
	}
	o.b = nil
	if errors.Is(err, errBroken) {
		return nil, errNotSent
	}
	return nil, err
}

// write writes commands.
func (n *conn) write() {
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.wake:
			switch err := n.flush(); {
			case errors.Is(err, net.ErrClosed):
				return // The reader learns why.
			case err != nil:
				n.cancel(err)
				return
			}
		}
	}
}

// flush writes what is waiting.
func (n *conn) flush() error {
	for {
		frames := n.take()
		if len(frames) == 0 {
			return nil
		}
		if err := n.link.write(n, frames); err != nil {
			return err
		}
	}
}

// maxTogether is how many frames a server takes at once.
const maxTogether = 1000

// take returns the frames to write next, none if none are waiting.
func (n *conn) take() [][]byte {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	var frames [][]byte
	size := 0
	for len(n.out) > 0 && len(frames) < maxTogether {
		o := n.out[0]
		if size += len(o.b); len(frames) > 0 && size > n.link.room() {
			return frames
		}
		n.out[0] = nil
		n.out = n.out[1:]
		o.sent = true
		if o.b != nil { // else it was given up
			frames = append(frames, o.b)
		}
	}
	if len(n.out) == 0 {
		n.out = nil
	}
	return frames
}

// watch pings the server, and gives the connection up when a whole interval has
// passed in which nothing got through.
func (n *conn) watch() {
	var before progress
	for sleep(n.ctx, n.c.opts.HeartbeatInterval) {
		if n.link.progress().stuck(before) && sleep(n.ctx, grace) && n.link.progress().stuck(before) {
			n.cancel(errSilent)
			return
		}
		before = n.link.progress()
		n.ping(nil)
	}
}

// steady is how long a connection must have lasted to be a success.
const steady = 10 * time.Second

// prove finds out whether the connection is a success: the answer to the ping
// comes behind all that subscriptions catch up with. A connection that breaks
// before would do so again.
func (n *conn) prove() {
	if sleep(n.ctx, steady) {
		n.asked = true
		n.ping(func(*frame) error {
			n.proven.Store(true)
			return nil
		})
	}
}

func (n *conn) ping(answer func(*frame) error) {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	_, _ = n.enqueue(command{Event: "hotsock.ping"}, answer)
}
