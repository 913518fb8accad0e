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
	// maxStarting is how many connections begin at once: when another node dies,
	// thousands come together.
	maxStarting = 64
	// maxSubscribing is how many of their subscribes are on their way to the store.
	maxSubscribing = 64
	// maxPublishing is how many messages at once are on their way to the store.
	maxPublishing = 256
	// turnPatience is how long one waits for its turn, as long as others get on.
	turnPatience = 10 * time.Second
	// turnStuck is after how long a turn ends by itself, if one that began so much later
	// has got on before, or nobody gets on: it waits for a part of the store that is away.
	turnStuck = 100 * time.Millisecond
	// overtakenEvery is how often turns are looked for that others have overtaken.
	overtakenEvery = 10 * time.Millisecond
)

// errBusy is what who gets no turn is told.
var errBusy = unavailable(fmt.Errorf("%w: too much is asked for at once", store.ErrUnavailable))

// turns are those that may be taken at once.
type turns struct {
	free chan int // seats that nobody has
	// seats are when their turns began, in nanoseconds since made, 0 if free.
	seats []atomic.Int64
	// stalled is for how long nobody gets on when those who wait give up.
	stalled time.Duration
	made    time.Time
	gotOn   atomic.Int64 // when somebody last did, as in seats
	looked  atomic.Int64 // when overtaken turns were last looked for

	mu      sync.Mutex
	waiting int
	watch   *time.Timer   // while somebody waits
	giveUp  chan struct{} // closed when those who wait now are to give up
}

func newTurns(most int, stalled time.Duration) *turns {
	t := &turns{free: make(chan int, most), seats: make([]atomic.Int64, most), stalled: stalled, made: time.Now()}
	for seat := range most {
		t.free <- seat
	}
	return t
}

// now is never 0.
func (t *turns) now() int64 { return int64(time.Since(t.made)) + 1 }

// join counts one more who waits, and returns what tells it to give up.
func (t *turns) join() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting++; t.waiting == 1 {
		t.giveUp = make(chan struct{})
		t.watch = time.AfterFunc(turnStuck, t.look)
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

// look ends the turns that are stuck if nobody gets on, so that those who wait can find
// out whether they do, and after a longer time tells these to give up.
func (t *turns) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == 0 {
		return
	}
	now := t.now()
	gotOn := t.gotOn.Load()
	if now-gotOn >= int64(turnStuck) {
		t.endBefore(now - int64(turnStuck))
	}
	if now-gotOn > int64(t.stalled) {
		close(t.giveUp)
		t.giveUp = make(chan struct{})
	}
	t.watch.Reset(turnStuck)
}

// endOvertaken ends the turns that are stuck: one that began later has got on.
func (t *turns) endOvertaken(began, now int64) {
	looked := t.looked.Load()
	if now-looked >= int64(overtakenEvery) && t.looked.CompareAndSwap(looked, now) {
		t.endBefore(began - int64(turnStuck))
	}
}

// endBefore ends the turns that began before, or then.
func (t *turns) endBefore(began int64) {
	for seat := range t.seats {
		if at := t.seats[seat].Load(); at != 0 && at <= began {
			t.end(seat, at)
		}
	}
}

// end frees a seat, unless the turn that began there at that time has ended already.
func (t *turns) end(seat int, began int64) {
	if t.seats[seat].CompareAndSwap(began, 0) {
		t.free <- seat
	}
}

// A turn is one caller's. It ends when it is given, or before if it is stuck.
type turn struct {
	turns *turns
	seat  int
	began int64 // as in turns.seats, 0 while it is not taken
}

// take waits for the turn, in the order of the calls.
func (t *turn) take(ctx context.Context) error {
	if t.tryTake() == nil {
		return nil
	}
	giveUp := t.turns.join()
	defer t.turns.leave()
	patience := time.NewTimer(turnPatience)
	defer patience.Stop()
	select {
	case seat := <-t.turns.free:
		t.begin(seat)
		return nil
	case <-giveUp:
	case <-patience.C:
	case <-ctx.Done():
	}
	return errBusy
}

// tryTake takes the turn if nobody has to wait for it.
func (t *turn) tryTake() error {
	select {
	case seat := <-t.turns.free:
		t.begin(seat)
		return nil
	default:
		return errBusy
	}
}

func (t *turn) begin(seat int) {
	t.seat, t.began = seat, t.turns.now()
	t.turns.seats[seat].Store(t.began)
}

// succeeded notes that the store did what the turn was for.
func (t *turn) succeeded() {
	now := t.turns.now()
	t.turns.gotOn.Store(now)
	t.turns.endOvertaken(t.began, now)
}

// give lets another have the turn.
func (t *turn) give() {
	if t.began != 0 {
		t.turns.end(t.seat, t.began)
		t.began = 0
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
