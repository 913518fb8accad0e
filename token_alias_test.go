package hotsock

import (
	"testing"

	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// Package token knows no stores, and what claims say is passed on to them.
func TestForeverIsTheSame(t *testing.T) {
	if token.Forever != store.Forever {
		t.Errorf("token.Forever is %d, store.Forever %d", token.Forever, store.Forever)
	}
}
