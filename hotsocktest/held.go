package hotsocktest

import (
	"context"
	"fmt"
	"sync"

	"github.com/hotsock-go/hotsock/store"
)

// A heldReceiver keeps back what the store tells a node while the way between
// them is broken, as a store on a network would.
type heldReceiver struct {
	store.Receiver

	link *Link

	mu   sync.Mutex
	held []func() // in order
	busy bool     // what was held is being handed over
}

// tell calls f, or keeps it for later. The store calls with one item of a
// channel at a time, so what is called here directly is over before the next
// item comes.
func (r *heldReceiver) tell(f func()) {
	r.mu.Lock()
	if r.busy || len(r.held) > 0 || r.link.faulty() {
		r.held = append(r.held, f)
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	f()
}

// release hands over what was held, unless there is a fault again.
func (r *heldReceiver) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy {
		return
	}
	r.busy = true
	for len(r.held) > 0 && !r.link.faulty() {
		f := r.held[0]
		r.held = r.held[1:]
		r.mu.Unlock()
		f()
		r.mu.Lock()
	}
	r.busy = false
}

func (r *heldReceiver) Deliver(item *store.Item) { r.tell(func() { r.Receiver.Deliver(item) }) }

func (r *heldReceiver) Lost(channel string) { r.tell(func() { r.Receiver.Lost(channel) }) }

func (r *heldReceiver) CountChanged(channel string) {
	r.tell(func() { r.Receiver.CountChanged(channel) })
}

func (r *heldReceiver) Rejoin() { r.tell(r.Receiver.Rejoin) }

func (r *heldReceiver) SubscriptionEnded(e store.SubscriptionEnd) {
	r.tell(func() { r.Receiver.SubscriptionEnded(e) })
}

func (r *heldReceiver) ConnectionEnded(c store.Connection) {
	r.tell(func() { r.Receiver.ConnectionEnded(c) })
}

func (r *heldReceiver) MemberRemoved(channel string, c store.PresenceChange) {
	r.tell(func() { r.Receiver.MemberRemoved(channel, c) })
}

func (r *heldReceiver) EntryExpired(e store.Entry) { r.tell(func() { r.Receiver.EntryExpired(e) }) }

func (r *heldReceiver) Call(ctx context.Context, request []byte) ([]byte, error) {
	if err := r.link.await(ctx, false); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return r.Receiver.Call(ctx, request)
}
