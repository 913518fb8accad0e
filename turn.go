package hotsock

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
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
	// maxPublishing is how many messages at once are on their way to the store.
	maxPublishing = 256
	// turnPatience is how long one waits for its turn, as long as others get on.
	turnPatience = 10 * time.Second
)

// errBusy is what who gets no turn is told.
var errBusy = unavailable(fmt.Errorf("%w: too much is asked for at once", store.ErrUnavailable))

// turns are those that may be taken at once.
type turns struct {
	taken chan struct{} // has an element for each
	// stalled is for how long nobody gets on when those who wait give up.
	stalled time.Duration
	made    time.Time
	gotOn   atomic.Int64 // nanoseconds since made: when somebody last did

	mu      sync.Mutex
	waiting int
	watch   *time.Timer   // while somebody waits
	giveUp  chan struct{} // closed when those who wait now are to give up
}

func newTurns(most int, stalled time.Duration) *turns {
	return &turns{taken: make(chan struct{}, most), stalled: stalled, made: time.Now()}
}

// join counts one more who waits, and returns what tells it to give up.
func (t *turns) join() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting++; t.waiting == 1 {
		t.giveUp = make(chan struct{})
		t.watch = time.AfterFunc(t.stalled, t.look)
	}
	return t.giveUp
}

func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting--; t.waiting == 0 {
		t.watch.Stop()
	}
}

// look tells those who wait to give up if nobody gets on.
func (t *turns) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == 0 {
		return
	}
	if time.Since(t.made)-time.Duration(t.gotOn.Load()) > t.stalled {
		close(t.giveUp)
		t.giveUp = make(chan struct{})
	}
	t.watch.Reset(t.stalled)
}

// A turn is one caller's.
type turn struct {
	turns *turns
	taken bool
}

// take waits for the turn, in the order of the calls.
func (t *turn) take(ctx context.Context) error {
	select {
	case t.turns.taken <- struct{}{}:
	default:
		if err := t.wait(ctx); err != nil {
			return err
		}
	}
	t.taken = true
	return nil
}

func (t *turn) wait(ctx context.Context) error {
	giveUp := t.turns.join()
	defer t.turns.leave()
	patience := time.NewTimer(turnPatience)
	defer patience.Stop()
	select {
	case t.turns.taken <- struct{}{}:
		return nil
	case <-giveUp:
	case <-patience.C:
	case <-ctx.Done():
	}
	return errBusy
}

// succeeded notes that the store did what the turn was for.
func (t *turn) succeeded() { t.turns.gotOn.Store(int64(time.Since(t.turns.made))) }

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
