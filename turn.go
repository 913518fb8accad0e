package hotsock

import (
	"context"
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A handler does only so much at once of what many may ask for at the same moment. If
// each got its share of the processor and of the store, all would wait as long as the
// last one, run out of StoreTimeout together, and be back with the same soon.
const (
	// maxStarting is how many connections begin at once, or are subscribed: when another
	// node dies, thousands come together.
	maxStarting = 64
	// startPatience is how long one waits for its turn.
	startPatience = 10 * time.Second
	// maxPublishing is how many messages at once are on their way to the store. One waits
	// up to StoreTimeout for its turn.
	maxPublishing = 512
)

// errBusy is what who gets no turn is told.
var errBusy = unavailable(fmt.Errorf("%w: too much is asked for at once", store.ErrUnavailable))

// turns are those that may be taken at once.
type turns struct {
	taken    chan struct{} // has an element for each
	patience time.Duration
}

func newTurns(most int, patience time.Duration) turns {
	return turns{make(chan struct{}, most), patience}
}

// A turn is one caller's.
type turn struct {
	turns turns
	taken bool
}

// take waits for the turn, in the order of the calls.
func (t *turn) take(ctx context.Context) error {
	select {
	case t.turns.taken <- struct{}{}:
	default:
		patience, cancel := context.WithTimeout(ctx, t.turns.patience)
		defer cancel()
		select {
		case t.turns.taken <- struct{}{}:
		case <-patience.Done():
			return errBusy
		}
	}
	t.taken = true
	return nil
}

// give lets another have the turn.
func (t *turn) give() {
	if t.taken {
		<-t.turns.taken
		t.taken = false
	}
}

// lend lets others have the turn while the app decides, which may take long.
func (t *turn) lend(ctx context.Context, decide func() error) error {
	t.give()
	if err := decide(); err != nil {
		return err
	}
	return t.take(ctx)
}
