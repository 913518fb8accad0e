package hotsock

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"
)

// record has the store keep an erasure that nobody carries out, as a node does that dies
// right after.
func (r *rig) record(e *erasure) {
	r.t.Helper()
	e.id, e.AcceptedAt = ulid.Make().String(), time.Now()
	q, err := e.write()
	r.must(err)
	_, err = r.h.node.Set(r.t.Context(), q)
	r.must(err)
}

// TestEraseTakenOver: whatever a node that died had done, another one does the rest, once,
// and says so for an hour.
func TestEraseTakenOver(t *testing.T) {
	t.Parallel()
	for why, begin := range map[string]func(r *rig, e *erasure){
		"accepted": func(*rig, *erasure) {},
		"begun":    func(r *rig, e *erasure) { r.must(r.h.eraser.begin(r.t.Context(), e)) },
		"on the way": func(r *rig, e *erasure) {
			r.must(r.h.eraser.begin(r.t.Context(), e))
			_, err := r.h.eraser.step(r.t.Context(), e)
			r.must(err)
		},
	} {
		t.Run(why, func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				other, err := New(Options{Store: r.s.Store, Authenticate: r.h.opts.Authenticate})
				r.must(err)
				defer func() { r.must(other.Close()) }()
				for i := range 300 {
					r.say("jim", fmt.Sprint(i), Forever)
				}
				e := &erasure{Channel: "c", Target: ErasedUser, UID: "jim"}
				begin(r, e)
				r.record(e)
				synctest.Wait()
				time.Sleep(erasureLease / 2)
				synctest.Wait()
				if !e.Until.IsZero() && len(r.texts()) == 0 {
					t.Error("it was taken over before the lease was over")
				}
				time.Sleep(4 * erasureLease)
				synctest.Wait()
				if got := r.texts(); got != "" {
					t.Errorf("left are %q", got)
				}
				page, err := other.Erasures(t.Context(), ErasureQuery{})
				r.must(err)
				if len(page.Items) != 1 || !page.Items[0].Done || page.Items[0].UID != "jim" {
					t.Errorf("the erasures are %+v, want one that is done", page.Items)
				}
				time.Sleep(erasureKept)
				page, err = other.Erasures(t.Context(), ErasureQuery{})
				r.must(err)
				if len(page.Items) > 0 || len(r.h.eraser.others)+len(other.eraser.others) > 0 {
					t.Errorf("an hour later, the erasures are %+v", page.Items)
				}
			})
		})
	}
}

// TestEraseFoundAtStart: nodes that start after all have died finish it.
func TestEraseFoundAtStart(t *testing.T) {
	t.Parallel()
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		r.say("", "old", Forever)
		r.h.eraser.stop()
		r.record(&erasure{Channel: "c", Target: ErasedChannel})
		next, err := New(Options{Store: r.s.Store, Authenticate: r.h.opts.Authenticate})
		r.must(err)
		defer func() { r.must(next.Close()) }()
		time.Sleep(4 * erasureLease)
		synctest.Wait()
		if got := r.texts(); got != "" {
			t.Errorf("left are %q", got)
		}
	})
}

// TestEraseLost: a node that finds a newer version of the record makes no more steps.
func TestEraseLost(t *testing.T) {
	t.Parallel()
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		run := newErasureRun(&erasure{id: ulid.Make().String(), Channel: "c", Target: ErasedChannel})
		r.h.eraser.running[run.id] = true
		if has, err := r.h.eraser.save(t.Context(), run); err != nil || !has {
			t.Fatal(has, err)
		}
		other := *run.erasure
		other.Saved += 10
		q, err := other.write()
		r.must(err)
		_, err = r.h.node.Set(t.Context(), q)
		r.must(err)
		r.say("", "old", Forever)
		time.Sleep(erasureLease / 2)
		if done, err := r.h.eraser.advance(run); err != nil || !done {
			t.Errorf("goes on: %v, %v", done, err)
		}
		if got := r.texts(); got != "old" {
			t.Errorf("left is %q", got)
		}
		r.h.eraser.end(run)
	})
}

// TestEraseUnavailable: an erasure that is accepted goes on when the store is back, and
// one that is not is an error.
func TestEraseUnavailable(t *testing.T) {
	t.Parallel()
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		r.say("jim", "old", Forever)
		r.s.setDown(true)
		if _, err := r.h.EraseChannel(t.Context(), "c"); codeOf(err) != CodeUnavailable {
			t.Errorf("the store is away: %v", err)
		}
		r.s.setDown(false)
		ends := make(chan error, 1)
		r.s.setAway("c")
		go func() {
			e, err := r.h.EraseChannel(t.Context(), "c")
			if err == nil && !e.Done {
				err = errors.New("not done")
			}
			ends <- err
		}()
		time.Sleep(time.Minute)
		r.s.setAway()
		r.must(<-ends)
		if got := r.texts(); got != "" {
			t.Errorf("left is %q", got)
		}
	})
}

func codeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// TestEraseRefused: hostile input, too many erasures, and a node that stops.
func TestEraseRefused(t *testing.T) {
	t.Parallel()
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		ctx := t.Context()
		for why, erase := range map[string]func() (Erasure, error){
			"a reserved channel": func() (Erasure, error) { return r.h.EraseChannel(ctx, erasureChannel) },
			"no channel":         func() (Erasure, error) { return r.h.EraseChannel(ctx, "") },
			"no user":            func() (Erasure, error) { return r.h.EraseUser(ctx, "c", "") },
			"a long user":        func() (Erasure, error) { return r.h.EraseUser(ctx, "c", strings.Repeat("x", 129)) },
			"no UTF-8":           func() (Erasure, error) { return r.h.EraseStorage(ctx, "c", "\xff") },
			"a long prefix":      func() (Erasure, error) { return r.h.EraseStorage(ctx, "c", strings.Repeat("x", 129)) },
		} {
			if _, err := erase(); codeOf(err) != CodeInvalidRequest {
				t.Errorf("%s: %v", why, err)
			}
		}
		if _, err := r.h.Erasures(ctx, ErasureQuery{After: "x"}); codeOf(err) != CodeInvalidRequest {
			t.Errorf("a wrong cursor: %v", err)
		}
		r.h.eraser.mu.Lock()
		for i := range maxErasures {
			r.h.eraser.running[fmt.Sprint(i)] = true
		}
		r.h.eraser.mu.Unlock()
		if _, err := r.h.EraseChannel(ctx, "c"); codeOf(err) != CodeRateLimited {
			t.Errorf("too many: %v", err)
		}
		r.h.eraser.mu.Lock()
		clear(r.h.eraser.running)
		r.h.eraser.mu.Unlock()
		r.h.eraser.stop()
		if _, err := r.h.EraseChannel(ctx, "c"); codeOf(err) != CodeUnavailable {
			t.Errorf("a node that stops: %v", err)
		}
	})
}
