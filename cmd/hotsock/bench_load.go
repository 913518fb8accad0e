package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/token"
)

const benchEvent = "bench"

// A load is one run of a bench.
type load struct {
	bench
	url         *url.URL
	credentials credentials
	http        *http.Client
	padding     string

	// ctx ends with the run; all of its goroutines are waited for.
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup

	subscribers []*subscriber
	publishers  []*client.Client
	mu          sync.Mutex // of clients, which are closed in the end
	clients     []*client.Client

	// zero is what the times of messages count from. start and end are those of
	// publishing.
	zero                                          time.Time
	start, end                                    time.Duration
	connected, failed, broken, gaps               atomic.Int64
	scheduled, accepted, refused, unknown, unsent atomic.Int64
	connecting, accepting, latency, lag           histogram
	connectError, publishError                    firstError
	acceptedOn                                    []atomic.Int64 // by channel
}

// A subscriber is one subscription.
type subscriber struct {
	channel int
	came    *sequence
}

// A benchMessage is the data of one.
type benchMessage struct {
	Number  int64  `json:"n"`
	Due     int64  `json:"due"` // nanoseconds since load.zero
	Padding string `json:"x,omitempty"`
}

// A firstError keeps the first of many.
type firstError struct{ p atomic.Pointer[string] }

func (f *firstError) note(err error) {
	text := err.Error()
	f.p.CompareAndSwap(nil, &text)
}

func (f *firstError) String() string {
	if p := f.p.Load(); p != nil {
		return *p
	}
	return ""
}

// newLoad prepares a run. Its publishers are connected: what is wrong with the server
// or the token is found before there is any load.
func newLoad(ctx context.Context, s *system, x *bench) (*load, error) {
	u, err := x.address(s)
	if err != nil {
		return nil, err
	}
	r := &load{bench: *x, url: u, zero: time.Now(), padding: strings.Repeat("x", x.size), acceptedOn: make([]atomic.Int64, x.channels)}
	if r.credentials, err = x.login.credentials(s); err != nil {
		return nil, err
	}
	probe, err := x.login.open(ctx, s, r.tokens(0, "probe"), u)
	if err != nil {
		return nil, err
	}
	_ = probe.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	r.http = &http.Client{Transport: transport}
	// Who presses Ctrl-C gets the figures of what was done until then.
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for i := range x.channels {
		c, err := r.client(r.tokens(i, "publisher-"+strconv.Itoa(i)))
		if err == nil {
			limited, cancel := context.WithTimeout(r.ctx, x.timeout)
			err = c.Connect(limited)
			cancel()
		}
		if err != nil {
			r.close()
			return nil, err
		}
		r.publishers = append(r.publishers, c)
	}
	return r, nil
}

func (r *load) channel(i int) string { return r.prefix + strconv.Itoa(i) }

// tokens are for one connection, on one channel.
func (r *load) tokens(channel int, uid string) func(context.Context) (string, error) {
	c := needs([]string{r.channel(channel)}, token.ChannelClaims{
		Subscribe: token.Allow, Messages: map[string]token.MessageClaims{benchEvent: {Publish: token.Allow, Broadcast: token.Allow}},
	})
	c.UID = "bench-" + uid
	return r.credentials.tokens(c)
}

// maxWaiting is how many bytes may wait in this process for each subscription; one that
// is behind by more catches up.
const maxWaiting = 256 << 10

func (r *load) client(tokens func(context.Context) (string, error)) (*client.Client, error) {
	before, broken := false, false // OnState is called by one goroutine
	c, err := client.New(client.Options{
		URL: r.url.String(), Token: tokens, TokenInURL: r.inURL, HTTPClient: r.http, ConnectTimeout: r.timeout, MaxQueueSize: max(maxWaiting, 4*r.size),
		Header: http.Header{"User-Agent": {"hotsock/" + hotsock.Version}},
		OnState: func(state client.State) {
			switch state.Status {
			case client.Connected:
				if before && broken { // else it has only moved to a WebSocket
					r.broken.Add(1)
				}
				before, broken = true, false
			case client.Waiting:
				broken = true
				r.connectError.note(state.Err)
			case client.Connecting, client.Closed:
			}
		},
	})
	if err == nil {
		r.mu.Lock()
		r.clients = append(r.clients, c)
		r.mu.Unlock()
	}
	return c, err
}

