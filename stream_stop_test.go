package hotsock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// stopping lets everybody see everything, and stop what messages say.
func stopping(messages map[string]MessageClaims) Options {
	return Options{Authenticate: func(req *http.Request) (*Claims, error) {
		return &Claims{UID: req.URL.Query().Get("uid"), Channels: map[string]ChannelClaims{"room": {
			Subscribe: Allow, HistoryStart: time.Unix(0, 0), Messages: messages,
		}}}, nil
	}}
}

// reads counts how often messages are read.
func (s *faultyStore) reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replays
}

// marks counts the requests to stop that all nodes know of, and forgets them.
func (r *rig) marks() (n int) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	n, r.s.stops = r.s.stops, 0
	return n
}

// askToStop sends requests to stop a stream, and wants the same answer to each.
func askToStop(t *testing.T, c *wstest.Conn, id, answer string, times int) {
	t.Helper()
	for range times {
		c.Send(fmt.Sprintf(`{"event":"hotsock.streamStop","channel":"room","data":{"messageId":%q},"ref":"x"}`, id))
		f := c.Next()
		for f.Ref != "x" {
			f = c.Next() // what comes of the stream
		}
		if f.Name() != answer {
			t.Fatalf("%s, want %s", f.Text, answer)
		}
	}
}

// TestStreamStopFlood: however often clients ask to stop streams, few messages are read,
// which may be long, and few requests go to other nodes.
func TestStreamStopFlood(t *testing.T) {
	const times = 200
	allow, own := map[string]MessageClaims{"answer": {Stop: Allow}}, map[string]MessageClaims{"*": {Stop: Own}}
	for _, row := range []struct {
		why          string
		messages     map[string]MessageClaims
		here         bool // it is written on the client's node
		do           func(t *testing.T, r *rig, s *Stream)
		answer       string
		reads, marks int
	}{
		{why: "of this node", messages: allow, here: true, answer: "hotsock.ack", reads: 1}, // when it has ended
		{why: "of another node", messages: allow, answer: "hotsock.ack", reads: 1, marks: 1},
		{why: "that has ended", messages: allow, do: func(t *testing.T, _ *rig, s *Stream) {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}, answer: "hotsock.ack", reads: 1},
		{why: "no claim", messages: map[string]MessageClaims{"*": {Publish: Allow, Update: Allow, Delete: Allow}}, answer: "STOP_PERMISSION_DENIED"},
		{why: "a claim that denies", messages: map[string]MessageClaims{"*": {Stop: Deny}}, answer: "STOP_PERMISSION_DENIED"},
		{why: "of somebody else, here", messages: own, here: true, answer: "STOP_PERMISSION_DENIED"},
		{why: "of somebody else, on another node", messages: own, answer: "STOP_PERMISSION_DENIED", reads: 1},
	} {
		t.Run(row.why, func(t *testing.T) {
			inRig(t, stopping(row.messages), func(t *testing.T, r *rig) {
				writer := r.h
				if !row.here {
					writer = r.onSameStore()
					defer func() { _ = writer.Close() }()
				}
				s, err := writer.Stream(t.Context(), Message{Channel: "room", Event: "answer", Store: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				if row.do != nil {
					row.do(t, r, s)
				}
				c := r.watcher("Jim")
				before := r.s.reads()
				r.marks()
				askToStop(t, c, s.ID(), row.answer, times)
				synctest.Wait()
				if reads := r.s.reads() - before; reads > row.reads {
					t.Errorf("%d messages were read, want %d", reads, row.reads)
				}
				if marks := r.marks(); marks != row.marks {
					t.Errorf("%d requests went to all nodes, want %d", marks, row.marks)
				}
				if row.answer == "hotsock.ack" && row.do == nil {
					<-s.Context().Done()
					if cause := context.Cause(s.Context()); cause != ErrStreamStopped {
						t.Errorf("it ended with %v", cause)
					}
				}
				_ = s.Abort("")
			})
		})
	}
}

// TestStreamStopOfMany: what a node remembers of streams that are to stop is bounded.
func TestStreamStopOfMany(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		st := r.h.streams
		for i := range 10_000 {
			key := stoppableID{channel: strings.Repeat("c", 50) + fmt.Sprint(i)}
			for range 3 {
				st.remember(key, stoppable{event: "answer", uid: "Jim", until: time.Now().Add(time.Second)})
			}
		}
		remembered := 0
		for i := range 10_000 {
			if _, ok := st.recall(stoppableID{channel: strings.Repeat("c", 50) + fmt.Sprint(i)}); ok {
				remembered++
			}
		}
		if remembered < 100 || remembered > maxStoppable/stoppableSize {
			t.Errorf("%d are remembered", remembered)
		}
	})
}

