package store

import "context"

// Peers lets the nodes of an installation talk to each other.
type Peers interface {
	// Peers returns the ids of all living nodes, this one included, in any
	// order.
	Peers(ctx context.Context) ([]string, error)
	// Call sends a request to a node, which may be this one, and returns its
	// answer. The error wraps ErrNoPeer if no living node has the id. It wraps
	// ErrUnavailable if no answer came, or the answer was an error: then the
	// request may have been carried out, the one exception to what
	// ErrUnavailable means. So requests must bear repetition.
	Call(ctx context.Context, node string, request []byte) ([]byte, error)
}
