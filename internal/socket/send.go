package socket

import (
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"weak"
)

// headerRoom is the longest header of a frame that a server sends.
const headerRoom = 10

// A Frame is one text message, ready to be written to any number of sockets.
// It is immutable.
type Frame struct {
	// One word, since there is one in the queue of each subscriber.
	b *frameBytes
}

type frameBytes struct {
	wire []byte // header and payload
	// secret is true if the frame must not be compressed.
	secret bool
	// control is true of what is no message: control frames, and the answer to
	// the handshake.
	control bool
	// waits is how many queues hold it that count against a Budget.
	waits atomic.Int32
	// deflated is the same compressed, or nil if that is not worth it; once it is
	// wanted.
	deflate  sync.Once
	deflated []byte
	event    atomic.Pointer[frameBytes] // the same for feeds, once it is wanted
}

// Len is the number of bytes the frame takes on the wire, uncompressed.
func (f Frame) Len() int { return len(f.b.wire) }

// IsZero reports whether the frame is the zero value, and so none.
func (f Frame) IsZero() bool { return f.b == nil }

// A WeakFrame is a frame that it does not keep in memory.
type WeakFrame struct{ p weak.Pointer[frameBytes] }

// Weak returns the frame as one that others keep.
func (f Frame) Weak() WeakFrame { return WeakFrame{weak.Make(f.b)} }

// Frame returns the frame, or the zero value if nobody has it any more.
func (w WeakFrame) Frame() Frame { return Frame{w.p.Value()} }

// wire is the frame as it is sent to connections that compress, or do not.
func (f Frame) wire(deflate bool) []byte {
	if deflate && f.b.deflated != nil {
		return f.b.deflated
	}
	return f.b.wire
}

// Start returns the beginning of a frame, with room for about size bytes of
// payload. Append the payload to it and call Finish.
func Start(size int) []byte {
	return make([]byte, headerRoom, headerRoom+size)
}

// Finish makes a frame of what Start returned and the payload appended to it.
func Finish(b []byte) Frame { return Frame{&frameBytes{wire: finish(b, fin|opText)}} }

// FinishSecret is Finish for what has a secret in it. Compressed together with
// something that an attacker can choose, its length would tell of it.
func FinishSecret(b []byte) Frame {
	return Frame{&frameBytes{wire: finish(b, fin|opText), secret: true}}
}

// controlFrame makes a frame that stands outside of the messages.
func controlFrame(opcode byte, payload []byte) Frame {
	b := append(Start(len(payload)), payload...)
	return Frame{&frameBytes{wire: finish(b, fin|opcode), secret: true, control: true}}
}

func finish(b []byte, first byte) []byte {
	n := len(b) - headerRoom
	switch {
	case n <= 125:
		b = b[headerRoom-2:]
		b[1] = byte(n)
	case n <= 0xffff:
		b = b[headerRoom-4:]
		b[1] = 126
		binary.BigEndian.PutUint16(b[2:], uint16(n))
	default:
		b[1] = 127
		binary.BigEndian.PutUint64(b[2:], uint64(n))
	}
	b[0] = first
	return b
}

// payload is what follows the header.
func (f Frame) payload() []byte {
	switch b := f.b.wire; b[1] {
	case 127:
		return b[10:]
	case 126:
		return b[4:]
	default:
		return b[2:]
	}
}

// Send queues a frame. It never blocks. Frames are written in the order of the
// calls; on a connection that is closing they are dropped.
func (c *Conn) Send(f Frame) {
	if c.deflate {
		f.compress() // once for all subscribers, and not on the Flusher's time
	}
	if c.feed != nil {
		f = f.event()
	}
	c.mu.Lock()
	if c.closing.Load() {
		c.mu.Unlock()
		return
	}
	if !c.out.add(f) {
		c.closing.Store(true)
		c.mu.Unlock()
		c.slow.Do(c.tooSlow)
		return
	}
	exceeded := c.out.exceeded()
	c.flush()
	c.mu.Unlock()
	if exceeded != nil {
		exceeded.relieve()
	}
}

// SendAll queues what the client has asked for at once, such as what it missed:
// all of it, or nothing, and then it returns false. It does not count against
// QueueLimit, but neither may there wait more of it than that.
func (c *Conn) SendAll(frames []Frame) bool {
	if c.deflate {
		for _, f := range frames {
			f.compress()
		}
	}
	if c.feed != nil {
		frames = events(frames)
	}
	c.mu.Lock()
	if c.closing.Load() {
		c.mu.Unlock()
		return true
	}
	taken := c.out.addAll(frames)
	if taken {
		c.flush()
	}
	exceeded := c.out.exceeded()
	c.mu.Unlock()
	if exceeded != nil {
		exceeded.relieve()
	}
	return taken
}

// Room is how many bytes SendAll would take now.
func (c *Conn) Room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.limit - c.out.asked
}

// Queued is how many bytes wait to be written.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.bytes
}

// A queue is what waits to be written to one connection, in order. What is being
// written stays in it until it has been.
type queue struct {
	frames []Frame
	bytes  int // of all frames, uncompressed; control frames do not count
	limit  int // of bytes, besides those asked for
	// writing is how many of the first frames are being written. They must stay
	// where they are.
	writing int
	// begun is how many bytes of the first frame have been written.
	begun int

	// asked is how many bytes are left of what addAll has taken, and groups where
	// each such group ends, counted in the bytes that ever left the queue.
	asked  int
	left   uint64
	groups []group

	ping    bool // a ping is to be sent
	pinged  bool // a ping is among the frames
	dropped bool // no messages are sent any more
	ended   bool // the close frame is among the frames
	counted bool // the frames count against the budget
	// pong is the answer to the client's last ping, and last the close frame, if
	// they are to be sent.
	pong, last Frame

	budget *Budget // shared with other connections, nil for none
	conn   *Conn   // whose queue it is
}

