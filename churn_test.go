package hotsock

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
)

// Clients come, go, leave, catch up and are thrown out, while the store loses
// items and is away for moments. Whatever happens, each sees the messages of a
// channel in order, each once, and none is missing unless it is told so.
func TestChurn(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		const users, channels = 6, 3
		r.s.loss.Store(200)
		published := make([][]string, channels)
		publish := func(i int) bool {
			p, err := r.h.Publish(t.Context(), Message{Channel: churnChannel(i), Event: "e"})
			if err == nil {
				published[i] = append(published[i], p.ID)
			}
			return err == nil
		}
		var clients []*churner
		var publishing, churning sync.WaitGroup
		over := make(chan struct{})
		for i := range channels {
			publishing.Go(func() {
				for rng := rand.New(rand.NewPCG(seed, uint64(i))); ; {
					select {
					case <-over:
						return
					case <-time.After(time.Duration(rng.IntN(10)) * time.Millisecond):
						publish(i)
					}
				}
			})
		}
		for i := range users {
			u := &churner{r: r, uid: fmt.Sprint("u", i), rng: rand.New(rand.NewPCG(seed, uint64(100+i)))}
			clients = append(clients, u)
			churning.Go(func() { u.churn(150, channels) })
		}
		churning.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 99))
			for range 40 {
				time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
				switch rng.IntN(6) {
				case 0:
					r.s.setDown(true)
					time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
					r.s.setDown(false)
				case 1:
					r.s.receiver.Rejoin()
				case 2:
					_, _ = r.h.DisconnectUser(t.Context(), fmt.Sprint("u", rng.IntN(users)))
				default:
					_, _ = r.h.UnsubscribeUser(t.Context(), fmt.Sprint("u", rng.IntN(users)), churnChannel(rng.IntN(channels)))
				}
			}
		})
		churning.Wait()
		close(over)
		publishing.Wait()
		r.s.loss.Store(0)
		for _, u := range clients {
			u.subscribeAll(channels)
		}
		time.Sleep(time.Minute)
		counts := make(map[string]int)
		for i := range channels {
			counts[churnChannel(i)] = users
			if !publish(i) {
				t.Fatal("the last was not published")
			}
		}
		synctest.Wait()
		wantCounts(r, counts)
		for _, u := range clients {
			for i := range channels {
				u.check(t, churnChannel(i), published[i])
			}
			u.conn.Cut()
		}
		time.Sleep(time.Minute)
		for channel := range counts {
			counts[channel] = 0
		}
		wantCounts(r, counts)
		for i := range r.h.hub.shards {
			if s := &r.h.hub.shards[i]; s.refs != 0 || len(s.topics) != 0 {
				t.Errorf("%d references to %d channels are left", s.refs, len(s.topics))
			}
		}
	})
}

func churnChannel(i int) string { return fmt.Sprint("presence.", i) }

// A churner is one client of a TestChurn.
type churner struct {
	r   *rig
	uid string
	rng *rand.Rand

	conn  *wstest.Conn
	alive sync.WaitGroup
	refs  int

	mu    sync.Mutex
	after map[string]string   // what was asked for, by ref
	last  map[string]string   // seen, by channel
	seen  map[string][]string // the log, by channel
}

func (u *churner) connect() {
	u.alive.Wait()
	for {
		c, _, err := wstest.Try(u.r.t, u.r.url(u.uid), u.r.dial())
		if err == nil {
			u.conn = c
			break
		}
		await.Pass(100*time.Millisecond, "before another try")
	}
	if u.last == nil {
		u.after, u.last, u.seen = make(map[string]string), make(map[string]string), make(map[string][]string)
	}
	u.mu.Lock()
	for channel := range u.seen {
		u.seen[channel] = append(u.seen[channel], "left")
	}
	u.mu.Unlock()
	u.alive.Go(u.read)
}

func (u *churner) read() {
	for {
		m, err := u.conn.TryNext()
		if err != nil {
			return
		}
		u.mu.Lock()
		note := ""
		switch m.Event {
		case "e":
			note, u.last[m.Channel] = m.ID, m.ID
		case "hotsock.unsubscribed":
			note = "left"
		case "hotsock.subscribed":
			from, _ := m.Member("lastId").(string)
			if m.Member("recovered") == true {
				from = u.after[m.Ref]
			} else {
				u.last[m.Channel] = from
			}
			note = "from " + from
		}
		if note != "" {
			u.seen[m.Channel] = append(u.seen[m.Channel], note)
		}
		u.mu.Unlock()
	}
}

func (u *churner) subscribe(channel string, catchUp bool) {
	u.mu.Lock()
	after := "null"
	u.refs++
	ref := fmt.Sprint(u.refs)
	if last := u.last[channel]; catchUp && last != "" {
		u.after[ref], after = last, `"`+last+`"`
	}
	u.mu.Unlock()
	u.send(`{"event":"hotsock.subscribe","channel":"` + channel + `","data":{"after":` + after + `},"ref":"` + ref + `"}`)
}

func (u *churner) send(text string) {
	_ = u.conn.TrySend(text)
}

func (u *churner) churn(steps, channels int) {
	u.connect()
	for range steps {
		channel := churnChannel(u.rng.IntN(channels))
		switch u.rng.IntN(12) {
		case 0:
			u.conn.Cut()
			u.connect()
		case 1, 2, 3:
			u.send(`{"event":"hotsock.unsubscribe","channel":"` + channel + `"}`)
		case 4:
			u.subscribe(channel, false)
		default:
			u.subscribe(channel, true)
		}
		await.Pass(time.Duration(u.rng.IntN(50))*time.Millisecond, "as a client that does something now and then")
	}
}

// subscribeAll has the client be subscribed to every channel.
func (u *churner) subscribeAll(channels int) {
	u.conn.Cut()
	u.connect()
	for i := range channels {
		u.subscribe(churnChannel(i), true)
	}
}

// check compares what the client saw with what was published.
func (u *churner) check(t *testing.T, channel string, published []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	position, subscribed := "", false
	for i, note := range u.seen[channel] {
		from, begins := strings.CutPrefix(note, "from ")
		switch {
		case note == "left":
			subscribed = false
		case begins:
			position, subscribed = from, true
		default:
			next, found := slices.BinarySearch(published, position)
			if found {
				next++
			}
			if !subscribed || next == len(published) || published[next] != note {
				t.Errorf("%s saw %s on %s after %v", u.uid, note, channel, u.seen[channel][max(0, i-4):i])
				return
			}
			position = note
		}
	}
	if last := published[len(published)-1]; !subscribed || position != last {
		t.Errorf("%s has fallen silent on %s at %s, before %s", u.uid, channel, position, last)
	}
}

// A losingReceiver is not given some items, and told so.
type losingReceiver struct {
	store.Receiver
	s *faultyStore
}

func (r *losingReceiver) Deliver(item *store.Item) {
	if n := r.s.loss.Load(); n > 0 && rand.Int64N(n) == 0 {
		r.Lost(item.Channel)
		return
	}
	r.Receiver.Deliver(item)
}