// TestStreamStopAgain: what is remembered of a message is not remembered for long: then it
// counts what the message is.
func TestStreamStopAgain(t *testing.T) {
	inRig(t, stopping(map[string]MessageClaims{"answer": {Stop: Allow}}), func(t *testing.T, r *rig) {
		other := r.onSameStore()
		defer func() { _ = other.Close() }()
		s, err := other.Stream(t.Context(), Message{Channel: "room", Event: "answer", Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		c := r.watcher("Jim")
		askToStop(t, c, s.ID(), "hotsock.ack", 1)
		<-s.Context().Done()
		_ = s.Close()
		if err := r.h.DeleteMessage(t.Context(), MessageDeletion{Channel: "room", MessageID: s.ID()}); err != nil {
			t.Fatal(err)
		}
		c.Until("hotsock.messageDeleted") // The stream's end may have come before the answer.
		time.Sleep(stopKept)
		askToStop(t, c, s.ID(), "MESSAGE_NOT_FOUND", 2)
		// Nothing is left of the request, either.
		r.awaitRecords()
	})
}

// TestStreamStopWithoutStore: a stream of this node can be stopped while the store is away.
func TestStreamStopWithoutStore(t *testing.T) {
	inRig(t, stopping(map[string]MessageClaims{"answer": {Stop: Allow}}), func(t *testing.T, r *rig) {
		c := r.watcher("Jim")
		byClient, byApp := r.stream(Message{}), r.stream(Message{})
		if err := r.h.StopStream(t.Context(), "elsewhere", byApp.ID()); !errors.Is(err, &Error{Code: CodeMessageNotFound}) {
			t.Errorf("stopping it on another channel: %v", err)
		}
		r.s.setDown(true)
		askToStop(t, c, byClient.ID(), "hotsock.ack", 1)
		if err := r.h.StopStream(t.Context(), "room", byApp.ID()); err != nil {
			t.Error(err)
		}
		for _, s := range []*Stream{byClient, byApp} {
			<-s.Context().Done()
			if cause := context.Cause(s.Context()); cause != ErrStreamStopped {
				t.Errorf("it ended with %v", cause)
			}
		}
		r.s.setDown(false)
		for _, s := range []*Stream{byClient, byApp} {
			if err := s.Close(); !errors.Is(err, ErrStreamStopped) {
				t.Error(err)
			}
		}
	})
}

// TestStreamStopRateLimit: requests to stop count like other commands.
func TestStreamStopRateLimit(t *testing.T) {
	o := stopping(map[string]MessageClaims{"answer": {Stop: Allow}})
	o.ConnectionRateLimit = RateLimit{PerSecond: 1, Burst: 5}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.watcher("Jim")
		before := r.s.reads()
		askToStop(t, c, "01JA3HVNF6E89HDT1ABRFWJ8C8", "MESSAGE_NOT_FOUND", 4) // and the subscribe
		askToStop(t, c, "01JA3HVNF6E89HDT1ABRFWJ8C8", "RATE_LIMITED", 10)
		if reads := r.s.reads() - before; reads != 4 {
			t.Errorf("%d messages were read, want 4", reads)
		}
	})
}
