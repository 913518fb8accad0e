package hotsock

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A hook that its client no longer waits for still changes its request: nothing reads
// that.
func TestLateHookTakesOver(t *testing.T) {
	var writing, stop, stopped chan struct{} // of the bubble
	o, _ := publishHook(func(_ context.Context, _ Requester, p *PublishRequest) error {
		defer close(stopped)
		<-writing
		for {
			p.TakenOver = !p.TakenOver
			select {
			case <-stop:
				return nil
			default:
			}
		}
	})
	o.Hooks.Timeout = time.Second
	inRig(t, o, func(_ *testing.T, r *rig) {
		writing, stop, stopped = make(chan struct{}), make(chan struct{}), make(chan struct{})
		c := r.connect("ann")
		c.Subscribe("room")
		c.Send(chat)
		synctest.Wait()
		time.AfterFunc(time.Second, func() { close(writing) })
		c.Expect("UNAVAILABLE")
		close(stop)
		<-stopped
		c.ExpectNothing()
	})
}
