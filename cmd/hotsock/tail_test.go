package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/freeport"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// publishAll has the app publish messages, each kept for an hour.
func publishAll(t *testing.T, rt *hotsock.Handler, channel string, data ...any) {
	t.Helper()
	for _, d := range data {
		if _, err := rt.Publish(t.Context(), hotsock.Message{Channel: channel, Event: "chat", Data: d, Store: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
}

// records reads lines of JSON.
func records(t *testing.T, out string) (all []record) {
	t.Helper()
	for line := range strings.Lines(out) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, r)
	}
	return all
}

// TestTail: where it begins and ends.
func TestTail(t *testing.T) {
	rt, url := newServer(t)
	publishAll(t, rt, "room", 1, 2, 3)
	publishAll(t, rt, "other", 4)
	x := newTerminal(t, url)
	out := records(t, x.must("", "tail", "room", "other", "--rewind", "2", "--count", "3", "--json"))
	var room []string
	for _, r := range out {
		if r.Channel == "room" {
			room = append(room, string(r.Data))
		}
		if r.Type != "message" || r.Event != "chat" || r.ID == "" || r.Time == nil || time.Since(*r.Time) > time.Minute {
			t.Errorf("%+v", r)
		}
	}
	if len(out) != 3 || !slices.Equal(room, []string{"2", "3"}) {
		t.Errorf("of the last two there are %v", room)
	}
	after := records(t, x.must("", "tail", "room", "--since", "1h", "--count", "1", "--json"))[0].ID
	if got := records(t, x.must("", "tail", "room", "--after", after, "--count", "2", "--json")); string(got[0].Data) != "2" || string(got[1].Data) != "3" {
		t.Errorf("after the first there are %+v", got)
	}
	if text := x.must("", "tail", "room", "--rewind", "1", "--count", "1"); !strings.HasSuffix(text, "  room  chat  -  3\n") {
		t.Errorf("for people it is %q", text)
	}
	if code, out, errs := x.run("", "tail", "room", "--rewind", "1", "--count", "2", "--for", "100ms"); code != exitFailed || !strings.Contains(errs, "1 of 2") || out == "" {
		t.Errorf("one of two: exit code %d, %q", code, errs)
	}
	if out := x.must("", "tail", "room", "--for", "1ms"); out != "" {
		t.Errorf("nothing comes, and it says %q", out)
	}
	for _, args := range [][]string{
		{"--rewind", "1", "--since", "1m"}, {"--rewind", "-1"}, {"--rewind", "1001"}, {"--count", "-1"}, {"other", "--after", after},
	} {
		if code, _, errs := x.run("", append([]string{"tail", "room"}, args...)...); code != exitUsage {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
}

// A follower is a tail in this process that goes on.
type follower struct {
	out, errs screen
	code      chan int
	cancel    context.CancelFunc
}

func follow(t *testing.T, x *terminal, args ...string) *follower {
	t.Helper()
	f := &follower{code: make(chan int, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	f.cancel = cancel
	s := &system{stdin: strings.NewReader(""), stdout: &f.out, stderr: &f.errs, env: func(name string) string { return x.env[name] }}
	go func() { f.code <- s.run(ctx, append([]string{"tail"}, args...)) }()
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("tail: %s%s", &f.out, &f.errs)
		}
	})
	return f
}

// waitFor waits until it has printed a text.
func waitFor(t *testing.T, f *follower, text string) {
	t.Helper()
	await.That(t, text, func() bool { return strings.Contains(f.out.String(), text) })
}

// end ends it as Ctrl-C does.
func (f *follower) end(t *testing.T) {
	t.Helper()
	f.cancel()
	if code := <-f.code; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestTailReconnects: a server that is restarted is followed further, and what was
// missed follows.
func TestTailReconnects(t *testing.T) {
	shared := storememory.New()
	addr := freeport.Keep(t)
	start := func() (*hotsock.Handler, func()) {
		rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{signing.Key()}, Store: shared})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: rt, ReadHeaderTimeout: time.Minute}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = s.Serve(l)
		}()
		return rt, func() {
			_ = rt.Close()
			_ = s.Close()
			<-served
		}
	}
	// One that stays, so that there is somebody to publish meanwhile.
	other, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{signing.Key()}, Store: shared})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	_, stop := start()
	f := follow(t, newTerminal(t, "http://"+addr), "room", "--json", "--info")
	waitFor(t, f, `"info"`)
	publishAll(t, other, "room", 1)
	waitFor(t, f, `"data":1`)
	stop()
	await.That(t, "word of the break", func() bool { return strings.Contains(f.errs.String(), "trying again in") })
	publishAll(t, other, "room", 2)
	_, stop = start()
	defer stop()
	waitFor(t, f, `"data":2`)
	await.That(t, "word of the connection", func() bool { return strings.Contains(f.errs.String(), "connected again") })
	f.end(t)
}

// TestTailEnds: the server may end it, and then it says so.
func TestTailEnds(t *testing.T) {
	for _, row := range []struct {
		why string
		do  func(rt *hotsock.Handler) error
	}{
		{"unsubscribed", func(rt *hotsock.Handler) error {
			_, err := rt.UnsubscribeUser(t.Context(), "jim", "presence.room", hotsock.Because("enough"))
			return err
		}},
		{"disconnected for good", func(rt *hotsock.Handler) error {
			_, err := rt.DisconnectUser(t.Context(), "jim", hotsock.Because("enough"), hotsock.StayAway())
			return err
		}},
	} {
		rt, url := newServer(t)
		f := follow(t, newTerminal(t, url), "presence.room", "--uid", "jim", "--info")
		waitFor(t, f, "subscriptions: 0")
		if err := row.do(rt); err != nil {
			t.Fatal(err)
		}
		if code := <-f.code; code == exitOK || !strings.Contains(f.errs.String(), "enough") {
			t.Errorf("%s: exit code %d: %s", row.why, code, &f.errs)
		}
	}
}

