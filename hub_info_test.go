package hotsock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
)

// countReads are a store's calls of WatchCount, and how many there were of UnwatchCount.
type countReads struct {
	mu                  sync.Mutex
	calls, atOnce, most int
	ended               int
	hang                bool // Those that fail take all the time that they have.
}

func (n *faultyNode) UnwatchCount(channel string) {
	n.s.counts.mu.Lock()
	n.s.counts.ended++
	n.s.counts.mu.Unlock()
	n.Node.UnwatchCount(channel)
}

func (n *faultyNode) WatchCount(ctx context.Context, channel string) (int, error) {
	r := &n.s.counts
	r.mu.Lock()
	r.calls++
	r.atOnce++
	r.most = max(r.most, r.atOnce)
	hang := r.hang
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.atOnce--
	}()
	if err := n.s.err(nil, channel); err != nil {
		if hang {
			<-ctx.Done()
		}
		return 0, err
	}
	return n.Node.WatchCount(ctx, channel)
}

// take returns how many calls there were since, and of these the most at once.
func (r *countReads) take() (calls, most int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls, most = r.calls, r.most
	r.calls, r.most = 0, r.atOnce
	return calls, most
}

func (r *countReads) ends() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// elsewhere subscribes another connection to a channel, of which the handler learns
// from the store only.
func (r *rig) elsewhere(channel string) {
	r.t.Helper()
	n := r.h.node.(*measuredNode).Node.(*faultyNode).Node
	s := store.SubscribeRequest{Channel: channel, Connection: "elsewhere", Counted: true}
	if _, err := n.Subscribe(r.t.Context(), s); err != nil {
		r.t.Fatal(err)
	}
}

// wantInfo waits for the info of a channel.
func (r *rig) wantInfo(c *wstest.Conn, channel string, count int) {
	r.t.Helper()
	if f := c.Expect("hotsock.channelInfo"); f.Channel != channel || r.countOf(f) != count {
		r.t.Errorf("%s, want %d of %s", f.Text, count, channel)
	}
}

func (r *rig) countOf(f wstest.Frame) int {
	r.t.Helper()
	var info struct{ SubscriptionsCount int }
	f.Decode(r.t, &info)
	return info.SubscriptionsCount
}

const subscribeInfo = `{"event":"hotsock.subscribe","channel":"%s","data":{"info":true}}`

// informed connects a client that is told the counts of n channels, in fake time.
func (r *rig) informed(n int) (c *wstest.Conn, channels []string) {
	r.t.Helper()
	c = r.connect("ann")
	for i := range n {
		channels = append(channels, fmt.Sprint("c", i))
		c.Do(fmt.Sprintf(subscribeInfo, channels[i]), "hotsock.subscribed")
		r.wantInfo(c, channels[i], 1)
	}
	time.Sleep(2 * infoPause)
	r.s.counts.take()
	return c, channels
}

// While the store is away, very many counts cost little, and in the end the client has
// them all.
func TestInfoOfManyWhileUnavailable(t *testing.T) {
	const many, away = 500, time.Minute
	for name, hang := range map[string]bool{"fails at once": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			inRig(t, Options{MaxSubscriptions: many}, func(t *testing.T, r *rig) {
				c, channels := r.informed(many)
				r.s.counts.hang = hang
				r.s.setDown(true)
				for _, channel := range channels {
					r.elsewhere(channel)
					r.s.receiver.CountChanged(channel) // perhaps once more
				}
				time.Sleep(away)
				calls, most := r.s.counts.take()
				const pause = infoPause / 2 // at the least
				if calls <= many || calls > many+maxInfoRetries*(1+int(away/pause)) {
					t.Errorf("the store was asked for %d counts of %d channels while it was away", calls, many)
				}
				if most > maxInfoReads+maxInfoRetries {
					t.Errorf("it was asked for %d at once", most)
				}
				for _, channel := range channels {
					r.s.receiver.CountChanged(channel) // which waits
				}
				r.s.setDown(false)
				told := make(map[string]bool)
				began := time.Now()
				for range channels {
					f := c.Expect("hotsock.channelInfo")
					told[f.Channel] = r.countOf(f) == 2
				}
				if d := time.Since(began); d > 3*infoPause {
					t.Errorf("the client had all counts %v after the store was back", d)
				}
				if len(told) != many {
					t.Errorf("the client was told of %d channels", len(told))
				}
				time.Sleep(3 * infoPause)
				if calls, _ := r.s.counts.take(); calls > many+maxInfoReads+maxInfoRetries {
					t.Errorf("the store was asked for %d counts of %d channels when it was back", calls, many)
				}
			})
		})
	}
}

// Where a part of the store is away, others do not wait for it.
func TestInfoWhilePartIsAway(t *testing.T) {
	const many = 300
	for _, row := range []struct {
		why   string
		hangs bool
		away  time.Duration // for how long before another count changes
	}{
		{"it refuses, and each refusal makes room for the next channel", false, 0},
		{"it hangs, and what has failed once has little room", true, time.Minute},
	} {
		t.Run(row.why, func(t *testing.T) {
			inRig(t, Options{MaxSubscriptions: many}, func(t *testing.T, r *rig) {
				c, channels := r.informed(many)
				r.s.counts.hang = row.hangs
				r.s.setAway(channels[1:]...)
				for _, channel := range channels[1:] {
					r.elsewhere(channel)
				}
				time.Sleep(row.away)
				began := time.Now()
				r.elsewhere(channels[0])
				r.wantInfo(c, channels[0], 2)
				if d := time.Since(began); d > infoPause/10 {
					t.Errorf("it took %v", d)
				}
			})
		})
	}
}

