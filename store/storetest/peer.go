package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

func testNodeIDs(e *env) {
	valid := regexp.MustCompile(`^[A-Za-z0-9_-]{1,22}$`)
	ids := make(map[string]bool)
	for range 5 {
		n := e.join()
		if id := n.ID(); !valid.MatchString(id) || ids[id] {
			e.Errorf("node id %q", id)
		}
		ids[n.ID()] = true
	}
	gone := e.join()
	ids[gone.ID()] = true
	if err := gone.Leave(e.Context()); err != nil {
		e.Fatal(err)
	}
	if id := e.join().ID(); ids[id] {
		e.Errorf("id %q is used again", id)
	}
}

func testReady(e *env) {
	a := e.join()
	if err := a.Ready(e.Context()); err != nil {
		e.Error(err)
	}
}

func (n *node) peers() []string {
	n.e.Helper()
	ids, err := n.Peers(n.e.Context())
	if err != nil {
		n.e.Fatalf("node %d: Peers: %v", n.r.number, err)
	}
	slices.Sort(ids)
	return ids
}

func testPeers(e *env) {
	a, b, c := e.join(), e.join(), e.join()
	want := []string{a.ID(), b.ID(), c.ID()}
	slices.Sort(want)
	for _, n := range []*node{a, b, c} {
		wantEqual(e, "peers", n.peers(), want)
	}
	if err := b.Leave(e.Context()); err != nil {
		e.Fatal(err)
	}
	want = []string{a.ID(), c.ID()}
	slices.Sort(want)
	wantEqual(e, "peers after one has left", a.peers(), want)
}

// answering joins a node that answers calls.
func (e *env) answering(answer func(ctx context.Context, request []byte) ([]byte, error)) *node {
	e.Helper()
	n := e.join()
	n.r.setAnswer(answer)
	return n
}

func testCall(e *env) {
	echo := func(_ context.Context, request []byte) ([]byte, error) {
		return append([]byte("re: "), request...), nil
	}
	a, b := e.answering(echo), e.answering(echo)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, request := range [][]byte{[]byte("hello"), {}, every, bytes.Repeat(every, 1024)} {
		for _, to := range []*node{a, b} {
			got, err := a.Call(e.Context(), to.ID(), request)
			if err != nil {
				e.Errorf("call with %d bytes: %v", len(request), err)
			}
			if want := append([]byte("re: "), request...); !bytes.Equal(got, want) {
				e.Errorf("call with %d bytes: the answer has %d", len(request), len(got))
			}
		}
	}
}

// testConcurrentCalls wants each caller to get its own answer, and slow calls
// not to hold up others.
func testConcurrentCalls(e *env) {
	release := make(chan struct{})
	b := e.answering(func(_ context.Context, request []byte) ([]byte, error) {
		if string(request) == "slow" {
			<-release
		}
		return request, nil
	})
	a := e.join()
	var slow, quick sync.WaitGroup
	slow.Go(func() {
		if got, err := a.Call(e.Context(), b.ID(), []byte("slow")); err != nil || string(got) != "slow" {
			e.Errorf("the slow call: %q, %v", got, err)
		}
	})
	for i := range 20 {
		quick.Go(func() {
			want := fmt.Sprint("call ", i)
			if got, err := a.Call(e.Context(), b.ID(), []byte(want)); err != nil || string(got) != want {
				e.Errorf("%s: %q, %v", want, got, err)
			}
		})
	}
	quick.Wait()
	close(release)
	slow.Wait()
}

func testCallNoPeer(e *env) {
	a, b := e.join(), e.join()
	if err := b.Leave(e.Context()); err != nil {
		e.Fatal(err)
	}
	for _, id := range []string{b.ID(), "nobody", "", "{}"} {
		_, err := a.Call(e.Context(), id, []byte("hello"))
		e.wantErr(fmt.Sprintf("call of %q", id), err, store.ErrNoPeer)
	}
}

func testCallFails(e *env) {
	b := e.answering(func(context.Context, []byte) ([]byte, error) {
		return []byte("half an answer"), errors.New("no")
	})
	a := e.join()
	got, err := a.Call(e.Context(), b.ID(), []byte("hello"))
	e.wantErr("a call that fails", err, store.ErrUnavailable)
	if got != nil {
		e.Errorf("a call that fails returned %q", got)
	}
}

func testCallTimeout(e *env) {
	stop := make(chan struct{})
	b := e.answering(func(context.Context, []byte) ([]byte, error) {
		<-stop // Whatever its context says.
		return nil, nil
	})
	e.Cleanup(func() { close(stop) }) // Before b leaves.
	a := e.join()
	ctx, cancel := context.WithTimeout(e.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := a.Call(ctx, b.ID(), []byte("hello"))
	e.wantErr("a call without answer", err, store.ErrUnavailable)
	e.wantErr("a call without answer", err, context.DeadlineExceeded)
}

// testCallBack has the called node use the store, which Call may do.
func testCallBack(e *env) {
	a := e.answering(func(context.Context, []byte) ([]byte, error) { return []byte("from a"), nil })
	b := e.join()
	b.r.setAnswer(func(ctx context.Context, _ []byte) ([]byte, error) {
		if _, err := b.Publish(ctx, store.PublishRequest{Channel: "c", Event: "called"}); err != nil {
			return nil, err
		}
		return b.Call(ctx, a.ID(), nil)
	})
	a.watch("c")
	got, err := a.Call(e.Context(), b.ID(), nil)
	if err != nil || string(got) != "from a" {
		e.Errorf("got %q, %v", got, err)
	}
	a.r.awaitCount("c", 1)
}
