package socket

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"
)

// Errors of [Conn.Post].
var (
	ErrNotFeed = errors.New("socket: the connection is a WebSocket")
	ErrBehind  = errors.New("socket: too much waits to be read")
)

// A feed is the other way to a client, for where no WebSocket gets through: its frames
// are events of one long answer (text/event-stream), and what it sends comes by other
// requests, as posted. Everything else is as with a WebSocket. Conn.mu guards it.
type feed struct {
	posted [][]byte // messages of the client that were not read
	size   int      // of these, as postedSize says
	closed error    // what the client has closed with, after these; nil if it has not
	woken  bool     // the reader's deadline has been set, so that it looks here
	// ids of what was posted last, in a ring: the same may come again when the answer to
	// it was lost on its way from another node.
	ids [8]string
	id  int // the next one's place
}

// postedRoom is how many bytes of messages may wait to be read before no more are
// taken.
const postedRoom = 256 << 10

// postedSize is what a message takes there, with what keeps it: a short one needs memory
// and work, too.
func postedSize(m []byte) int { return len(m) + 64 }

// feedPing is what a client over a feed is pinged with: a comment, and no end of an
// event, since it may stand within one.
var feedPing = Frame{&frameBytes{wire: []byte(": ping\n"), secret: true, control: true}}

// comingBack is within how many milliseconds clients that do so by themselves come back.
const comingBack = 5000

// AcceptFeed answers a request with a feed. CheckFeed must have found nothing. If the
// network connection cannot be taken over, as with HTTP/2, [Conn.Held] reports true. If
// AcceptFeed fails, nothing has been written. With answers, the client answers pings by
// posting something; without, it is enough that it receives them.
func AcceptFeed(w http.ResponseWriter, r *http.Request, o Options, answers bool) (*Conn, error) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no")
	retry := "retry: " + strconv.Itoa(comingBack/10+rand.IntN(comingBack)) + "\n"
	var c *Conn
	if taken, early, err := hijackIfPossible(w, r); err == nil {
		c = newConn(taken, early, o)
		retry = head(h) + retry
	} else {
		held, err := holdAnswer(w, r)
		if err != nil {
			return nil, err
		}
		c = newConn(held, nil, o)
	}
	c.feed = new(feed)
	c.ping.received = !answers
	c.answer(Frame{&frameBytes{wire: []byte(retry), secret: true, control: true}})
	return c, nil
}

// head is that of an answer over HTTP/1 which ends with the connection.
func head(h http.Header) string {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	_ = h.WriteSubset(&b, notFed) // writing to a buffer does not fail
	b.WriteString("\r\n")
	return b.String()
}

// notFed are headers that say something of another body, or that are set here.
var notFed = map[string]bool{
	"Connection": true, "Date": true, "Content-Length": true, "Content-Encoding": true, "Transfer-Encoding": true, "Trailer": true,
}

// event returns the frame as it is sent over feeds: once for all of them.
func (f Frame) event() Frame {
	if e := f.b.event.Load(); e != nil {
		return Frame{e}
	}
	e := eventOf("", f.payload())
	f.b.event.Store(e)
	return Frame{e}
}

func events(frames []Frame) []Frame {
	list := make([]Frame, len(frames))
	for i, f := range frames {
		list[i] = f.event()
	}
	return list
}

// WithID returns the frame as an event with an id, which is for one feed.
func (f Frame) WithID(id string) Frame {
	e := eventOf("id: "+id+"\n", f.payload())
	e.event.Store(e)
	return Frame{e}
}

// eventOf makes an event of a payload, which has no line breaks since it is compact
// JSON.
func eventOf(id string, payload []byte) *frameBytes {
	const before, after = "data: ", "\n\n"
	b := make([]byte, 0, len(id)+len(before)+len(payload)+len(after))
	b = append(append(b, id...), before...)
	return &frameBytes{wire: append(append(b, payload...), after...), secret: true}
}

// closeEvent is what a client over a feed is told instead of a close frame.
func closeEvent(code Code, reason string) Frame {
	data, _ := json.Marshal(struct { // cannot fail
		Code   Code   `json:"code"`
		Reason string `json:"reason"`
	}{code, reason})
	return Frame{&frameBytes{wire: []byte("event: close\ndata: " + string(data) + "\n\n"), secret: true, control: true}}
}

// Held reports whether the connection lasts only as long as the request that it was
// made of.
func (c *Conn) Held() bool {
	_, held := c.net.(*heldConn)
	return held
}

// Post gives the connection what its client has sent by another request, for Wait and
// Read: all messages, or none if it returns an error. No message is also a sign of
// life. What has the id of one of the last eight was given before, and is passed over;
// without an id, it was not. It may be called concurrently.
func (c *Conn) Post(id string, messages [][]byte) error {
	return c.post(func(f *feed) error {
		if id != "" && slices.Contains(f.ids[:], id) {
			return nil
		}
		size := 0
		for _, m := range messages {
			if len(m) > c.limit {
				return ErrTooLong
			}
			size += postedSize(m)
		}
		// So much as one request may have is always taken by a client that keeps up.
		if f.size > 0 && f.size+size > postedRoom {
			return ErrBehind
		}
		f.posted, f.size = append(f.posted, messages...), f.size+size
		c.in.note(size + 1)
		f.ids[f.id], f.id = id, (f.id+1)%len(f.ids)
		return nil
	})
}

// PostClose has the client close the connection, with a code that it may send, after
// what it has posted.
func (c *Conn) PostClose(code Code) error {
	return c.post(func(f *feed) error {
		f.closed = closedError{code}
		return nil
	})
}

// post changes what is posted, and has the reader look at it.
func (c *Conn) post(change func(*feed) error) error {
	if c.feed == nil {
		return ErrNotFeed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.Load() || c.feed.closed != nil {
		return closedError{StatusNone}
	}
	if err := change(c.feed); err != nil {
		return err
	}
	if c.feed.pending() && !c.feed.woken {
		c.feed.woken = true
		_ = c.net.SetReadDeadline(time.Unix(1, 0))
	}
	return nil
}

func (f *feed) pending() bool { return len(f.posted) > 0 || f.closed != nil }

// waitPosted is Wait of a feed. Nothing may come from the network but its end.
func (c *Conn) waitPosted() error {
	for {
		c.mu.Lock()
		pending := c.feed.pending()
		if !pending && c.feed.woken {
			c.feed.woken = false
			_ = c.net.SetReadDeadline(time.Time{})
		}
		c.mu.Unlock()
		if pending {
			return nil
		}
		ok, err := c.in.begin()
		if ok {
			err = ErrProtocol
		}
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			continue // That was for TLS alone, or something was posted.
		}
		c.hearNoMore(err)
		return err
	}
}

// readPosted is Read of a feed.
func (c *Conn) readPosted(buffer func() []byte) ([]byte, error) {
	for {
		if err := c.waitPosted(); err != nil {
			return nil, err
		}
		c.mu.Lock()
		f := c.feed
		var err error
		var m []byte
		if len(f.posted) > 0 {
			m, f.posted[0] = f.posted[0], nil
			if f.posted, f.size = f.posted[1:], f.size-postedSize(m); len(f.posted) == 0 {
				f.posted = nil // An idle one has no use for the room of what there was.
			}
		} else {
			err = f.closed
		}
		c.mu.Unlock()
		if err == nil && c.tolerate != nil && !c.tolerate() {
			err = ErrFlood
		}
		if err != nil {
			c.hearNoMore(err)
			return nil, err
		}
		if !c.closing.Load() { // else nobody could be sure to get the answer
			return append(buffer()[:0], m...), nil
		}
	}
}
