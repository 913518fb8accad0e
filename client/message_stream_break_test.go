package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	goredis "github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/redistest"
	storememory "github.com/hotsock-go/hotsock/store_memory"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// A reading is what an iteration gives, which begins at once.
type reading struct {
	t      *testing.T
	pieces chan string
	ended  chan error
	text   string
}

func read(ctx context.Context, t *testing.T, sub *Subscription, id string) *reading {
	r := &reading{t: t, pieces: make(chan string, 1000), ended: make(chan error, 1)}
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		for piece, err := range sub.Stream(ctx, id) {
			if err != nil {
				r.ended <- err
				return
			}
			if !utf8.ValidString(piece) {
				t.Errorf("%q is not valid", piece)
			}
			r.pieces <- piece
		}
		r.ended <- nil
	}()
	return r
}

// until takes pieces until the text is there.
func (r *reading) until(text string) {
	r.t.Helper()
	patience := time.After(patience)
	for r.text != text {
		if !strings.HasPrefix(text, r.text) {
			r.t.Fatalf("the text is %q, not %q", r.text, text)
		}
		select {
		case piece := <-r.pieces:
			r.text += piece
		case err := <-r.ended:
			if r.ended <- err; len(r.pieces) > 0 {
				continue
			}
			r.t.Fatalf("it ends with %v at %q, want %q", err, r.text, text)
		case <-patience:
			r.t.Fatalf("the text stays %q, want %q", r.text, text)
		}
	}
}

// end waits for the end, before which there is no further piece.
func (r *reading) end() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		if len(r.pieces) != 0 {
			r.t.Errorf("%q follows", <-r.pieces)
		}
		return err
	case <-time.After(patience):
		r.t.Fatal("it does not end")
		return nil
	}
}

// What was lost on the way is read again, however much it is, also when the server's node
// is another one afterwards; and every loop over the message has it.
func TestStreamOverBreaks(t *testing.T) {
	shared := storememory.New()
	first, second := newSiteWith(t, hotsock.Options{Store: shared, ReplayLimit: 5}), newSiteWith(t, hotsock.Options{Store: shared, ReplayLimit: 5})
	x, url := first.proxy()
	c := first.clientWith(Options{URL: url, Token: tokens("Jim", nil)})
	sub := subscribe(t, c, "room", nil)
	st := second.stream("👋")
	readings := []*reading{read(soon(t), t, sub, st.ID()), read(soon(t), t, sub, st.ID())}
	text := "👋"
	all := func() {
		t.Helper()
		for _, r := range readings {
			r.until(text)
		}
	}
	all()
	grow := func(n int) {
		t.Helper()
		for i := range n {
			piece := fmt.Sprint(i, " 👋🏽 ")
			for _, b := range []byte(piece) { // no character is torn
				if _, err := st.Write([]byte{b}); err != nil {
					t.Fatal(err)
				}
			}
			if err := st.Flush(); err != nil {
				t.Fatal(err)
			}
			text += piece
		}
	}
	grow(3)
	all()
	x.Refuse()
	x.Reset()
	grow(20) // more than can be caught up with
	x.Heal()
	all()
	readings = append(readings, read(soon(t), t, sub, st.ID()))
	all()
	// Its node restarts: clients go to another one.
	x.Retarget(strings.TrimSuffix(strings.TrimPrefix(second.url, "http://"), "/rt"))
	_ = first.h.Close()
	grow(3)
	all()
	x.BlackHole()
	grow(3)
	x.Heal()
	x.Reset()
	grow(3)
	all()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range readings {
		if err := r.end(); err != nil {
			t.Errorf("it ended with %v", err)
		}
	}
}

