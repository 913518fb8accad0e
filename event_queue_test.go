package hotsock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A recorder is a sink that keeps the ids of what it is given.
type recorder struct {
	ids []string
	err error
}

func (r *recorder) HandleEvent(_ context.Context, e Event) error {
	r.ids = append(r.ids, e.ID)
	return r.err
}

// What one sink does takes nothing from the others.
func TestEventSinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		const total = eventQueue + 100
		good, failing, late := new(recorder), &recorder{err: errors.New("no")}, new(recorder)
		panicking := EventSinkFunc(func(context.Context, Event) error { panic("no") })
		stuck := EventSinkFunc(func(ctx context.Context, _ Event) error {
			<-ctx.Done()
			return ctx.Err()
		})
		slow := EventSinkFunc(func(ctx context.Context, e Event) error {
			if len(late.ids) == 0 {
				time.Sleep(time.Hour)
			}
			return late.HandleEvent(ctx, e)
		})
		e := newEmitter(EventSinks(panicking, stuck, nil, EventSinks(slow, failing), good), slog.New(slog.NewTextHandler(&log, nil)))
		for range total {
			e.emit(EventChannelUpdated, eventDataChannel, EventMetadata{}, EventChannelData{})
			if len(e.sinks[4].queue) == eventQueue/2 {
				synctest.Wait() // A sink of reasonable speed
			}
		}
		time.Sleep(2 * time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		e.stop(ctx)
		e.emit(EventChannelUpdated, eventDataChannel, EventMetadata{}, EventChannelData{}) // nobody's any more

		if len(good.ids) != total || !slices.IsSorted(good.ids) || len(slices.Compact(slices.Clone(good.ids))) != total {
			t.Errorf("the good sink got %d events of %d, in order and different: %v", len(good.ids), total, slices.IsSorted(good.ids))
		}
		if diff := cmp.Diff(good.ids, failing.ids); diff != "" {
			t.Errorf("the failing sink got others (-good +failing):\n%s", diff)
		}
		// One is in its hands while the queue fills.
		if want := good.ids[:eventQueue+1]; !slices.Equal(late.ids, want) {
			t.Errorf("the slow sink got %d events, want the first %d", len(late.ids), len(want))
		}
		for _, want := range []string{"fell behind", "dropped=99", "panic=no", "err=no", "lost=16384"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %s", want)
			}
		}
	})
}

// No sink, and sinks that are none, cost nothing.
func TestNoEventSinks(t *testing.T) {
	for _, s := range []EventSink{nil, EventSinks(), EventSinks(nil, EventSinks(nil))} {
		if e := newEmitter(s, slog.Default()); e.on() {
			t.Errorf("%#v counts as a sink", s)
		}
	}
}

// Called by others than the handler, all are called, and their errors returned.
func TestEventSinksDirectly(t *testing.T) {
	a, b, c := &recorder{err: errors.New("a")}, new(recorder), &recorder{err: errors.New("c")}
	err := EventSinks(a, b, c).HandleEvent(t.Context(), Event{ID: "1"})
	if !errors.Is(err, a.err) || !errors.Is(err, c.err) {
		t.Errorf("err = %v", err)
	}
	if got := slices.Concat(a.ids, b.ids, c.ids); len(got) != 3 {
		t.Errorf("called: %v", got)
	}
}

// What real events become is tested where they are raised; here is what none is
// like.
func TestEventUnmarshal(t *testing.T) {
	for _, tt := range []struct {
		text string
		data any // nil is an error
		why  string
	}{
		{`{"dataType":"channel","data":{"name":"c","subscriptionsCount":2}}`, EventChannelData{"c", 2}, "known"},
		{`{"dataType":"later","data":{"x":1}}`, json.RawMessage(`{"x":1}`), "a type of later versions"},
		{`{"dataType":"later"}`, json.RawMessage(`null`), "without data"},
		{`{"dataType":"channel","data":null}`, EventChannelData{}, "null"},
		{`{"dataType":"channel"}`, EventChannelData{}, "without data of a known type"},
		{`{"dataType":"channel","data":7}`, nil, "data of another type"},
		{`{"dataType":7}`, nil, "not an event"},
		{`[]`, nil, "not an object"},
		{`{`, nil, "not JSON"},
	} {
		e := Event{ID: "before"}
		err := json.Unmarshal([]byte(tt.text), &e)
		if tt.data == nil {
			if err == nil || e.ID != "before" {
				t.Errorf("%s: %s is read as %+v, err = %v", tt.why, tt.text, e, err)
			}
			continue
		}
		if diff := cmp.Diff(tt.data, e.Data); err != nil || diff != "" {
			t.Errorf("%s: err = %v, data (-want +got):\n%s", tt.why, err, diff)
		}
	}
}

// Events that are long are fewer.
func TestEventQueueInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		got := 0
		e := newEmitter(EventSinkFunc(func(context.Context, Event) error {
			got++
			time.Sleep(time.Minute)
			return nil
		}), slog.New(slog.NewTextHandler(&log, nil)))
		umd := json.RawMessage(strings.Repeat("1", 1000))
		long := EventMemberData{Members: slices.Repeat([]EventMeta{{UMD: umd}}, 1000)}
		const total = 200
		for range 2 {
			for range total {
				e.emit(EventMemberAdded, eventDataMember, EventMetadata{}, long)
			}
			time.Sleep(2 * time.Hour) // and then there is room again
		}
		e.stop(t.Context())
		fit := maxEventBytes / sizeOf(long)
		if got < 2*fit || got > 2*fit+2 {
			t.Errorf("%d events of %d bytes were handed over, want about %d", got, sizeOf(long), 2*fit)
		}
		if n := e.droppedSoFar(); int(n) != 2*total-got {
			t.Errorf("%d were dropped of %d", n, 2*total)
		}
	})
}
