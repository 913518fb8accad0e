package store

import (
	"context"
	"time"
)

// Connections holds what all nodes must know of connections and tokens.
type Connections interface {
	// AddConnection records a connection of this node, so that its end is
	// reported if the node dies. Adding it again replaces the record.
	AddConnection(ctx context.Context, c Connection) error
	// RemoveConnection forgets a connection. It does nothing if there is none.
	RemoveConnection(ctx context.Context, id string) error
	// UseToken returns true for the first call with this token on any node, and
	// false for every later one until the time that the first one gave.
	UseToken(ctx context.Context, token string, until time.Time) (bool, error)
}

// A Connection is a client's connection to a node.
type Connection struct {
	ID string
	// Info describes the connection to core. It is opaque to the store.
	Info []byte
}
