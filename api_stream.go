package hotsock

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
)

// Why the context of a [Stream] ends, besides the reasons that are an [*Error]. See
// [context.Cause].
var (
	// ErrStreamStopped means that a client has stopped it, or [Handler.StopStream].
	ErrStreamStopped = errors.New("hotsock: the stream was stopped")
	// ErrUnheard means that nobody was subscribed for as long as [WhileHeard] permits.
	ErrUnheard = errors.New("hotsock: nobody listens to the stream")
	// ErrStreamEnded means that Close or Abort was called before.
	ErrStreamEnded = errors.New("hotsock: the stream has ended")
)

// A StreamState says what becomes of a message that is streamed.
type StreamState struct {
	// State is "open", "complete", "aborted" or "lost".
	State string `json:"state"`
	// Reason is why it was aborted.
	Reason string `json:"reason,omitempty"`
}

// A StreamOption is one of [Handler.Stream].
type StreamOption func(s *Stream)

// WhileHeard ends the stream when nobody has been subscribed to the channel for that
// long, and at the latest after twice as long: its context ends with [ErrUnheard], and it
// is aborted. Subscriptions that are not counted do not count. The least is an eighth of
// a second; 0 is for ever.
func WhileHeard(d time.Duration) StreamOption {
	return func(s *Stream) {
		if s.unheard = 0; d > 0 {
			s.unheard = max(d, streamPause)
		}
	}
}

// Stream publishes a message whose text the app writes bit by bit, such as the answer of
// a model. Subscribers get what is written as it comes, and whoever subscribes, reloads
// or lists the history in between gets the text so far, and then the rest. The message
// says whether it is still being written.
//
// The message needs a Store, which counts from now. It has neither a DeduplicationID nor
// an At. Its Data is a string, or an object with a string as "text", to which the stream
// appends; nil is the empty string. All of it is at most [Options.MaxStreamSize] long.
//
// The stream must be ended with [Stream.Close] or [Stream.Abort]. It is aborted if ctx
// ends, and by [Handler.Shutdown]. If the process dies, another node says within
// [Options.NodeTimeout] and a second that the stream is lost, or else the next one that
// starts. The error is an [*Error].
func (h *Handler) Stream(ctx context.Context, m Message, options ...StreamOption) (*Stream, error) {
	if m.Data == nil {
		m.Data = ""
	}
	switch {
	case m.DeduplicationID != "" || !m.At.IsZero():
		return nil, refuseBecause(CodeInvalidRequest, "a stream has neither a DeduplicationID nor an At")
	case m.Store == 0 || m.Store == Never:
		return nil, refuseBecause(CodeInvalidRequest, "a stream needs a Store")
	}
	prepared, err := newServerMessage(&m, &h.opts)
	if err != nil {
		return nil, err
	}
	tail, units, ok := wire.FindText(prepared.data)
	if !ok {
		return nil, refuseBecause(CodeInvalidRequest, `the Data of a stream is a string, or an object whose "text" is one`)
	}
	s := newStream(h, &prepared, tail, units)
	for _, o := range options {
		o(s)
	}
	if err := h.streams.begin(ctx, s, prepared); err != nil {
		return nil, hostError(err)
	}
	return s, nil
}

// StopStream ends the stream of a message, on whichever node it is written, as a client
// can that is permitted to: its context ends with [ErrStreamStopped], and it is aborted
// with the reason "stopped". It does not wait for that. Nothing happens if the stream has
// ended. The error is an [*Error], with [CodeMessageNotFound] if there is no such stored
// message.
func (h *Handler) StopStream(ctx context.Context, channel, messageID string) error {
	if err := validateChannel(channel); err != nil {
		return hostError(err)
	}
	id, err := ulid.ParseStrict(messageID)
	if err != nil {
		return refuse(CodeMessageNotFound)
	}
	return hostError(h.streams.stopMessage(ctx, channel, id))
}

// ID is that of the message.
func (s *Stream) ID() string { return s.id.String() }

// Context ends when there is no use in writing more. [context.Cause] is
// [ErrStreamStopped], [ErrUnheard], [ErrStreamEnded], what ended the context of
// [Handler.Stream], or an [*Error]: with [CodeMessageNotFound] if the message was deleted
// or has expired, [CodeConflict] if somebody else has changed it, both as soon as
// something is written after that, and [CodeUnavailable] if the handler shuts down.
func (s *Stream) Context() context.Context { return s.ctx }

// Listeners is how many counted subscriptions the channel had when something was sent
// last.
func (s *Stream) Listeners() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners
}

// Write appends text in UTF-8. What the end lacks of a character is awaited, and what is
// not valid becomes U+FFFD. It is sent soon: the first text at once, and then what has
// been written within an eighth of a second together, or within longer if the text is
// long. Write waits while too much of it could not be sent, and while another writes. The
// error is the cause of the context's end, or has [CodePayloadTooLarge], after which the
// stream is aborted: nothing of what cannot fit is sent, unless it only gets too long as JSON.
func (s *Stream) Write(p []byte) (int, error) {
	return write(s, p)
}

// WriteString is Write.
func (s *Stream) WriteString(text string) (int, error) { return write(s, text) }

// Flush sends what was written, and waits until the store has it. At most 25 frames a
// second are sent.
func (s *Stream) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := len(s.text)
	s.flushTo = max(s.flushTo, all)
	s.wakeUp()
	for s.sent < all && !s.over {
		s.awaitChange()
	}
	if s.sent < all {
		return s.err()
	}
	return nil
}

// Close ends the stream: its message is complete. It waits until the store has it, up to
// 10 s, and then returns an error with [CodeUnavailable]; it is sent later, then. If the
// stream has ended before, the error is the cause of that; and if it turns out only now
// that the message was changed or deleted, what [Stream.Context] says of that. It may be
// called again.
func (s *Stream) Close() error {
	s.mu.Lock()
	if lacks := string(utf8.RuneError); s.partial != "" && s.final == nil && s.fits(len(lacks)) {
		s.text = append(s.text, lacks...)
	}
	if s.ctx.Err() != nil { // Nobody may have noted it yet.
		s.end(wire.AppendAborted(nil, "canceled"), context.Cause(s.ctx))
	}
	s.mu.Unlock()
	return s.finish(wire.StreamComplete, ErrStreamEnded)
}

// Abort ends the stream before it is complete, as Close does. The reason is told to
// those who read the message; it is cut at 123 bytes.
func (s *Stream) Abort(reason string) error {
	reason = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, toUTF8(reason))
	if len(reason) > maxStreamReason {
		reason = reason[:wholeRunes(reason[:maxStreamReason])]
	}
	return s.finish(wire.AppendAborted(nil, reason), ErrStreamEnded)
}
