package hotsock

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// inHook runs a test with a client that is subscribed to room, and a hook that publishes
// wait for. It closes began when it is asked, and ended when its context has ended.
func inHook(t *testing.T, f func(t *testing.T, r *rig, c *wstest.Conn, began, ended <-chan struct{})) {
	var began, ended chan struct{} // of the bubble
	o, _ := publishHook(func(ctx context.Context, _ Requester, _ *PublishRequest) error {
		close(began)
		<-ctx.Done()
		close(ended)
		return ctx.Err()
	})
	o.Hooks.Timeout = time.Hour
	inRig(t, o, func(t *testing.T, r *rig) {
		began, ended = make(chan struct{}), make(chan struct{})
		c := r.connect("ann")
		c.Subscribe("room")
		f(t, r, c, began, ended)
	})
}

// A hook's context ends at once when nobody is left to be told.
func TestHookEndsWithItsConnection(t *testing.T) {
	inHook(t, func(t *testing.T, r *rig, c *wstest.Conn, began, ended <-chan struct{}) {
		start := time.Now()
		c.Send(chat)
		<-began
		r.h.conns.ofUser("ann")[0].close(reasonSlow)
		<-ended
		if passed := time.Since(start); passed > 0 {
			t.Errorf("the context ended after %v", passed)
		}
	})
}

// A shutdown waits for a hook that is asked, and the client gets the answer.
func TestShutdownWaitsForHook(t *testing.T) {
	var began, answer chan struct{} // of the bubble
	o, _ := publishHook(func(ctx context.Context, _ Requester, _ *PublishRequest) error {
		close(began)
		<-answer
		return ctx.Err()
	})
	inRig(t, o, func(t *testing.T, r *rig) {
		began, answer = make(chan struct{}), make(chan struct{})
		c := r.connect("ann")
		c.Subscribe("room")
		c.Send(chat)
		<-began
		closed := make(chan error, 1)
		go func() { closed <- r.h.Shutdown(t.Context()) }()
		close(answer)
		c.Expect("chat")
		c.Expect("hotsock.ack")
		c.ExpectClose(websocket.StatusGoingAway, answeredText)
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// While a subscribe that is tried again waits for a hook, other commands go on, and the
// client can end it.
func TestRetriedHookHoldsUpNobody(t *testing.T) {
	var asked, answer chan struct{} // of the bubble
	times := 0
	o := Options{}
	o.Hooks.BeforeSubscribe = func(_ context.Context, _ Requester, s SubscribeRequest) (*ChannelClaims, error) {
		if s.Channel != "a" {
			return &ChannelClaims{Subscribe: Allow}, nil
		}
		if times++; times == 1 {
			return nil, &Error{Code: CodeUnavailable, Message: "not now"}
		}
		close(asked)
		<-answer
		return &ChannelClaims{Subscribe: Allow}, nil
	}
	o.Hooks.Timeout = time.Hour
	inRig(t, o, func(t *testing.T, r *rig) {
		asked, answer = make(chan struct{}), make(chan struct{})
		c := r.connect("ann")
		c.Do(`{"event":"hotsock.subscribe","channel":"a"}`, "UNAVAILABLE")
		<-asked
		c.Subscribe("b")
		c.Do(`{"event":"hotsock.unsubscribe","channel":"b"}`, "hotsock.unsubscribed")
		c.Do(`{"event":"hotsock.unsubscribe","channel":"a"}`, "hotsock.unsubscribed")
		close(answer)
		synctest.Wait()
		c.ExpectNothing()
		if info, err := r.h.ChannelInfo(t.Context(), "a"); err != nil || info.SubscriptionsCount != 0 || times != 2 {
			t.Errorf("%+v, %v, asked %d times", info, err, times)
		}
		c.Do(`{"event":"hotsock.unsubscribe","channel":"a"}`, "NOT_SUBSCRIBED")
	})
}

// What a client subscribes to once more, while a retry of it waits for a hook, is
// subscribed once.
func TestSubscribedWhileRetried(t *testing.T) {
	var asked, answer chan struct{} // of the bubble
	times := 0
	o := Options{}
	o.Hooks.BeforeSubscribe = func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) {
		switch times++; times {
		case 1:
			return nil, &Error{Code: CodeUnavailable, Message: "not now"}
		case 2:
			close(asked)
			<-answer
		}
		return &ChannelClaims{Subscribe: Allow}, nil
	}
	o.Hooks.Timeout = time.Hour
	inRig(t, o, func(t *testing.T, r *rig) {
		asked, answer = make(chan struct{}), make(chan struct{})
		c := r.connect("ann")
		c.Do(`{"event":"hotsock.subscribe","channel":"a"}`, "UNAVAILABLE")
		<-asked
		c.Subscribe("a")
		close(answer)
		synctest.Wait()
		c.ExpectNothing()
		if info, err := r.h.ChannelInfo(t.Context(), "a"); err != nil || info.SubscriptionsCount != 1 || times != 3 {
			t.Errorf("%+v, %v, asked %d times", info, err, times)
		}
	})
}

// A resync tells the store of subscriptions again, and is none of the app's business.
func TestResyncAsksNoHook(t *testing.T) {
	times := 0
	o := Options{}
	o.Hooks.BeforeSubscribe = func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) {
		times++
		return &ChannelClaims{Subscribe: Allow}, nil
	}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		r.s.receiver.Lost("a")
		c.Expect("hotsock.subscribed")
		if times != 1 {
			t.Errorf("asked %d times", times)
		}
	})
}

// What is scheduled is asked for when it is accepted, as what it will be then.
func TestHookOfSchedule(t *testing.T) {
	var dues []time.Time
	o, _ := publishHook(func(_ context.Context, _ Requester, p *PublishRequest) error {
		dues = append(dues, p.Due)
		p.Data = []byte(`"changed"`)
		return nil
	})
	o.Authenticate = func(*http.Request) (*Claims, error) {
		c := everything("ann")
		c.Channels = map[string]ChannelClaims{"room": {Subscribe: Allow, Messages: map[string]MessageClaims{
			"*": {Publish: Allow, Echo: Allow, ScheduleBefore: time.Now().Add(time.Hour)},
		}}}
		return c, nil
	}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("room")
		due := time.Now().Add(time.Minute).UTC().Truncate(time.Second)
		c.Do(`{"event":"chat","channel":"room","scheduleExpression":"`+due.Format("at(2006-01-02T15:04:05)")+`","ref":"r"}`, "hotsock.ack")
		if len(dues) != 1 || !dues[0].Equal(due) {
			t.Errorf("asked for %v, due %v", dues, due)
		}
		if frame := c.Expect("chat"); !strings.Contains(frame.Text, `"changed"`) || len(dues) != 1 {
			t.Errorf("asked %d times: %s", len(dues), frame.Text)
		}
	})
}

// A request that is cancelled ends the hook's context, and counts until the hook has
// returned.
func TestHookOfCancelledRequest(t *testing.T) {
	inHook(t, func(t *testing.T, r *rig, c *wstest.Conn, began, ended <-chan struct{}) {
		ctx, cancel := context.WithCancel(t.Context())
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/connection/publishMessage?connectionId="+c.ID+"&connectionSecret="+c.Secret,
			strings.NewReader(`{"channel":"room","event":"chat"}`))
		answer := httptest.NewRecorder()
		start := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.h.ServeHTTP(answer, req)
		}()
		<-began
		cancel()
		<-ended
		<-done
		if passed := time.Since(start); passed > time.Second || answer.Code != http.StatusServiceUnavailable {
			t.Errorf("%d after %v", answer.Code, passed)
		}
	})
}
