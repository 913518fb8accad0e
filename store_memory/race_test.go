//go:build race

package storememory

func init() { publishes = 100_000 } // The race detector is slow.
