package sinkredis

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/await"
)

// A scriptHook is called in place of commands of the client, with their names, or the
// digests of scripts, and what carries them out.
type scriptHook struct {
	redis.Hook

	on func(called string, run func() error) error
}

func (h scriptHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h scriptHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h scriptHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		run := func() error { return next(ctx, cmd) }
		called := cmd.Name()
		if called == "evalsha" {
			called = cmd.Args()[1].(string)
		}
		err := h.on(called, run)
		if err != nil {
			cmd.SetErr(err)
		}
		return err
	}
}

// A worker that could give no signs of life for long claims what it is handling
// itself, and does not begin with it a second time.
func TestClaimsItsOwn(t *testing.T) {
	server, client := setUp(t, 2)
	deaf := server.Client()
	deaf.AddHook(scriptHook{on: func(sha string, run func() error) error {
		if sha == renewScript.Hash() {
			return errTest
		}
		return run()
	}})
	claimed := func(context.Context, Delivery) error {
		await.That(t, "the event being claimed", func() bool {
			pending, err := client.XPendingExt(t.Context(), &redis.XPendingExtArgs{
				Stream: stream, Group: "workers", Start: "-", End: "+", Count: 9,
			}).Result()
			return err == nil && !slices.ContainsFunc(pending, func(p redis.XPendingExt) bool { return p.RetryCount < 2 })
		})
		return nil
	}
	w := startWorker(t, deaf, quick("1"), claimed)
	awaitAll(t, 2, w)
	awaitIdle(t, client, stream, "workers")
	w.end()
	if got := w.deliveries(); len(got) != 2 {
		t.Errorf("the handler was called for %v", got)
	}
}

// A worker that has claimed what it is handling itself, and is done with it before it
// learns of that, does not begin with it a second time.
func TestClaimsWhatItEnds(t *testing.T) {
	server, client := setUp(t, 1)
	deaf := server.Client()
	claimed := make(chan struct{})
	var once sync.Once
	deaf.AddHook(scriptHook{on: func(called string, run func() error) error {
		switch called {
		case renewScript.Hash():
			return errTest
		case "xpending":
			once.Do(func() {
				close(claimed)
				awaitIdle(t, client, stream, "workers")
			})
		}
		return run()
	}})
	w := startWorker(t, deaf, quick("1"), func(context.Context, Delivery) error {
		<-claimed
		return nil
	})
	awaitAll(t, 1, w)
	awaitIdle(t, client, stream, "workers")
	w.end()
	if got := w.deliveries(); len(got) != 1 {
		t.Errorf("the handler was called for %v", got)
	}
}

// A sign of life that is on its way when an event has failed does not put off
// the next attempt.
func TestSignOfLifeAfterFailure(t *testing.T) {
	server, _ := setUp(t, 1)
	client := server.Client()
	var fail, released sync.Once
	failed, given := make(chan struct{}), make(chan struct{})
	client.AddHook(scriptHook{on: func(sha string, run func() error) error {
		switch sha {
		case renewScript.Hash():
			fail.Do(func() { close(failed) })
			select {
			case <-given:
			case <-time.After(100 * time.Millisecond): // It waits for this one, as it should.
			}
		case releaseScript.Hash():
			defer released.Do(func() { close(given) })
		}
		return run()
	}})
	k, err := newKeys(stream)
	if err != nil {
		t.Fatal(err)
	}
	o := quick("1")
	o.ClaimAfter = time.Hour // and so a sign of life would put it off for that long
	o.setDefaults()
	started, again := make(chan struct{}, 1), make(chan struct{}, 1)
	c := newConsumer(client, k, o, func(_ context.Context, d Delivery) error {
		if d.Attempt > 1 {
			again <- struct{}{}
			return nil
		}
		started <- struct{}{}
		<-failed
		return errTest
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx)
	}()
	<-started
	c.renewNow(t.Context())
	select {
	case <-again:
	case <-time.After(patience):
		t.Error("it is not tried again")
	}
	cancel()
	<-done
}
