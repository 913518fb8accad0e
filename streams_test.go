package hotsock

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A storeWatch counts calls of the store, and lets a test do something when one has ended.
type storeWatch struct {
	mu    sync.Mutex
	calls map[string]int // by name
	after map[string]func()
}

func (*storeWatch) Begin(ctx context.Context, _ *Operation) context.Context { return ctx }

func (w *storeWatch) End(_ context.Context, o *Operation) {
	if o.Kind != OperationStore {
		return
	}
	w.mu.Lock()
	w.calls[o.Name]++
	f := w.after[o.Name]
	delete(w.after, o.Name)
	w.mu.Unlock()
	if f != nil {
		f()
	}
}

func (w *storeWatch) take(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.calls[name]
	w.calls[name] = 0
	return n
}

func newStoreWatch() *storeWatch {
	return &storeWatch{calls: make(map[string]int), after: make(map[string]func())}
}

// TestStreamsAlone: a node that writes all streams itself looks after none, and remembers
// nothing when they have ended.
func TestStreamsAlone(t *testing.T) {
	w := newStoreWatch()
	inRig(t, Options{Observer: w}, func(t *testing.T, r *rig) {
		s := r.stream(Message{})
		time.Sleep(time.Minute)
		if n := w.take("Peers"); n != 0 {
			t.Errorf("it asks %d times who is alive", n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		// A request to stop what is nowhere any more.
		if err := r.h.streams.channel.add(t.Context(), stopMark+s.ID(), stopKept); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		st := r.h.streams
		st.mu.Lock()
		defer st.mu.Unlock()
		if n := len(st.own) + len(st.byID) + len(st.others) + len(st.early); n != 0 || st.starting != 0 || st.looking {
			t.Errorf("it remembers %+v", st)
		}
	})
}

// TestStreamStoppedAtOnce: whoever gets the message may stop its stream before the app has
// got it.
func TestStreamStoppedAtOnce(t *testing.T) {
	w := newStoreWatch()
	inRig(t, Options{Observer: w}, func(t *testing.T, r *rig) {
		other := r.onSameStore()
		defer func() { _ = other.Close() }()
		w.after["Publish"] = func() {
			page, err := other.History(context.Background(), HistoryQuery{Channel: "room"})
			if err != nil || len(page.Items) != 1 {
				t.Errorf("%v, %v", page, err)
				return
			}
			if err := other.StopStream(context.Background(), "room", page.Items[0].ID); err != nil {
				t.Error(err)
			}
		}
		s := r.stream(Message{})
		<-s.Context().Done()
		if cause := context.Cause(s.Context()); cause != ErrStreamStopped {
			t.Errorf("it ended with %v", cause)
		}
		if err := s.Close(); !errors.Is(err, ErrStreamStopped) {
			t.Errorf("Close: %v", err)
		}
		if n := len(r.h.streams.early); n != 0 {
			t.Errorf("%d requests are remembered", n)
		}
	})
}

// TestStreamEarlyStopsAreBounded: requests to stop streams of others that come while one
// begins fill no memory.
func TestStreamEarlyStopsAreBounded(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		st := r.h.streams
		st.mu.Lock()
		st.starting++
		st.mu.Unlock()
		for i := range maxEarlyStops + 10 {
			st.learn([]string{stopMark + string(rune('a'+i))})
		}
		// Another stream begins, and its beginning is over.
		if err := r.stream(Message{}).Close(); err != nil {
			t.Fatal(err)
		}
		if n := len(st.early); n != maxEarlyStops {
			t.Errorf("%d are remembered", n)
		}
		st.mu.Lock()
		st.starting--
		st.mu.Unlock()
	})
}

