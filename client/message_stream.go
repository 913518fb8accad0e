package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
)

// What becomes of a stream.
const (
	StreamOpen     = "open"
	StreamComplete = "complete"
	StreamAborted  = "aborted" // by the server's app, or because somebody has stopped it
	StreamLost     = "lost"    // the server's process that wrote it has died
)

// A StreamState says what has become of a message that the server's app writes piece by
// piece. It is zero for all other messages.
type StreamState struct {
	State string `json:"state"` // such as StreamOpen
	// Reason says why it was aborted, "" for no reason.
	Reason string `json:"reason"`
}

// A StreamError is the end of a stream that is not complete.
type StreamError struct{ StreamState }

func (e *StreamError) Error() string {
	if e.Reason == "" {
		return "hotsock: the stream is " + e.State
	}
	return "hotsock: the stream is " + e.State + ": " + e.Reason
}

// An Append added text to the data of a message, which is a string or has a member
// "text". [Subscription.Stream] puts the pieces together.
type Append struct {
	// ID is its place in the channel's order, like that of a message.
	ID        string
	Channel   string
	MessageID string
	Text      string
	// Version is that of the message now.
	Version int64
	// Stream is zero unless it is told with this piece, which may be empty then.
	Stream StreamState
}

func (Append) event() {}

type appendData struct {
	MessageID string      `json:"messageId"`
	Text      string      `json:"text"`
	Version   int64       `json:"version"`
	Stream    StreamState `json:"stream"`
}

// A follower is one iteration over a stream. Client.mu guards it.
type follower struct {
	messageID string
	wake      chan struct{} // has one element if there is something
	pieces    []appendData
	size      int  // of their frames, in bytes
	stale     bool // the message must be read
	err       error
}

func (f *follower) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Stream iterates over the text of a message that the server's app writes piece by piece:
// first the text so far, then each piece as it comes, exactly once, over any number of
// reconnects. It ends when the stream is complete. An error ends it too: a [*StreamError]
// if the stream was aborted or is lost, the code MESSAGE_NOT_FOUND if the client may not
// list the message or it was deleted, why the subscription has ended, or that of ctx.
//
// The message is read when the iteration begins, and again after a reconnect; no call of
// Next is needed. Of a message that is no stream, it is the text. A message that somebody
// else changes meanwhile counts as aborted, with the reason "changed".
func (s *Subscription) Stream(ctx context.Context, messageID string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if _, err := ulid.ParseStrict(messageID); err != nil {
			yield("", &Error{Code: CodeInvalidRequest, Message: "messageID must be the id of a message"})
			return
		}
		f := &follower{messageID: messageID, wake: make(chan struct{}, 1), stale: true}
		f.signal()
		s.follow(f)
		defer s.unfollow(f)
		if err := s.stream(ctx, f, func(piece string) bool { return yield(piece, nil) }); err != nil {
			yield("", err)
		}
	}
}

// stream gives the pieces to yield, until that returns false or the stream has ended.
func (s *Subscription) stream(ctx context.Context, f *follower, yield func(string) bool) error {
	var t streamText
	for {
		pieces, stale, err := s.awaitPieces(ctx, f)
		if err != nil {
			return err
		}
		if stale {
			m, err := s.message(ctx, f.messageID)
			if err != nil {
				return err
			}
			t.at, t.version = 0, m.Version-1
			whole := appendData{Text: textOf(m.Data), Version: m.Version, Stream: m.Stream}
			if whole.Stream.State == "" {
				whole.Stream.State = StreamComplete // It is none.
			}
			pieces = slices.Insert(pieces, 0, whole)
		}
		for _, p := range pieces {
			if p.Version > t.version+1 {
				s.restart(f)
				break
			}
			if p.Version <= t.version {
				continue
			}
			rest, ok := t.add(p)
			if rest != "" && !yield(rest) {
				return nil
			}
			switch {
			case !ok:
				return &StreamError{StreamState{StreamAborted, "changed"}}
			case p.Stream.ends():
				return p.Stream.err()
			}
		}
	}
}

// A streamText is what an iteration has of a message.
type streamText struct {
	all     []byte
	at      int // so much of it is in the message: less, if the server's store has lost the newest
	version int64
}

