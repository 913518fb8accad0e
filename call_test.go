package hotsock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// mayCall permits everything, and all methods.
func mayCall(uid string) *Claims {
	c := everything(uid)
	all := c.Channels["*"]
	all.Calls = map[string]Permission{"*": Allow}
	c.Channels["*"], c.Calls = all, all.Calls
	return c
}

// inCallRig is inRig with permission to call everything.
func inCallRig(t *testing.T, o Options, f func(t *testing.T, r *rig)) {
	o.Authenticate = func(req *http.Request) (*Claims, error) { return mayCall(req.URL.Query().Get("uid")), nil }
	inRig(t, o, f)
}

func call(method, ref string) string {
	return fmt.Sprintf(`{"event":"hotsock.call","data":{"method":%q},"ref":%q}`, method, ref)
}

// A slow method holds up neither other commands nor other calls, and is cancelled
// when its connection ends.
func TestCallsRunBesideCommands(t *testing.T) {
	inCallRig(t, Options{MaxCalls: 2}, func(t *testing.T, r *rig) {
		ended := make(chan error, 9)
		r.h.Handle("slow", func(ctx context.Context, _ Call) (any, error) {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return nil, ctx.Err()
		})
		r.h.Handle("quick", func(context.Context, Call) (any, error) { return "done", nil })
		c := r.connect("Jim")
		c.Send(call("slow", "1"))
		c.Do(call("quick", "2"), "hotsock.result")
		c.Do(`{"event":"hotsock.ping"}`, "hotsock.pong")
		c.Send(call("slow", "3"))
		c.Do(call("quick", "4"), "RATE_LIMITED")
		synctest.Wait()
		if s := r.h.Stats(); s.Calls != 3 || s.RunningCalls != 2 {
			t.Errorf("%d calls, of which %d run", s.Calls, s.RunningCalls)
		}
		// Another connection of the same user has calls of its own.
		other := r.connect("Jim")
		other.Do(call("quick", "1"), "hotsock.result")

		r.h.conns.ofUser("Jim")[0].close(reasonHost)
		r.h.conns.cut()
		synctest.Wait()
		for range 2 {
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			default:
				t.Fatal("a call goes on after its connection has ended")
			}
		}
		if s := r.h.Stats(); s.RunningCalls != 0 {
			t.Errorf("%d calls run", s.RunningCalls)
		}
	})
}

// What goes wrong in a method is the app's to know.
func TestCallsFail(t *testing.T) {
	inCallRig(t, Options{}, func(t *testing.T, r *rig) {
		for name, f := range map[string]CallFunc{
			"panic":   func(context.Context, Call) (any, error) { panic("oops") },
			"goexit":  func(context.Context, Call) (any, error) { runtime.Goexit(); return nil, nil },
			"secret":  func(context.Context, Call) (any, error) { return nil, errors.New("password") },
			"nil":     func(context.Context, Call) (any, error) { var e *Error; return nil, e },
			"badCode": func(context.Context, Call) (any, error) { return nil, &Error{Code: "what a code"} },
			"chan":    func(context.Context, Call) (any, error) { return make(chan int), nil },
			"notJSON": func(context.Context, Call) (any, error) { return []byte("{"), nil },
			"two":     func(context.Context, Call) (any, error) { return []byte("1 2"), nil },
			"tooLong": func(context.Context, Call) (any, error) { return strings.Repeat("x", maxResult-1), nil },
			"tooDeep": func(context.Context, Call) (any, error) {
				return []byte(strings.Repeat("[", 65) + strings.Repeat("]", 65)), nil
			},
			"marshaler": func(context.Context, Call) (any, error) { return badResult{}, nil },
		} {
			r.h.Handle(name, f)
		}
		r.h.Handle("own", func(context.Context, Call) (any, error) { return nil, &Error{Code: "SOLD_OUT", Message: "no tea"} })
		r.h.Handle("wrapped", func(context.Context, Call) (any, error) {
			return nil, fmt.Errorf("of the store: %w", &Error{Code: CodeNotFound})
		})
		r.h.Handle("longest", func(context.Context, Call) (any, error) { return strings.Repeat("x", maxResult-2), nil })
		c := r.connect("Jim")
		for _, name := range []string{"panic", "goexit", "secret", "nil", "badCode", "chan", "notJSON", "two", "tooLong", "tooDeep", "marshaler"} {
			if f := c.Do(call(name, "r"), "INTERNAL"); strings.Contains(f.Text, "password") {
				t.Errorf("%s", f.Text)
			}
		}
		c.Do(call("own", "r"), "SOLD_OUT")
		c.Do(call("wrapped", "r"), "NOT_FOUND")
		c.Do(call("longest", "r"), "hotsock.result")
		if s := r.h.Stats(); s.RunningCalls != 0 {
			t.Errorf("%d calls run", s.RunningCalls)
		}
	})
}

