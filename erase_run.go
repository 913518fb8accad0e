package hotsock

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// An eraser carries out erasures. The store has a record of each, and one node has the
// erasure: the one that has written the newest version. Every node looks after those of
// the others, and takes one over if its record has not changed for a lease.
type eraser struct {
	h       *Handler
	channel *reservedChannel
	ctx     context.Context
	cancel  context.CancelFunc

	mu      sync.Mutex
	running map[string]bool
	others  map[string]*otherErasure
	stopped bool
	work    sync.WaitGroup
}

// An otherErasure is one that another node has, or nobody.
type otherErasure struct {
	timer   *time.Timer
	version ulid.ULID // that it had when this node looked last, zero before
}

// An erasureRun is an erasure that this node has.
type erasureRun struct {
	*erasure

	saved time.Time // when the newest version was written
	ended chan struct{}

	mu       sync.Mutex
	begun    bool
	state    Erasure // as it is now
	attended bool    // somebody waits for the end
}

func newEraser(h *Handler) *eraser {
	er := &eraser{h: h, running: make(map[string]bool), others: make(map[string]*otherErasure)}
	er.ctx, er.cancel = context.WithCancel(h.ctx)
	er.channel = &reservedChannel{
		name: erasureChannel, timeout: h.opts.StoreTimeout, logger: h.logger, ctx: er.ctx, learn: er.learn,
		missing: func(map[string]bool) map[string]time.Duration { return nil }, // whoever has one writes it again
	}
	return er
}

// erase carries out an erasure for the app.
func (er *eraser) erase(ctx context.Context, e *erasure) (Erasure, error) {
	if err := validateChannel(e.Channel); err != nil {
		return Erasure{}, err
	}
	state, err := er.accept(ctx, e)
	return state, hostError(err)
}

