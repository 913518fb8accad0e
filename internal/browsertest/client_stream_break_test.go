package browsertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/redistest"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// followStream has a page follow a stream as a number of loops at once.
const followStream = `
	globalThis.room = client.channel("room");
	globalThis.loops = [];
	await room.subscribe();
	globalThis.follow = (id) => {
		const loop = { text: "", ended: "" };
		loops.push(loop);
		(async () => {
			try {
				for await (const piece of room.stream(id)) loop.text += piece;
				loop.ended = "complete";
			} catch (error) {
				loop.ended = error.code + ": " + (error.reason ?? error.message);
			}
		})();
	};
	for (let n = 0; n < args[1]; n++) follow(args[0]);
`

// follows waits until all loops of a page have a text.
func (p *page) follows(text string) {
	p.t.Helper()
	p.until("all loops have "+text, `(text) => loops.every((loop) => loop.text === text)`, text)
}

// TestClientStreamRolledBack: the server's Redis comes back with what it had saved some time
// before. The server writes the rest again, and no loop has any of it twice.
func TestClientStreamRolledBack(t *testing.T) {
	t.Parallel()
	redis := redistest.StartServer(t)
	store, err := storeredis.New(redis.Client(), storeredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, s := startBrowser(t), startSite(t, hotsock.Options{Store: store, StoreTimeout: 10 * time.Second})
	p := b.openClient("Jim", s.url, streamClaims)
	st := s.startStream(map[string]any{"text": "Well"})
	run[any](p, followStream, st.ID(), 2)
	writeStream(t, st, ", I 👋")
	p.follows("Well, I 👋")
	if err := redis.Client().Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	writeStream(t, st, " think")
	writeStream(t, st, " so")
	p.follows("Well, I 👋 think so")
	redis.Kill()
	redis.Start()
	writeStream(t, st, ", too")
	p.follows("Well, I 👋 think so, too")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	p.until("the loops end", `() => loops.every((loop) => loop.ended === "complete")`)
	p.follows("Well, I 👋 think so, too")
}

// TestClientStreamLoops: loops over one message are independent of each other, over changes
// of the message, and those that are left early leave nothing behind.
func TestClientStreamLoops(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{MaxDataSize: 8 << 20, MaxStreamSize: 8 << 20, MaxQueueSize: 16 << 20, StoreTimeout: 10 * time.Second})
	p := b.openClient("Jim", s.url, streamClaims)
	st := s.startStream("")
	run[any](p, followStream, st.ID(), 3)
	for _, piece := range []string{"👋", "🏽 H", "\"ello\"\n"} {
		for _, b := range []byte(piece) {
			if _, err := st.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		writeStream(t, st, "")
	}
	p.follows("👋🏽 H\"ello\"\n")
	// A loop that is left stops listening; the others go on.
	left := run[string](p, `
		let listening = 0;
		const ons = room.on;
		room.on = (...given) => {
			listening++;
			const off = ons.apply(room, given);
			return () => (listening--, off());
		};
		let first;
		for await (const piece of room.stream(args[0])) {
			first = piece;
			break;
		}
		room.on = ons;
		return JSON.stringify([first, listening]);
	`, st.ID())
	want(t, "left early", left, `["👋🏽 H\"ello\"\n", 0]`)
	writeStream(t, st, "!")
	p.follows("👋🏽 H\"ello\"\n!")
	// An update to what the text begins with is that of a moderator, who has the last word.
	if _, err := s.rt.UpdateMessage(t.Context(), hotsock.MessageUpdate{Channel: "room", MessageID: st.ID(), Data: "👋"}); err != nil {
		t.Fatal(err)
	}
	_ = st.Close()
	p.until("the loops end", `() => loops.every((loop) => loop.ended === "STREAM_ABORTED: changed")`)
	p.follows("👋🏽 H\"ello\"\n!")

	// What has no text has none, and the longest message comes whole.
	publish := func(data any) string {
		t.Helper()
		out, err := s.rt.Publish(t.Context(), hotsock.Message{Channel: "room", Event: "answer", Data: data, Store: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return out.ID
	}
	for _, row := range []struct {
		data   any
		length int
	}{{5, 0}, {[]string{"text"}, 0}, {map[string]any{"Text": "a"}, 0}, {"", 0}, {"👋", 2}, {strings.Repeat("x", 8<<20-2), 8<<20 - 2}} {
		length := run[int](p, `
			let length = 0;
			for await (const piece of room.stream(args[0])) length += piece.length;
			return length;
		`, publish(row.data))
		if length != row.length {
			t.Errorf("%.20s: %d, want %d", fmt.Sprint(row.data), length, row.length)
		}
	}
}
