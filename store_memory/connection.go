package storememory

import (
	"context"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/store"
)

// AddConnection implements [store.Connections].
func (n *node) AddConnection(ctx context.Context, c store.Connection) error {
	if err := n.usable(ctx); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone.Load() {
		return errGone
	}
	n.connections.Set(c.ID, c)
	return nil
}

// RemoveConnection implements [store.Connections].
func (n *node) RemoveConnection(ctx context.Context, id string) error {
	if err := n.usable(ctx); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.connections.Delete(id)
	return nil
}

// UseToken implements [store.Connections].
func (n *node) UseToken(ctx context.Context, token string, until time.Time) (bool, error) {
	if err := n.usable(ctx); err != nil {
		return false, err
	}
	return n.store.tokens.use(token, until, clock()), nil
}

// tokens are those that can be used once and have been.
type tokens struct {
	mu     sync.Mutex
	used   table.Map[string, *usedToken]
	expiry queue[*usedToken]
}

type usedToken struct {
	deadline
	token string
}

func (t *usedToken) before(other *usedToken) bool { return t.at.Before(other.at) }

func (t *tokens) use(token string, until, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.used.Value(token); u != nil && !due(u.at, now) {
		return false
	}
	if due(until, now) {
		return true // Nothing has to be remembered.
	}
	u := t.used.Value(token)
	if u == nil {
		u = &usedToken{token: token}
		t.used.Set(token, u)
	}
	t.expiry.put(u, until)
	return true
}

func (t *tokens) expire(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		u, ok := t.expiry.takeDue(now)
		if !ok {
			return
		}
		t.used.Delete(u.token)
	}
}
