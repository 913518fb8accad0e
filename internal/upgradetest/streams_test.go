package upgradetest

import (
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// handler makes a node of the present version in this process, for what only the app can
// do.
func (s *site) handler(t *testing.T) *hotsock.Handler {
	t.Helper()
	opts, err := redis.ParseURL(s.url)
	if err != nil {
		t.Fatal(err)
	}
	opts.ContextTimeoutEnabled = true
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	st, err := storeredis.New(rdb, storeredis.Options{KeyPrefix: "upgrade:"})
	if err != nil {
		t.Fatal(err)
	}
	rt, err := hotsock.New(hotsock.Options{
		Store: st, NodeTimeout: s.timeout, ReplayWindow: s.window, Keys: []hotsock.Key{{Algorithm: hotsock.HS256, Secret: []byte(secret)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

// TestStreams streams beside a node of the version before, which would not replay what is
// appended: that is refused, at once, and the older node's clients notice nothing. Once
// the newer nodes are alone, it works, and an older one lists the text.
func TestStreams(t *testing.T) {
	t.Parallel()
	before, now := twoBuilds(t)
	s := newSite(t)
	older, newer := s.node(before), s.node(now)
	rt := s.handler(t)
	const channel = "room"
	ann, bob := older.connect(t, "ann"), newer.connect(t, "bob")
	ann.Subscribe(channel)
	bob.Subscribe(channel)
	id := older.publish(t, channel, `"a"`)
	ann.Expect("chat")
	bob.Expect("chat")

	answer := hotsock.Message{Channel: channel, Event: "answer", Store: time.Hour}
	for range 3 {
		if _, err := rt.Stream(t.Context(), answer); !errors.Is(err, &hotsock.Error{Code: hotsock.CodeUnavailable}) {
			t.Fatalf("beside an older node, a stream begins: %v", err)
		}
	}
	appends := `{"channel":"room","event":"hotsock.messageAppend","data":{"messageId":"` + id + `","text":"!"}}`
	if status, text := newer.try(t, http.MethodPost, "/publish", appends); status != http.StatusServiceUnavailable {
		t.Errorf("beside an older node, an append is answered with %d %s", status, text)
	}
	last := newer.publish(t, channel, `"b"`)
	if f := ann.Expect("chat"); f.ID != last {
		t.Errorf("the older node's client got %s", f.Text)
	}
	bob.Expect("chat")
	ann.ExpectNothing()
	bob.ExpectNothing()

	older.stop()
	await.That(t, "an append to be accepted", func() bool {
		status, _ := newer.try(t, http.MethodPost, "/publish", appends)
		return status == http.StatusAccepted
	})
	bob.Expect("hotsock.messageAppended")
	var stream *hotsock.Stream
	await.That(t, "a stream to begin", func() (begun bool) {
		var err error
		stream, err = rt.Stream(t.Context(), answer)
		return err == nil
	})
	bob.Expect("answer")
	for range 3 {
		if _, err := stream.WriteString("Hello "); err != nil {
			t.Fatal(err)
		}
		if err := stream.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	var text, state string
	for state == "" {
		var a struct {
			Text   string
			Stream struct{ State string }
		}
		bob.Expect("hotsock.messageAppended").Decode(t, &a)
		text, state = text+a.Text, a.Stream.State
	}
	if text != "Hello Hello Hello " || state != "complete" {
		t.Errorf("streamed was %q, %s", text, state)
	}
	bob.ExpectNothing() // Nothing is left of those that did not begin.

	if err := rt.Close(); err != nil {
		t.Error(err)
	}
	newer.stop()
	older = s.node(before)
	ann = older.connect(t, "ann")
	ann.Subscribe(channel)
	want := shown{id: `"a!"`, last: `"b"`, stream.ID(): `"Hello Hello Hello "`}
	if got := historyOf(t, older, ann, channel); !maps.Equal(got, want) {
		t.Errorf("the older node lists %q, want %q", got, want)
	}
	older.publish(t, channel, `"c"`)
	ann.Expect("chat")
}
