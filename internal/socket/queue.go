package socket

import "slices"

// A queue is what waits to be written to one connection, in order. What is being
// written stays in it until it has been.
type queue struct {
	limit int // of bytes, besides those asked for

	frames []Frame
	bytes  int // of all frames, uncompressed; control frames do not count
	// writing is how many of the first frames are being written. They must stay
	// where they are.
	writing int
	// begun is how many bytes of the first frame have been written.
	begun int

	// asked is how many bytes are left of what addAll has taken, and groups where
	// each such group ends, counted in the bytes that ever left the queue.
	asked  int
	groups []group
	left   uint64

	// pong is the answer to the client's last ping, and last the close frame, if
	// they are to be sent.
	pong, last Frame
	dropped    bool // no messages are sent any more
	ended      bool // the close frame is among the frames
}

type group struct {
	end  uint64
	size int
}

// maxKept bounds the memory that an idle connection keeps for its next batch.
const maxKept = 64

// add returns false if the frame is too much. A frame that would be alone never
// is, or else it could never be sent.
func (q *queue) add(f Frame) bool {
	if waiting := q.bytes - q.asked; waiting+f.Len() > q.limit && waiting > 0 {
		return false
	}
	q.frames = append(q.frames, f)
	q.bytes += f.Len()
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
	return true
}

// control puts control frames where they belong: a pong before the messages that
// have not been begun, the close frame after everything. Nothing is being written.
func (q *queue) control() {
	if !q.pong.IsZero() && !q.ended {
		at := min(q.begun, 1)
		for at < len(q.frames) && q.frames[at].b.control {
			at++
		}
		q.frames = slices.Insert(q.frames, at, q.pong)
		q.pong = Frame{}
	}
	if !q.last.IsZero() && len(q.frames) == 0 {
		q.frames = append(q.frames, q.last)
		q.last, q.ended = Frame{}, true
	}
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
	q.left += uint64(q.bytes)
	q.bytes, q.begun, q.writing = 0, 0, 0
	q.asked, q.groups = 0, nil
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
		if !f.b.control {
			q.bytes -= f.Len()
			q.left += uint64(f.Len())
		}
	}
	for len(q.groups) > 0 && q.left >= q.groups[0].end {
		q.asked -= q.groups[0].size
		q.groups = q.groups[1:]
	}
	if k == len(q.frames) {
		n = 0 // What was being written has been discarded meanwhile.
	}
	q.begun, q.writing = n, 0
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
	rest := slices.DeleteFunc(q.frames[keep:], func(f Frame) bool { return !f.b.control })
	q.frames = q.frames[:keep+len(rest)]
	q.bytes, q.asked, q.groups = 0, 0, nil
	for _, f := range q.frames {
		if !f.b.control {
			q.bytes += f.Len()
		}
	}
}

// discard forgets everything, for nothing can be written any more.
func (q *queue) discard() {
	*q = queue{limit: q.limit, left: q.left, dropped: true, ended: true}
}
