package storeredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// maxCalls is how many calls of others a node answers at a time. More wait.
const maxCalls = 64

// tellAgain is after how long a request is published again that may have been lost.
const tellAgain = 50 * time.Millisecond

// peers matches answers to calls.
type peers struct {
	mu      sync.Mutex
	waiting map[string]chan answer
	slots   chan struct{}
}

type answer struct {
	failed string // why, "" if not
	body   []byte
}

// Peers returns the nodes whose lease has not lapsed.
func (n *node) Peers(ctx context.Context) ([]string, error) {
	if n.left.Load() {
		return nil, errLeft
	}
	r, err := n.s.do(ctx, readCall(0, command{"ZRANGE", n.s.keys.leases(0), "0", "-1", "WITHSCORES"}))
	if err != nil {
		return nil, err
	}
	flat, err := r.list(0)
	if err != nil {
		return nil, err
	}
	var living []string
	for i := 0; i+1 < len(flat); i += 2 {
		until, err := strconv.ParseFloat(flat[i+1], 64)
		if err != nil {
			return nil, errRecord
		}
		if until > float64(r.now) {
			living = append(living, flat[i])
		}
	}
	return nodesOf(living), nil
}

// Call publishes the request on the other node's topic and waits for an answer
// on its own. That counts also if the reply of Redis to the request was lost. If it was
// the request, it is published again.
func (n *node) Call(ctx context.Context, id string, request []byte) ([]byte, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	ids, err := n.Peers(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(ids, id) {
		return nil, fmt.Errorf("%w: %q", store.ErrNoPeer, id)
	}
	key := randomText(12)
	got := make(chan answer, 1)
	n.peers.mu.Lock()
	if n.peers.waiting == nil {
		n.peers.waiting = make(map[string]chan answer)
	}
	n.peers.waiting[key] = got
	n.peers.mu.Unlock()
	defer func() {
		n.peers.mu.Lock()
		delete(n.peers.waiting, key)
		n.peers.mu.Unlock()
	}()
	patience := decimal(time.Until(deadlineOf(ctx)).Milliseconds())
	message := pack("call", key, n.id, patience, string(request))
	telling, stop := context.WithCancel(ctx) // Nothing more needs to be told once there is an answer.
	defer stop()
	told := n.telling(telling, id, message)
	var again <-chan time.Time
	var last error
	for {
		select {
		case a := <-got:
			return a.result()
		case err := <-told:
			if told = nil; err != nil {
				last, again = err, time.After(tellAgain)
			}
		case <-again:
			told, again = n.telling(telling, id, message), nil
		case <-ctx.Done():
			return nil, unavailable(ctx.Err(), last)
		case <-n.ctx.Done():
			return nil, errLeft
		}
	}
}

func (a answer) result() ([]byte, error) {
	if a.failed != "" {
		return nil, unavailable(errors.New(a.failed), nil)
	}
	return a.body, nil
}

func deadlineOf(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

// answer lets the receiver answer a call, and sends that back.
func (n *node) answer(key, from string, patience time.Duration, request []byte) {
	ctx, cancel := context.WithTimeout(n.ctx, min(patience, maxTimeout))
	defer cancel()
	select {
	case n.peers.slots <- struct{}{}:
		defer func() { <-n.peers.slots }()
	case <-ctx.Done():
		return
	}
	body, err := n.r.Call(ctx, request)
	failed := ""
	if err != nil {
		failed = "the peer failed: " + err.Error()
	}
	_ = n.tell(ctx, from, pack("answer", key, failed, string(body))) // No answer is one, too.
}
