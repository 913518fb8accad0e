package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
)

// stoppable may stop streams, besides everything.
func stoppable(c *hotsock.Claims) {
	all := everything()
	all.Messages["answer"] = hotsock.MessageClaims{Stop: hotsock.Allow}
	c.Channels["*"] = all
}

func (s *site) stream(data any) *hotsock.Stream {
	s.t.Helper()
	st, err := s.h.Stream(s.t.Context(), hotsock.Message{Channel: "room", Event: "answer", Data: data, Store: time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

func write(t *testing.T, st *hotsock.Stream, text string) {
	t.Helper()
	if _, err := st.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := st.Flush(); err != nil {
		t.Fatal(err)
	}
}

// Whoever iterates over a stream gets the text so far and each further piece once, however
// often the link breaks, and however little it calls Next.
func TestStream(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil), MaxQueueSize: 3 * eventSize})
	sub := subscribe(t, c, "room", nil)
	st := s.stream("Héllo ")
	write(t, st, "🌍")
	if m := next[Message](t, sub); m.ID != st.ID() || m.Stream.State != StreamOpen {
		t.Fatalf("got %+v", m)
	}
	if a := next[Append](t, sub); a.MessageID != st.ID() || a.Text != "🌍" || a.Version != 2 {
		t.Fatalf("got %+v", a)
	}
	var got strings.Builder
	begun := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for piece, err := range sub.Stream(soon(t), st.ID()) {
			if err != nil {
				t.Error(err)
				return
			}
			if got.Len() == 0 {
				close(begun)
				if piece != "Héllo 🌍" {
					t.Errorf("first %q", piece)
				}
			}
			got.WriteString(piece)
		}
	})
	<-begun
	want := "Héllo 🌍"
	for n := range 60 {
		if n%20 == 10 {
			x.Reset()
		}
		piece := fmt.Sprintf(" %d", n)
		write(t, st, piece)
		want += piece
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	reading.Wait()
	if got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
	// Afterwards it is all there at once.
	var pieces []string
	for piece, err := range sub.Stream(soon(t), st.ID()) {
		if err != nil {
			t.Fatal(err)
		}
		pieces = append(pieces, piece)
	}
	if diff := cmp.Diff([]string{want}, pieces); diff != "" {
		t.Errorf("pieces (-want +got):\n%s", diff)
	}
}

func TestStreamEnds(t *testing.T) {
	s := newSite(t, nil)
	c := s.client("Jim", stoppable)
	sub := subscribe(t, c, "room", nil)
	for _, row := range []struct {
		why    string
		end    func(st *hotsock.Stream) error
		reason string
	}{
		{"the app aborts it", func(st *hotsock.Stream) error { return st.Abort("too hard") }, "too hard"},
		{"a client stops it", func(st *hotsock.Stream) error { return sub.StopStream(soon(t), st.ID()) }, "stopped"},
		{"somebody changes it", func(st *hotsock.Stream) error {
			_, err := s.h.UpdateMessage(t.Context(), hotsock.MessageUpdate{Channel: "room", MessageID: st.ID(), Data: "other"})
			return err
		}, "changed"},
		{"it is deleted", func(st *hotsock.Stream) error {
			return s.h.DeleteMessage(t.Context(), hotsock.MessageDeletion{Channel: "room", MessageID: st.ID()})
		}, "MESSAGE_NOT_FOUND"},
		{"its program leaves", func(*hotsock.Stream) error { return sub.Unsubscribe(soon(t)) }, "unsubscribed"},
	} {
		t.Run(row.why, func(t *testing.T) {
			st := s.stream(map[string]any{"text": "a", "n": 1})
			text, ended := "", error(nil)
			for piece, err := range sub.Stream(soon(t), st.ID()) {
				if ended = err; err != nil {
					break
				}
				if text += piece; text == "a" {
					write(t, st, "b")
				} else if err := row.end(st); err != nil {
					t.Fatal(err)
				}
			}
			if text != "ab" {
				t.Errorf("the text is %q", text)
			}
			se, ok := errors.AsType[*StreamError](ended)
			switch {
			case ok && (se.State != StreamAborted || se.Reason != row.reason):
				t.Errorf("ended with %v", ended)
			case !ok && (ended == nil || !strings.Contains(ended.Error(), row.reason)):
				t.Errorf("ended with %v", ended)
			}
			_ = st.Abort("")
		})
	}
	for _, err := range sub.Stream(t.Context(), "x") {
		wantCode(t, err, CodeInvalidRequest)
	}
}

// An iteration ends with its context, and leaves nothing behind when its loop is left.
func TestStreamIsLeft(t *testing.T) {
	s := newSite(t, nil)
	sub := subscribe(t, s.client("Jim", nil), "room", nil)
	st := s.stream("a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended error
	for _, err := range sub.Stream(ctx, st.ID()) {
		cancel()
		ended = err
	}
	if !errors.Is(ended, context.Canceled) {
		t.Errorf("ended with %v", ended)
	}
	for _, err := range sub.Stream(soon(t), st.ID()) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	sub.c.mu.Lock()
	defer sub.c.mu.Unlock()
	if len(sub.followers) != 0 {
		t.Errorf("%d followers are left", len(sub.followers))
	}
	_ = st.Abort("")
}
