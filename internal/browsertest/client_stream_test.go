package browsertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// startStream has the server begin to write a message.
func (s *site) startStream(data any) *hotsock.Stream {
	s.t.Helper()
	st, err := s.rt.Stream(s.t.Context(), hotsock.Message{Channel: "room", Event: "answer", Data: data, Store: time.Hour})
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

func writeStream(t *testing.T, st *hotsock.Stream, text string) {
	t.Helper()
	if _, err := st.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := st.Flush(); err != nil {
		t.Fatal(err)
	}
}

const streamClaims = `{"uid":"Jim","channels":{"room":{"subscribe":true,"historyStart":0,"messages":{"answer":{"stop":true}}}}}`

// TestClientStream: a page shows a message that is being written, exactly, also while its
// link breaks, and so does one that is loaded in the middle.
func TestClientStream(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	p := b.openClient("Jim", "http://"+link.addr+"/", streamClaims)
	p.expectFailures()
	p.expectBrokenLinks()
	st := s.startStream("Héllo ")
	const follow = `
		globalThis.room = client.channel("room");
		globalThis.told = record(room, "appended");
		globalThis.pieces = [];
		globalThis.ended = "";
		await room.subscribe();
		(async () => {
			try {
				for await (const piece of room.stream({ id: args[0] })) pieces.push(piece);
				ended = "complete";
			} catch (error) {
				ended = error.code + ": " + (error.reason ?? error.message);
			}
		})();
		await until(() => pieces.length > 0);
	`
	run[any](p, follow, st.ID())
	text := "Héllo "
	late := b.openClient("Pam", s.url, streamClaims)
	for n := range 30 {
		piece := fmt.Sprintf("🌍%d ", n)
		writeStream(t, st, piece)
		switch text += piece; n {
		case 8:
			link.cut()
			p.until("the link is lost", `() => client.state !== "open"`)
		case 15:
			run[any](late, follow, st.ID())
		case 20:
			link.mend()
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string]*page{"over a break": p, "from the middle": late} {
		page.until("the stream ends", `() => ended !== ""`)
		got := run[string](page, `return JSON.stringify([ended, pieces.join(""), pieces.length > 5, told.length > 5, told[0][1].text.startsWith("🌍")])`)
		want(t, name, got, fmt.Sprintf(`["complete", %q, true, true, true]`, text))
	}
}

// TestClientStreamEnds: whatever ends a stream is told.
func TestClientStreamEnds(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, streamClaims)
	run[any](p, `globalThis.room = client.channel("room"); await room.subscribe();`)
	for _, row := range []struct {
		why  string
		end  func(st *hotsock.Stream) error
		want string
	}{
		{"the app aborts it", func(st *hotsock.Stream) error { return st.Abort("too hard") }, `["ab", "STREAM_ABORTED", "too hard"]`},
		{"the page stops it", func(st *hotsock.Stream) error {
			run[any](p, `await room.stopStream(args[0])`, st.ID())
			return nil
		}, `["ab", "STREAM_ABORTED", "stopped"]`},
		{"it is deleted", func(st *hotsock.Stream) error {
			return s.rt.DeleteMessage(t.Context(), hotsock.MessageDeletion{Channel: "room", MessageID: st.ID()})
		}, `["ab", "MESSAGE_NOT_FOUND", null]`},
		{"it is changed", func(st *hotsock.Stream) error {
			_, err := s.rt.UpdateMessage(t.Context(), hotsock.MessageUpdate{Channel: "room", MessageID: st.ID(), Data: "x"})
			return err
		}, `["ab", "STREAM_ABORTED", "changed"]`},
		{"the channel is left", func(*hotsock.Stream) error {
			run[any](p, `room.unsubscribe()`)
			return nil
		}, `["ab", "NOT_SUBSCRIBED", null]`},
	} {
		st := s.startStream(map[string]any{"text": "a"})
		run[any](p, `
			globalThis.text = "";
			globalThis.ended = null;
			(async () => {
				try {
					for await (const piece of room.stream(args[0])) text += piece;
				} catch (error) {
					ended = error;
				}
			})();
			await until(() => text === "a");
		`, st.ID())
		writeStream(t, st, "b")
		p.until("it has come", `() => text === "ab"`)
		if err := row.end(st); err != nil {
			t.Fatal(err)
		}
		p.until("it ends", `() => ended !== null`)
		want(t, row.why, run[string](p, `return JSON.stringify([text, ended.code, ended.reason ?? null])`), row.want)
		_ = st.Abort("")
	}
	st := s.startStream("a")
	want(t, "a signal is aborted", run[string](p, `
		await room.subscribe();
		const [stop, gone, got] = [new AbortController(), AbortSignal.abort(new Error("left before")), []];
		const errors = [];
		try {
			for await (const piece of room.stream(args[0], { signal: gone })) got.push(piece);
		} catch (error) {
			errors.push(error.message);
		}
		try {
			for await (const piece of room.stream(args[0], { signal: stop.signal })) {
				got.push(piece);
				setTimeout(() => stop.abort(new Error("left"))); // when the loop waits
			}
		} catch (error) {
			errors.push(error.message);
		}
		return JSON.stringify([got, errors]);
	`, st.ID()), `[["a"], ["left before", "left"]]`)
	_ = st.Abort("")
	want(t, "no id", run[string](p, `return JSON.stringify([await codeOf(room.stream("x").next()), await codeOf(room.stream().next())])`),
		`["TypeError: A stream needs a message.", "TypeError: A stream needs a message."]`)
}