// Who shuts down while counts cannot be read waits for none of them, and none is read
// after that.
func TestInfoEndsWithHandler(t *testing.T) {
	const many = 300
	inRig(t, Options{MaxSubscriptions: many}, func(t *testing.T, r *rig) {
		_, channels := r.informed(many)
		r.elsewhere(channels[0])
		synctest.Wait()
		r.s.receiver.CountChanged(channels[0]) // is to be read again after the pause
		r.s.counts.take()
		r.s.counts.hang = true
		r.s.setDown(true)
		for _, channel := range channels[1:] {
			r.s.receiver.CountChanged(channel)
		}
		synctest.Wait()
		began := time.Now()
		if err := r.h.Close(); err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Error(err)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("it took %v", d)
		}
		if calls, _ := r.s.counts.take(); calls != maxInfoReads {
			t.Errorf("%d counts were read, want only those %d that were being read", calls, maxInfoReads)
		}
		r.h.infos.read("late")
		time.Sleep(2 * infoPause)
		r.h.infos.mu.Lock()
		late := r.h.infos.channels["late"] != nil
		r.h.infos.mu.Unlock()
		if calls, _ := r.s.counts.take(); calls > 0 || late {
			t.Errorf("%d counts were read after that, or are to be read", calls)
		}
	})
}

// The store is asked for a count once a second however many come and go, and not at all
// where no client is told of it, or none any more.
func TestInfoCosts(t *testing.T) {
	const pause = 100 * time.Millisecond
	for _, row := range []struct {
		why         string
		subscribe   string
		least, most int // calls in 20 s
		ended       bool
	}{
		{"nobody is told", `{"event":"hotsock.subscribe","channel":"c0"}`, 0, 0, false},
		{"one client is", fmt.Sprintf(subscribeInfo, "c0"), 20, 22, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			// Who is told is not counted, so that its leaving changes no count.
			uncounted := func(req *http.Request) (*Claims, error) {
				claims := everything(req.URL.Query().Get("uid"))
				if claims.UID == "ann" {
					all := claims.Channels["*"]
					all.OmitFromSubCount = Allow
					claims.Channels["*"] = all
				}
				return claims, nil
			}
			inRig(t, Options{Authenticate: uncounted}, func(t *testing.T, r *rig) {
				r.connect("dan").Subscribe("c0") // and stays
				c := r.connect("ann")
				c.Do(row.subscribe, "hotsock.subscribed")
				drained := started(func() bool { _ = c.Drain(); return true })
				other := r.connect("bob")
				comeAndGo := func() (calls int) {
					time.Sleep(2 * infoPause)
					r.s.counts.take()
					for range 100 {
						other.Subscribe("c0")
						time.Sleep(pause)
						other.Do(`{"event":"hotsock.unsubscribe","channel":"c0"}`, "hotsock.unsubscribed")
						time.Sleep(pause)
					}
					time.Sleep(2 * infoPause)
					calls, _ = r.s.counts.take()
					return calls
				}
				if calls := comeAndGo(); calls < row.least || calls > row.most {
					t.Errorf("the store was asked %d times", calls)
				}
				if n := r.s.counts.ends(); n > 0 {
					t.Errorf("%d times it was told that it need not tell", n)
				}
				c.Cut()
				<-drained
				time.Sleep(2 * infoPause)
				if ended := r.s.counts.ends() > 0; ended != row.ended {
					t.Errorf("the store was told that the last one has left: %t", ended)
				}
				if calls := comeAndGo(); calls > 0 {
					t.Errorf("the store was asked %d times after the client had left", calls)
				}
			})
		})
	}
}

// A client is told no count before its snapshot, which has one: neither while it waits to
// be subscribed, nor while it waits for what was lost.
func TestInfoBehindSnapshot(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		ann, channels := r.informed(1)
		channel := channels[0]
		release := r.s.hold(channel)
		bob := r.connect("bob")
		bob.Send(fmt.Sprintf(subscribeInfo, channel))
		synctest.Wait()
		r.elsewhere(channel)
		r.wantInfo(ann, channel, 2)
		release(nil)
		bob.Expect("hotsock.subscribed")
		r.wantInfo(bob, channel, 3)
		r.wantInfo(ann, channel, 3)

		time.Sleep(2 * infoPause)
		release = r.s.hold(channel)
		r.s.receiver.Lost(channel)
		synctest.Wait()
		release(store.ErrUnavailable) // until it is tried again
		synctest.Wait()
		n := r.h.node.(*measuredNode).Node.(*faultyNode).Node
		if _, err := n.Unsubscribe(r.t.Context(), store.UnsubscribeRequest{Channel: channel, Connection: "elsewhere"}); err != nil {
			r.t.Fatal(err)
		}
		for _, c := range []*wstest.Conn{ann, bob} {
			c.Expect("hotsock.subscribed")
			r.wantInfo(c, channel, 2)
		}
	})
}

// Whoever was told a count is not told it again, also if it was another one meanwhile.
func TestInfoIsNews(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c, channels := r.informed(1)
		r.elsewhere(channels[0])
		r.wantInfo(c, channels[0], 2)
		for range 3 {
			time.Sleep(2 * infoPause)
			r.s.receiver.CountChanged(channels[0])
		}
		c.ExpectNothing()
		if calls, _ := r.s.counts.take(); calls < 4 {
			t.Errorf("the store was asked %d times", calls)
		}
	})
}