// accept accepts an erasure, and waits for its end while ctx lasts.
func (er *eraser) accept(ctx context.Context, e *erasure) (Erasure, error) {
	e.id, e.AcceptedAt = ulid.Make().String(), time.Now().UTC()
	if err := er.add(e.id); err != nil {
		return Erasure{}, err
	}
	r := newErasureRun(e)
	r.attended = true
	if _, err := er.save(ctx, r); err != nil {
		er.end(r)
		return Erasure{}, err
	}
	if !er.goRun(func() { er.run(r) }) {
		er.end(r)
	}
	select {
	case <-r.ended:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attended = r.state.Done
	if !r.begun {
		return Erasure{}, refuseBecause(CodeUnavailable, "the erasure has not begun yet: repeat it")
	}
	return r.state, nil
}

func newErasureRun(e *erasure) *erasureRun {
	return &erasureRun{erasure: e, ended: make(chan struct{})}
}

// add makes room for an erasure.
func (er *eraser) add(id string) error {
	er.mu.Lock()
	defer er.mu.Unlock()
	if len(er.running)+len(er.others) >= maxErasures {
		return refuseBecause(CodeRateLimited, "too many erasures are not done yet")
	}
	er.running[id] = true
	return nil
}

func (er *eraser) end(r *erasureRun) {
	er.mu.Lock()
	delete(er.running, r.id)
	er.mu.Unlock()
	close(r.ended)
	if !r.Done {
		er.learn([]string{r.id}) // another node may have it, and die
	}
}

// goRun runs f in the background, unless the node stops.
func (er *eraser) goRun(f func()) bool {
	er.mu.Lock()
	defer er.mu.Unlock()
	if !er.stopped {
		er.work.Go(f)
	}
	return !er.stopped
}

// save writes a new version of the record. It returns false if another node has the
// erasure.
func (er *eraser) save(ctx context.Context, r *erasureRun) (has bool, err error) {
	r.Saved++
	q, err := r.write()
	if err != nil {
		return false, err
	}
	now := time.Now()
	res, err := er.set(ctx, q)
	if err == nil && res.Conflict && res.Entry.Value == nil { // the store has lost it
		q.IfID = new(ulid.ULID)
		res, err = er.set(ctx, q)
	}
	if err != nil || res.Conflict {
		return false, err
	}
	r.version, r.saved = res.Entry.ID, now
	return true, nil
}

func (er *eraser) set(ctx context.Context, q store.SetRequest) (store.SetResult, error) {
	limited := newLazyTimeout(ctx, er.h.opts.StoreTimeout)
	defer limited.end()
	return er.h.node.Set(limited, q)
}

// run carries out an erasure that this node has, until it is done, another node has it,
// or this node stops.
func (er *eraser) run(r *erasureRun) {
	defer er.end(r)
	for b := (backoff{}); ; {
		began := time.Now()
		done, err := er.advance(r)
		switch {
		case done:
			return
		case err == nil:
			b = backoff{}
			if !sleep(er.ctx, min(time.Since(began), erasurePause)) {
				return
			}
			continue
		case !errors.Is(err, store.ErrUnavailable) && er.ctx.Err() == nil:
			er.h.logger.Error("hotsock: an erasure failed and is tried again", "erasure", r.id, "channel", r.Channel, "err", err)
		}
		if !b.sleep(er.ctx) {
			return
		}
	}
}

// advance makes a step, and returns true if this node has nothing more to do.
func (er *eraser) advance(r *erasureRun) (done bool, err error) {
	if time.Since(r.saved) > erasureLease/3 {
		if has, err := er.save(er.ctx, r); err != nil || !has {
			return err == nil, err
		}
	}
	// What has not ended when the lease is over could meet another node's step.
	ctx, cancel := context.WithDeadline(er.ctx, r.saved.Add(erasureLease))
	defer cancel()
	if r.Until.IsZero() {
		if err := er.begin(ctx, r.erasure); err != nil {
			return false, err
		}
		has, err := er.save(er.ctx, r)
		if err == nil && has {
			r.update(true)
		}
		return err == nil && !has, err
	}
	r.Done, err = er.step(ctx, r.erasure)
	if err != nil || !r.Done {
		r.Done = false
		r.update(true)
		return false, err
	}
	return er.finish(r)
}

// finish removes the record, or keeps it for a while if nobody is told of the end.
func (er *eraser) finish(r *erasureRun) (done bool, err error) {
	r.mu.Lock()
	attended := r.attended
	r.mu.Unlock()
	if attended {
		_, err = er.set(er.ctx, store.SetRequest{Channel: erasureChannel, Key: r.id, Retention: store.Forever, IfID: &r.version})
	} else {
		_, err = er.save(er.ctx, r)
	}
	if err == nil {
		r.update(true)
	}
	return err == nil, err
}

// update shows how far it is.
func (r *erasureRun) update(begun bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun, r.state = begun, r.public()
}

// learn is told of records whenever they are written. What is written is alive.
func (er *eraser) learn(ids []string) {
	er.mu.Lock()
	defer er.mu.Unlock()
	for _, id := range ids {
		if er.running[id] || er.stopped {
			continue
		}
		o := er.others[id]
		if o == nil {
			o = &otherErasure{timer: time.AfterFunc(time.Hour, func() { er.goRun(func() { er.look(id) }) })}
			er.others[id] = o
		}
		o.timer.Reset(jitter(erasureLease))
	}
}

// look takes an erasure over if its record is as it was a lease ago.
func (er *eraser) look(id string) {
	page, err := er.h.reads.readEntries(er.ctx, store.EntriesRequest{Channel: erasureChannel, Keys: []string{id}, MaxBytes: entryPage})
	var e *erasure
	if len(page.Entries) > 0 {
		e = parseErasure(page.Entries[0])
	}
	er.mu.Lock()
	o := er.others[id]
	switch {
	case o == nil || er.stopped:
		er.mu.Unlock()
		return
	case err == nil && (e == nil || e.Done):
		delete(er.others, id)
		er.mu.Unlock()
		return
	case err != nil || e.version != o.version:
		if err == nil {
			o.version = e.version
		}
		o.timer.Reset(erasureLease)
		er.mu.Unlock()
		return
	}
	delete(er.others, id)
	er.running[id] = true
	er.mu.Unlock()

	r := newErasureRun(e)
	has, err := er.save(er.ctx, r)
	if err != nil || !has {
		er.end(r)
		return
	}
	er.h.logger.Info("hotsock: an erasure is taken over", "erasure", id, "channel", e.Channel)
	er.run(r)
}

// stop begins no more steps; wait returns when what is under way has ended.
func (er *eraser) stop() {
	er.channel.stop()
	er.mu.Lock()
	er.stopped = true
	for _, o := range er.others {
		o.timer.Stop()
	}
	er.mu.Unlock()
	er.cancel()
}

func (er *eraser) wait() {
	er.channel.wait()
	er.work.Wait()
}