// connect opens the connections, each when it is due, and waits for all.
func (r *load) connect(ctx context.Context) {
	began := time.Now()
	var opening sync.WaitGroup
	var mu sync.Mutex
	for i := range r.connections {
		due := time.Duration(float64(i) / r.ramp * float64(time.Second))
		if !sleepUntil(ctx, began.Add(due)) {
			break
		}
		opening.Go(func() {
			sub, err := r.subscribe(i)
			if err != nil {
				r.failed.Add(1)
				r.connectError.note(err)
				return
			}
			r.connecting.add(time.Since(began) - due)
			r.connected.Add(1)
			s := &subscriber{i % r.channels, newSequence()}
			mu.Lock()
			r.subscribers = append(r.subscribers, s)
			mu.Unlock()
			r.all.Go(func() { r.receive(sub, s.came) })
		})
	}
	opening.Wait()
}

func (r *load) subscribe(i int) (*client.Subscription, error) {
	c, err := r.client(r.tokens(i%r.channels, strconv.Itoa(i)))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.timeout)
	defer cancel()
	sub, err := c.Subscribe(ctx, r.channel(i%r.channels), nil)
	if err != nil {
		_ = c.Close()
	}
	return sub, err
}

// receive counts what comes on a subscription.
func (r *load) receive(sub *client.Subscription, came *sequence) {
	for {
		event, err := sub.Next(r.ctx)
		if err != nil {
			return
		}
		now := time.Now()
		switch e := event.(type) {
		case client.Message:
			var m benchMessage
			if e.Event == benchEvent && json.Unmarshal(e.Data, &m) == nil {
				r.latency.add(now.Sub(r.zero) - time.Duration(m.Due))
				came.add(m.Number)
			}
		case client.Gap:
			r.gaps.Add(1)
		}
	}
}

// publish publishes on all channels, for as long as it is to last.
func (r *load) publish(ctx context.Context) {
	const lead = 100 * time.Millisecond // until all publishers wait for their turn
	r.start = time.Since(r.zero) + lead
	var publishing sync.WaitGroup
	for i := range r.publishers {
		publishing.Go(func() { r.publishOn(ctx, i) })
	}
	publishing.Wait()
	r.end = time.Since(r.zero)
}

// overtime is for what was due before the end, and is late.
const overtime = time.Second

// publishOn keeps the messages of one channel in order: each is sent when it is due, or
// when the one before is answered, if that is later. It is late from when it was due.
func (r *load) publishOn(ctx context.Context, channel int) {
	every := float64(time.Second) * float64(r.channels) / r.rate
	first := every * float64(channel) / float64(r.channels) // so that not all are due at once
	due := func(n int64) time.Duration { return time.Duration(first + every*float64(n)) }
	total := int64(0)
	for due(total) < r.duration {
		total++
	}
	r.scheduled.Add(total)
	accepted := int64(0) // the number of a message: those that were refused leave no hole
	for n := range total {
		at := r.zero.Add(r.start + due(n))
		idle := time.Until(at) > 0
		if !sleepUntil(ctx, at) {
			r.scheduled.Add(n - total) // The rest is not wanted any more.
			return
		}
		if time.Since(r.zero) > r.start+r.duration+overtime {
			r.unsent.Add(total - n)
			return
		}
		if idle {
			r.lag.add(time.Since(at))
		}
		limited, cancel := context.WithTimeout(r.ctx, r.timeout)
		_, err := r.publishers[channel].Publish(limited, r.channel(channel), benchEvent, benchMessage{accepted, int64(r.start + due(n)), r.padding})
		cancel()
		switch {
		case err == nil:
			r.accepting.add(time.Since(at))
			r.accepted.Add(1)
			r.acceptedOn[channel].Add(1)
			accepted++
		case errors.Is(err, client.ErrUnknownOutcome):
			r.unknown.Add(1)
			r.publishError.note(err)
			accepted++ // it may come
		default:
			r.refused.Add(1)
			r.publishError.note(err)
		}
	}
}