// The server's store loses what is newest: a Redis that had saved its data some time before.
// The server writes it again, and nobody sees any of it twice.
func TestStreamRolledBack(t *testing.T) {
	server := redistest.StartServer(t)
	redis := goredis.NewClient(&goredis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
	defer redis.Close()
	store, err := storeredis.New(redis, storeredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, store)
	sub := subscribe(t, s.client("Jim", nil), "room", nil)
	st := s.stream(map[string]any{"text": "Well"})
	r := read(soon(t), t, sub, st.ID())
	write(t, st, ", I 👋")
	r.until("Well, I 👋")
	if err := server.Client().Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	write(t, st, " think")
	write(t, st, " so")
	r.until("Well, I 👋 think so")
	server.Kill()
	server.Start()
	write(t, st, ", too")
	r.until("Well, I 👋 think so, too")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	var kept struct{ Text string }
	for m, err := range sub.History(soon(t), nil) {
		if err != nil || json.Unmarshal(m.Data, &kept) != nil {
			t.Fatalf("%s, %v", m.Data, err)
		}
	}
	if kept.Text != "Well, I 👋 think so, too" {
		t.Errorf("the server has %q", kept.Text)
	}
}

// What somebody else makes of a message in the middle ends the loop, unless its text goes
// on as it was.
func TestStreamOfChangedMessage(t *testing.T) {
	s := newSite(t, nil)
	sub := subscribe(t, s.client("Jim", nil), "room", nil)
	for _, row := range []struct {
		why, more string
		data      any
	}{
		{"to another text", "", "Hi"},
		{"to nothing", "", ""},
		{"to its beginning", "", "Hel"},
		{"to what has no text", "", 1},
		{"to a longer text", "!", "Hello!"},
		{"to an object with the same text", "", map[string]any{"text": "Hello", "n": 1}},
	} {
		t.Run(row.why, func(t *testing.T) {
			st := s.stream("He")
			r := read(soon(t), t, sub, st.ID())
			write(t, st, "llo")
			r.until("Hello")
			if _, err := s.h.UpdateMessage(t.Context(), hotsock.MessageUpdate{Channel: "room", MessageID: st.ID(), Data: row.data}); err != nil {
				t.Fatal(err)
			}
			r.until("Hello" + row.more)
			_, _ = st.WriteString("more")
			if err := st.Close(); !errors.Is(err, &hotsock.Error{Code: hotsock.CodeConflict}) {
				t.Errorf("Close: %v", err)
			}
			if ended, ok := errors.AsType[*StreamError](r.end()); !ok || ended.State != StreamAborted || ended.Reason != "changed" {
				t.Errorf("it ended with %v", ended)
			}
		})
	}
}

// Of a message that is no stream, the text is there at once, whatever it is.
func TestStreamOfOtherMessages(t *testing.T) {
	s := newSite(t, nil)
	sub := subscribe(t, s.client("Jim", nil), "room", nil)
	for _, row := range []struct {
		data any
		want []string
	}{
		{"Hi 👋", []string{"Hi 👋"}},
		{map[string]any{"text": "Hi", "n": 1}, []string{"Hi"}},
		{map[string]any{"text": 5}, nil},
		{map[string]any{"Text": "Hi"}, nil},
		{[]string{"text"}, nil},
		{"", nil},
		{5, nil},
		{nil, nil},
	} {
		id := s.publish("room", "kept", row.data, time.Hour)
		var got []string
		for piece, err := range sub.Stream(soon(t), id) {
			if err != nil {
				t.Errorf("%v: %v", row.data, err)
			}
			got = append(got, piece)
		}
		if fmt.Sprint(got) != fmt.Sprint(row.want) {
			t.Errorf("%v: %q, want %q", row.data, got, row.want)
		}
	}
	for why, id := range map[string]string{
		"one that was not kept": s.publish("room", "passing", 1, 0),
		"one of long ago":       "00000000000000000000000000",
		"one to come":           "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
		"one of another room":   s.publish("elsewhere", "kept", "x", time.Hour),
	} {
		if err := read(soon(t), t, sub, id).end(); !errors.Is(err, &Error{Code: CodeMessageNotFound}) {
			t.Errorf("%s: %v", why, err)
		}
	}
}