type group struct {
	end  uint64
	size int // of what is left of it
}

// maxKept bounds the memory that an idle connection keeps for its next batch.
const maxKept = 64

// maxBatch is how many bytes of several frames a Flusher writes at once. It copies
// them for that, and no queue counts the copy.
const maxBatch = 256 << 10

// batch returns the first frames, which a Flusher writes together.
func (q *queue) batch() []Frame {
	if q.bytes <= maxBatch {
		return q.frames
	}
	size := 0
	for i, f := range q.frames {
		if size += f.Len(); size > maxBatch && i > 0 {
			return q.frames[:i]
		}
	}
	return q.frames
}

// add returns false if the frame is too much. A frame that would be alone never
// is, or else it could never be sent.
func (q *queue) add(f Frame) bool {
	if waiting := q.bytes - q.asked; waiting+f.Len() > q.limit && waiting > 0 {
		return false
	}
	q.frames = append(q.frames, f)
	q.bytes += f.Len()
	q.count(1)
	return true
}

// addAll takes all frames, or returns false.
func (q *queue) addAll(frames []Frame) bool {
	size := 0
	for _, f := range frames {
		size += f.Len()
	}
	if q.asked+size > q.limit {
		return false
	}
	q.frames = append(q.frames, frames...)
	q.bytes += size
	q.asked += size
	q.groups = append(q.groups, group{end: q.left + uint64(q.bytes), size: size})
	q.count(len(frames))
	return true
}

// control puts control frames where they belong: pings and pongs before the
// messages that have not been begun, the close frame after everything. Nothing is
// being written.
func (q *queue) control() {
	if !q.pong.IsZero() {
		q.insert(q.pong)
		q.pong = Frame{}
	}
	if q.ping && !q.pinged {
		q.pinged = q.insert(q.conn.pingFrame())
		q.ping = false
	}
	if !q.last.IsZero() && len(q.frames) == 0 {
		q.frames = append(q.frames, q.last)
		q.last, q.ended = Frame{}, true
	}
}

// insert returns false if nothing may follow what is queued.
func (q *queue) insert(f Frame) bool {
	if q.ended {
		return false
	}
	at := min(q.begun, 1)
	for at < len(q.frames) && q.frames[at].b.control {
		at++
	}
	q.frames = slices.Insert(q.frames, at, f)
	if q.counted {
		q.budget.add([]Frame{f})
	}
	return true
}

// writesMessages reports whether messages are among what is being written.
func (q *queue) writesMessages() bool {
	for _, f := range q.frames[:min(q.writing, len(q.frames))] {
		if !f.b.control {
			return true
		}
	}
	return false
}

// wroteAll takes out the frames that were being written.
func (q *queue) wroteAll(deflate bool) {
	if q.writing < len(q.frames) {
		size := -q.begun
		for _, f := range q.frames[:q.writing] {
			size += len(f.wire(deflate))
		}
		q.wrote(size, deflate)
		return
	}
	q.uncount(q.frames, 0)
	q.left += uint64(q.bytes)
	q.bytes, q.begun, q.writing = 0, 0, 0
	q.asked, q.groups = 0, nil
	q.pinged = false
	q.clear(0)
}

// wrote takes out what has been written: n bytes of those frames that were being
// written, in the form that the connection is sent them.
func (q *queue) wrote(n int, deflate bool) {
	n += q.begun
	k := 0
	for k < min(q.writing, len(q.frames)) {
		f := q.frames[k]
		w := len(f.wire(deflate))
		if n < w {
			break
		}
		n -= w
		k++
		switch {
		case !f.b.control:
			q.bytes -= f.Len()
			q.left += uint64(f.Len())
		case f == q.conn.pingFrame():
			q.pinged = false
		}
	}
	q.countAsked()
	if k == len(q.frames) {
		n = 0 // What was being written has been discarded meanwhile.
	}
	q.begun, q.writing = n, 0
	q.uncount(q.frames[:k], len(q.frames)-k)
	q.clear(copy(q.frames, q.frames[k:]))
	if q.dropped {
		q.drop()
	}
}

// clear takes out the frames from the nth on.
func (q *queue) clear(n int) {
	clear(q.frames[n:])
	q.frames = q.frames[:n]
	if n == 0 && cap(q.frames) > maxKept {
		q.frames = nil
	}
}

// drop forgets the messages that are queued. What has been begun is still written
// to its end, since nothing could follow it otherwise.
func (q *queue) drop() {
	q.dropped = true
	keep := max(q.writing, min(q.begun, 1))
	left := slices.DeleteFunc(slices.Clone(q.frames[keep:]), func(f Frame) bool { return !f.b.control })
	q.uncount(q.frames, keep+len(left))
	q.clear(keep + copy(q.frames[keep:], left))
	if q.counted {
		q.budget.add(q.frames)
	}
	q.bytes, q.asked, q.groups = 0, 0, nil
	for _, f := range q.frames {
		if !f.b.control {
			q.bytes += f.Len()
		}
	}
}

// discard forgets everything, for nothing can be written any more.
func (q *queue) discard() {
	q.uncount(q.frames, 0)
	*q = queue{limit: q.limit, budget: q.budget, conn: q.conn, left: q.left, dropped: true, ended: true}
}