// TestStreamBegunAtTheEnd: a stream that begins while the handler shuts down says so.
func TestStreamBegunAtTheEnd(t *testing.T) {
	w := newStoreWatch()
	inRig(t, Options{Observer: w}, func(t *testing.T, r *rig) {
		reader := r.onSameStore()
		defer func() { _ = reader.Close() }()
		down := make(chan error, 1)
		w.after["Publish"] = func() {
			go func() { down <- r.h.Shutdown(context.Background()) }()
			time.Sleep(100 * time.Millisecond)
		}
		s, err := r.h.Stream(t.Context(), Message{Channel: "room", Event: "answer", Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); !errors.Is(err, &Error{Code: CodeUnavailable}) {
			t.Errorf("Close: %v", err)
		}
		if err := <-down; err != nil {
			t.Error(err)
		}
		if m, err := reader.History(t.Context(), HistoryQuery{Channel: "room"}); err != nil || m.Items[0].Stream.Reason != "shutdown" {
			t.Errorf("the history has %+v, %v", m, err)
		}
		w.take("Set")
		if _, err := r.h.Stream(t.Context(), Message{Channel: "room", Event: "answer", Store: time.Hour}); !errors.Is(err, &Error{Code: CodeUnavailable}) {
			t.Errorf("after the end: %v", err)
		}
		if n := w.take("Set"); n != 0 {
			t.Errorf("after the end, %d records are written", n)
		}
		r.h.streams.learn([]string{"one of another node"})
		if n := len(r.h.streams.others); n != 0 {
			t.Errorf("after the end, %d streams are looked after", n)
		}
	})
}

// TestStreamGivesUp: a handler that is closed while the store is away lets nobody wait, and
// the next node says that the stream is lost.
func TestStreamGivesUp(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		s := r.stream(Message{})
		r.s.setDown(true)
		if _, err := s.WriteString("more"); err != nil {
			t.Fatal(err)
		}
		flushed := make(chan error, 1)
		go func() { flushed <- s.Flush() }()
		synctest.Wait()
		_ = r.h.Close()
		for what, err := range map[string]error{"Flush": <-flushed, "Close": s.Close()} {
			if !errors.Is(err, &Error{Code: CodeUnavailable}) {
				t.Errorf("%s: %v", what, err)
			}
		}
		r.s.setDown(false)
		next, err := New(Options{Store: r.s.Store, Authenticate: func(*http.Request) (*Claims, error) { return nil, nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = next.Close() }()
		time.Sleep(next.opts.NodeTimeout + time.Second)
		if m, err := next.History(t.Context(), HistoryQuery{Channel: "room"}); err != nil || m.Items[0].Stream.State != "lost" {
			t.Errorf("the history has %+v, %v", m, err)
		}
	})
}

// TestStreamDeletedMeanwhile: a Flush of what nobody needs any more ends.
func TestStreamDeletedMeanwhile(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		s, other := r.stream(Message{}), r.onSameStore()
		defer func() { _ = other.Close() }()
		r.s.setDown(true)
		if _, err := s.WriteString("more"); err != nil {
			t.Fatal(err)
		}
		flushed := make(chan error, 1)
		go func() { flushed <- s.Flush() }()
		if err := other.DeleteMessage(t.Context(), MessageDeletion{Channel: "room", MessageID: s.ID()}); err != nil {
			t.Fatal(err)
		}
		r.s.setDown(false)
		for what, err := range map[string]error{"Flush": <-flushed, "Close": s.Close()} {
			if !errors.Is(err, &Error{Code: CodeMessageNotFound}) {
				t.Errorf("%s: %v", what, err)
			}
		}
		r.awaitRecords()
	})
}

// TestStreamOfLongText: the longer the text is, the less often it is sent, since the store
// writes all of it each time.
func TestStreamOfLongText(t *testing.T) {
	inRig(t, Options{MaxDataSize: 1 << 20}, func(t *testing.T, r *rig) {
		s := r.stream(Message{Data: strings.Repeat("x", 1000)})
		if _, err := s.WriteString(strings.Repeat("y", 512<<10)); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		before := r.kept().Version
		for range 100 {
			if _, err := s.WriteString("z"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		if n := r.kept().Version - before; n < 9 || n > 14 { // 40 of a short text
			t.Errorf("%d frames in 5 seconds", n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhileHeardCosts: to know that somebody listens, the store is asked once in the time
// that nobody must have listened for, also while it is away.
func TestWhileHeardCosts(t *testing.T) {
	w := newStoreWatch()
	inRig(t, Options{Observer: w}, func(t *testing.T, r *rig) {
		const patience = 10 * time.Second
		s := r.stream(Message{}, WhileHeard(patience))
		c := r.watcher("Jim")
		time.Sleep(10*patience + time.Second)
		if n := w.take("Channel"); n < 8 || n > 10 {
			t.Errorf("asked %d times in ten times the patience", n)
		}
		c.Cut()
		r.s.channelsAway.Store(true)
		time.Sleep(10 * patience)
		if n := w.take("Channel"); n < 8 || n > 10 {
			t.Errorf("asked %d times while the store is away", n)
		}
		if s.Context().Err() != nil {
			t.Error("it ended, though nobody knows who listens")
		}
		r.s.channelsAway.Store(false)
		time.Sleep(2*patience + time.Second)
		if cause := context.Cause(s.Context()); cause != ErrUnheard {
			t.Errorf("it ended with %v", cause)
		}
	})
}

func (n *faultyNode) Channel(ctx context.Context, channel string) (store.ChannelInfo, error) {
	if n.s.channelsAway.Load() {
		return store.ChannelInfo{}, store.ErrUnavailable
	}
	return n.Node.Channel(ctx, channel)
}
