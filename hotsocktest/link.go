package hotsocktest

import (
	"context"
	"sync"
	"syscall"
)

// A Link connects a client with the nodes, or a node with its store, and can be
// broken. It has one fault at a time, at first none. Its methods return at once
// and may be called concurrently.
//
// Between a node and a store that is not on a network (see [Node.Store]) there
// are no connections: Cut does nothing, and Stall is the same as Freeze.
type Link struct {
	mu     sync.Mutex
	fault  fault
	healed chan struct{} // closed when the fault has ended
	wires  map[*wire]struct{}
	// onHeal is called when a fault has ended.
	onHeal func()
}

type fault uint8

const (
	healthy fault = iota
	down
	frozen
	stalled
)

func newLink() *Link { return &Link{wires: make(map[*wire]struct{})} }

// Cut resets the open connections. New ones can be made, as when a phone changes
// from one network to another.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut()
}

func (l *Link) cut() {
	for w := range l.wires {
		w.reset()
	}
	clear(l.wires)
}

// Down resets the open connections and refuses new ones, until Heal.
func (l *Link) Down() {
	l.setFault(down)
}

// Freeze lets nothing pass in either direction, until Heal, and tells neither
// side, as in a tunnel. What was sent is not lost. New connections wait.
func (l *Link) Freeze() { l.setFault(frozen) }

// Stall lets pass what the client sends but not what is sent to it, until Heal,
// as with a client that does not read. About 64 KiB fit into the connection; then
// the server has to wait, or to give the client up.
func (l *Link) Stall() { l.setFault(stalled) }

// Heal ends the fault. What was held back is delivered.
func (l *Link) Heal() { l.setFault(healthy) }

func (l *Link) setFault(f fault) {
	l.mu.Lock()
	if l.fault == healthy && f != healthy {
		l.healed = make(chan struct{})
	}
	if l.fault != healthy && f == healthy {
		close(l.healed)
	}
	ended := l.fault != healthy && f == healthy
	l.fault = f
	if f == down {
		l.cut()
	}
	for w := range l.wires {
		w.hold(f == frozen, f == frozen || f == stalled)
	}
	healed := l.onHeal
	l.mu.Unlock()
	if ended && healed != nil {
		healed()
	}
}

// whenHealed has f called whenever a fault has ended, in place of what was
// called until now.
func (l *Link) whenHealed(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onHeal = f
}

// await returns when nothing freezes the link. The error says that it is down,
// or that ctx has ended.
func (l *Link) await(ctx context.Context, whileStalled bool) error {
	for {
		l.mu.Lock()
		f, healed := l.fault, l.healed
		l.mu.Unlock()
		switch {
		case f == down:
			return syscall.ECONNREFUSED
		case f == healthy, f == stalled && whileStalled:
			return ctx.Err()
		}
		select {
		case <-healed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// faulty reports whether there is a fault.
func (l *Link) faulty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault != healthy
}

// connect makes a connection.
func (l *Link) connect(ctx context.Context) (*wire, error) {
	for {
		if err := l.await(ctx, true); err != nil {
			return nil, err
		}
		l.mu.Lock()
		if l.fault == healthy || l.fault == stalled {
			w := newWire(l)
			w.hold(false, l.fault == stalled)
			l.wires[w] = struct{}{}
			l.mu.Unlock()
			return w, nil
		}
		l.mu.Unlock()
	}
}

// forget ends the care for a connection.
func (l *Link) forget(w *wire) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.wires, w)
}