// TestTailIsRefused: a token that is good no more ends it when the connection breaks.
func TestTailIsRefused(t *testing.T) {
	rt, url := newServer(t)
	c := claims("room", "jim")
	c.SingleUse = true
	f := follow(t, newTerminal(t, url).with("HOTSOCK_TOKEN", mustSign(t, c)), "room", "--info")
	waitFor(t, f, "subscriptions: 1")
	if _, err := rt.DisconnectUser(t.Context(), "jim"); err != nil {
		t.Fatal(err)
	}
	if code := <-f.code; code != exitRefused || !strings.Contains(f.errs.String(), "UNAUTHORIZED") {
		t.Errorf("exit code %d: %s", code, &f.errs)
	}
}

// TestRecords: each event is a line, in both forms.
func TestRecords(t *testing.T) {
	now := time.Now()
	id, user := "01JA3HVNF6E89HDT1ABRFWJ8C8", client.User{UID: "jim" + hostile}
	for _, row := range []struct {
		event client.Event
		kind  string
		has   string
	}{
		{client.Message{ID: id, Event: hostile, Data: json.RawMessage(`{"a":1}`), From: user, Version: 2}, "message", "(version 2)"},
		{client.Update{ID: id, MessageID: id, Data: json.RawMessage(`2`), From: user}, "update", "updated"},
		{client.Append{ID: id, MessageID: id, Text: hostile}, "append", "appended"},
		{client.Deletion{ID: id, MessageID: id, From: user}, "deletion", "deleted"},
		{client.Reaction{ID: id, MessageID: id, Reaction: "👍", From: user}, "reaction", "+👍"},
		{client.Reaction{ID: id, MessageID: id, Reaction: "👍", Removed: true}, "reaction", "-👍"},
		{client.MemberChange{Kind: client.MemberRemoved, Member: user}, "member", "removed"},
		{client.Entry{Key: hostile, Data: json.RawMessage(`null`), By: user}, "entry", "null"},
		{client.Erasure{ID: id}, "erasure", "erased"},
		{client.ChannelInfo{Subscriptions: 3}, "info", "subscriptions: 3"},
		{client.Gap{After: id, Last: id}, "gap", "GAP: messages may be missing here  after " + id + " up to " + id},
		{client.Gap{}, "gap", "GAP"},
	} {
		r := recordOf("room", row.event)
		line := r.line(now)
		if !strings.Contains(line, row.has) || strings.Count(line, "\n") != 1 ||
			strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(c rune) bool { return !harmless(c) }) {
			t.Errorf("%T is %q", row.event, line)
		}
		var b strings.Builder
		if err := writeJSON(&b, r); err != nil {
			t.Fatal(err)
		}
		if got := records(t, b.String()); len(got) != 1 || got[0].Type != row.kind || got[0].Channel != "room" {
			t.Errorf("%T is %s", row.event, &b)
		}
	}
}

// TestTailProcess: signals and pipes, as a shell has them.
func TestTailProcess(t *testing.T) {
	rt, url := newServer(t)
	publishAll(t, rt, "room", 1)
	x := newTerminal(t, url)
	for _, row := range []struct {
		why  string
		end  func(cmd *exec.Cmd, out io.Closer) error
		code int
	}{
		{"Ctrl-C", func(cmd *exec.Cmd, _ io.Closer) error { return cmd.Process.Signal(os.Interrupt) }, exitOK},
		{"told to end", func(cmd *exec.Cmd, _ io.Closer) error { return cmd.Process.Signal(syscall.SIGTERM) }, exitOK},
		{"nobody reads", func(_ *exec.Cmd, out io.Closer) error {
			if err := out.Close(); err != nil {
				return err
			}
			publishAll(t, rt, "room", 2)
			return nil
		}, -1}, // by SIGPIPE, like any program in a pipe
	} {
		t.Run(row.why, func(t *testing.T) {
			cmd := x.program("tail", "room", "--rewind", "1")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			var errs screen
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
				t.Fatal(err, &errs)
			}
			if err := row.end(cmd, out); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // The exit code tells.
			if code := cmd.ProcessState.ExitCode(); code != row.code || errs.String() != "" {
				t.Errorf("exit code %d, want %d: %q", code, row.code, &errs)
			}
		})
	}
}

// TestTailWithoutWebSocket: a proxy that lets none through is told, and followed is as
// before. Where nothing gets through, both reasons are told.
func TestTailWithoutWebSocket(t *testing.T) {
	rt, _ := newServer(t)
	noFeeds := false
	x := newTerminal(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") != "":
			http.Error(w, "no WebSockets here", http.StatusForbidden)
		case noFeeds:
			w.WriteHeader(http.StatusBadGateway)
		default:
			rt.ServeHTTP(w, r)
		}
	})))
	f := follow(t, x, "room", "--json", "--info")
	waitFor(t, f, `"info"`)
	publishAll(t, rt, "room", 1)
	waitFor(t, f, `"data":1`)
	if errs := f.errs.String(); errs != "connected without a WebSocket, since none gets through\n" {
		t.Errorf("it says %q", errs)
	}
	f.end(t)
	noFeeds = true
	if code, _, errs := x.run("", "tail", "room"); code != exitUnreachable || !strings.Contains(errs, "403 Forbidden") || !strings.Contains(errs, "502 Bad Gateway") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
