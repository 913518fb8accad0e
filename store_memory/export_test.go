package storememory

import "github.com/hotsock-go/hotsock/store"

// Kill ends a node of this store as the death of its process would.
func Kill(n store.Node) { n.(*node).die() }