// add returns what is new in a piece. It returns false if the message does not begin with
// what was there before, or ends before it.
func (t *streamText) add(p appendData) (rest string, ok bool) {
	known := t.all[t.at:]
	known = known[:min(len(known), len(p.Text))]
	if rest, ok = strings.CutPrefix(p.Text, string(known)); !ok {
		return "", false
	}
	t.at, t.version, t.all = t.at+len(p.Text), p.Version, append(t.all, rest...)
	return rest, t.at == len(t.all) || p.Stream.State != StreamComplete
}

func (st StreamState) ends() bool { return st.State != "" && st.State != StreamOpen }

// err is the error of an end.
func (st StreamState) err() error {
	if st.State == StreamAborted || st.State == StreamLost {
		return &StreamError{st}
	}
	return nil
}

// textOf is the text of a message's data, to which more is appended.
func textOf(data json.RawMessage) (text string) {
	var object struct {
		Text string `json:"text"`
	}
	if decode(data, &text) != nil && decode(data, &object) == nil {
		text = object.Text
	}
	return text
}

// message reads a stored message, however long the store is away.
func (s *Subscription) message(ctx context.Context, id string) (Message, error) {
	b := backoff{min: s.c.opts.MinDelay, max: s.c.opts.MaxDelay}
	for {
		var page struct {
			Messages []listedMessage `json:"messages"`
		}
		err := s.c.ask(ctx, s.name, "listMessages", listMessages{Channel: s.name, After: predecessor(id), Limit: 1}, &page)
		if errors.Is(err, &Error{Code: CodeUnavailable}) || errors.Is(err, &Error{Code: CodeRateLimited}) {
			if !sleep(ctx, b.next(0)) {
				return Message{}, ctx.Err()
			}
			continue
		}
		if err != nil {
			return Message{}, err
		}
		if len(page.Messages) == 0 || page.Messages[0].ID != id {
			return Message{}, &Error{Code: CodeMessageNotFound, Message: "there is no such stored message"}
		}
		return page.Messages[0].message()
	}
}

// predecessor is the id right before one.
func predecessor(id string) string {
	u, _ := ulid.ParseStrict(id) // It was checked.
	for i := len(u) - 1; i >= 0; i-- {
		if u[i]--; u[i] != 0xff {
			break
		}
	}
	return u.String()
}

// StopStream has the server's app end a stream, for everybody. It takes the claim "stop".
// The end comes as that of the stream. Stopping what has ended already does nothing. Other
// errors are those of [Client.PublishAt].
func (s *Subscription) StopStream(ctx context.Context, messageID string) error {
	return s.edit(ctx, "hotsock.streamStop", struct {
		MessageID string `json:"messageId"`
	}{messageID}, new(struct{}))
}

func (s *Subscription) follow(f *follower) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if f.err = s.err; f.err == nil {
		s.followers = append(s.followers, f)
	}
}

func (s *Subscription) unfollow(f *follower) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.followers = slices.DeleteFunc(s.followers, func(other *follower) bool { return other == f })
}

// awaitPieces returns what came since it was called last, and whether the message must be
// read first.
func (s *Subscription) awaitPieces(ctx context.Context, f *follower) ([]appendData, bool, error) {
	select {
	case <-f.wake:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	pieces, stale := f.pieces, f.stale
	f.pieces, f.size, f.stale = nil, 0, false
	return pieces, stale, f.err
}

func (s *Subscription) restart(f *follower) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	f.stale = true
	f.signal()
}

// restartFollowers has all of them read their messages again. Client.mu must be held, here
// and below.
func (s *Subscription) restartFollowers() {
	for _, f := range s.followers {
		f.stale = true
		f.signal()
	}
}

// tellFollowers passes on what changes their messages.
func (s *Subscription) tellFollowers(n *frame) {
	var d appendData
	if n.Event == eventChannelErased {
		s.restartFollowers()
	}
	if !slices.Contains([]string{eventMessageAppended, eventMessageUpdated, eventMessageDeleted}, n.Event) || n.data(&d) != nil {
		return
	}
	for _, f := range s.followers {
		if f.messageID != d.MessageID {
			continue
		}
		f.pieces, f.size = append(f.pieces, d), f.size+n.size+eventSize
		if n.Event != eventMessageAppended || f.size > s.c.opts.MaxQueueSize {
			f.pieces, f.size, f.stale = nil, 0, true
		}
		f.signal()
	}
}
