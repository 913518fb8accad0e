package hotsock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever waits for a shutdown that has begun does so no longer than wanted.
func TestShutdownAgain(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		r.connect("ann") // which does not answer the close
		first := make(chan error, 1)
		go func() { first <- r.h.Shutdown(context.Background()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.h.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the second: %v", err)
		}
		select {
		case err := <-first:
			t.Errorf("the first is over already: %v", err)
		default:
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}