type badResult struct{}

func (badResult) MarshalJSON() ([]byte, error) { panic("in MarshalJSON") }

// A shutdown lets calls be answered, but not for ever.
func TestShutdownWaitsForCalls(t *testing.T) {
	inCallRig(t, Options{}, func(t *testing.T, r *rig) {
		cut := make(chan struct{})
		r.h.Handle("second", func(context.Context, Call) (any, error) { time.Sleep(time.Second); return 1, nil })
		r.h.Handle("forever", func(ctx context.Context, _ Call) (any, error) {
			<-ctx.Done()
			close(cut)
			return nil, ctx.Err()
		})
		c := r.connect("Jim")
		c.Send(call("second", "1"))
		c.Send(call("forever", "2"))
		synctest.Wait()
		begun := time.Now()
		stopped := make(chan error)
		go func() { stopped <- r.h.Shutdown(context.Background()) }()
		c.Expect("hotsock.result")
		c.Expect("UNAVAILABLE")
		<-cut
		if waited := time.Since(begun); waited != callGrace {
			t.Errorf("cut off after %v", waited)
		}
		c.ExpectClose(websocket.StatusGoingAway, answeredText)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

// A method that ignores its context does not keep the handler from stopping.
func TestShutdownLeavesStubbornCalls(t *testing.T) {
	inCallRig(t, Options{}, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		r.h.Handle("stubborn", func(context.Context, Call) (any, error) { <-release; return nil, nil })
		c := r.connect("Jim")
		c.Send(call("stubborn", "1"))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		stopped := make(chan error)
		go func() { stopped <- r.h.Shutdown(ctx) }()
		c.ExpectClose(websocket.StatusGoingAway, unansweredText)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		close(release)
		synctest.Wait()
	})
}

func TestHandlePanics(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		none := func(context.Context, Call) (any, error) { return nil, nil }
		r.h.Handle("m", none)
		for name, f := range map[string]CallFunc{"m": none, "": none, "a b": none, "a*": none, "nil": nil, strings.Repeat("a", 129): none} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("Handle(%.20q) does not panic", name)
					}
				}()
				r.h.Handle(name, f)
			}()
		}
	})
}

// A client that asks for large results and reads none of them is disconnected. Until then
// no more waits for it than its queue takes.
func TestResultsForWhoDoesNotRead(t *testing.T) {
	const queue, result = 1 << 20, 200 << 10
	inCallRig(t, Options{MaxQueueSize: queue}, func(t *testing.T, r *rig) {
		data := strings.Repeat("x", result)
		r.h.Handle("large", func(context.Context, Call) (any, error) { return data, nil })
		c := r.connect("Jim")
		sock := r.h.conns.ofUser("Jim")[0].sock
		most := 0
		for i := range 10 * queue / result {
			if c.TrySend(call("large", fmt.Sprint(i))) != nil {
				break
			}
			synctest.Wait()
			most = max(most, sock.Queued())
		}
		s := r.h.Stats()
		if s.Disconnected["slow"] != 1 || s.RunningCalls != 0 || s.Calls > 2+queue/result {
			t.Errorf("disconnected %v after %d calls, of which %d run", s.Disconnected, s.Calls, s.RunningCalls)
		}
		if most < queue-result || most > queue {
			t.Errorf("%d bytes waited, in a queue of %d", most, queue)
		}
	})
}