// expected is how many messages the subscriptions should have got.
func (r *load) expected() (n int64) {
	for _, s := range r.subscribers {
		n += r.acceptedOn[s.channel].Load()
	}
	return n
}

func (r *load) distinct() (n int64) {
	for _, s := range r.subscribers {
		n += s.came.distinct.Load()
	}
	return n
}

// drain waits for what is on its way.
func (r *load) drain() {
	const pause = 20 * time.Millisecond
	last, moved := int64(-1), time.Now()
	for time.Since(moved) < r.timeout {
		n := r.distinct()
		if n >= r.expected() {
			break
		}
		if n != last {
			last, moved = n, time.Now()
		}
		sleepUntil(r.ctx, time.Now().Add(pause))
	}
	sleepUntil(r.ctx, time.Now().Add(5*pause)) // doubled ones would come now
}

// close ends all connections, a few at a time.
func (r *load) close() {
	r.cancel()
	const together = 64
	slots := make(chan struct{}, together)
	var closing sync.WaitGroup
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		slots <- struct{}{}
		closing.Go(func() {
			_ = c.Close()
			<-slots
		})
	}
	closing.Wait()
	r.all.Wait()
	r.http.CloseIdleConnections()
}

// sleepUntil returns false if the context ends first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *load) progress() string {
	if n := r.scheduled.Load(); n > 0 {
		return fmt.Sprintf("%d of %d published, 99%% received within %v", r.accepted.Load(), n, r.latency.quantile(.99).Round(10*time.Microsecond))
	}
	return fmt.Sprintf("%d of %d connected, %d failed", r.connected.Load(), r.connections, r.failed.Load())
}

// muchLag is how late this machine may be by itself before its figures are in doubt.
const muchLag = 10 * time.Millisecond

func (r *load) summary() *benchSummary {
	b := &benchSummary{Seconds: (r.end - r.start).Seconds(), Latency: r.latency.spread(), Warnings: []string{}}
	c, p, v := &b.Connections, &b.Published, &b.Received
	c.Wanted, c.Connected, c.Failed, c.Broken = r.connections, r.connected.Load(), r.failed.Load(), r.broken.Load()
	c.Error, c.Connect = r.connectError.String(), r.connecting.spread()
	p.Scheduled, p.Accepted, p.Refused, p.Unknown, p.Unsent = r.scheduled.Load(), r.accepted.Load(), r.refused.Load(), r.unknown.Load(), r.unsent.Load()
	p.Error, p.Accept = r.publishError.String(), r.accepting.spread()
	for _, s := range r.subscribers {
		want, got := r.acceptedOn[s.channel].Load(), s.came.distinct.Load()
		v.Expected += want
		v.Distinct += got
		v.Lost += max(want-got, 0)
		v.Doubled += s.came.doubled.Load()
		v.Reordered += s.came.reordered.Load()
	}
	v.Gaps = r.gaps.Load()
	if p.Unknown > 0 {
		b.Warnings = append(b.Warnings, "What was sent and not answered may be lost or not: it is not counted as lost.")
	}
	if lag := r.lag.quantile(.99); lag > muchLag {
		b.Warnings = append(b.Warnings, fmt.Sprintf("This machine was late by itself: 99%% of the messages were sent within %v of when they were due. The figures are also its own.", lag.Round(time.Millisecond)))
	}
	b.OK = c.Connected == int64(c.Wanted) && p.Accepted == p.Scheduled && v.Lost+v.Doubled+v.Reordered+v.Gaps == 0
	return b
}
