//go:build !race

package storeredis

import (
	"testing"

	"github.com/hotsock-go/hotsock/store/storetest"
)

// The conformance tests on servers are for the race detector, under which this one
// computes for minutes.
func TestConformanceOnMiniredis(t *testing.T) {
	t.Parallel()
	storetest.RunInBubble(t, newMiniHarness)
}
