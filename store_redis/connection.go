package storeredis

import (
	"context"

	"github.com/hotsock-go/hotsock/store"
)

// AddConnection records a connection in the home partition.
func (n *node) AddConnection(ctx context.Context, c store.Connection) error {
	k := &n.s.keys
	_, err := n.asMember(ctx, home, func(inc string) call {
		return call{
			script: connectScript, part: home, keys: []any{k.conns(home, inc), k.leases(home)},
			args: []any{inc, c.ID, c.Info},
		}
	})
	return err
}

// RemoveConnection forgets a connection.
func (n *node) RemoveConnection(ctx context.Context, id string) error {
	if n.left.Load() {
		return errLeft
	}
	k := &n.s.keys
	inc := n.leases.current(home)
	_, err := n.s.do(ctx, call{
		script: disconnectScript, part: home, keys: []any{k.conns(home, inc), k.leases(home)},
		args: []any{inc, "", id},
	})
	return err
}
