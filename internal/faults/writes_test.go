package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// writes are attempts to set entries of a channel's storage, and to schedule
// messages on it.
type writes struct {
	tr      *trial
	channel string
	at      func() *node

	mu        sync.Mutex
	entries   map[string]fate // by key
	schedules map[string]fate // by payload
	latest    time.Time       // when the last one is due
}

func newWrites(tr *trial, nodes []*node) *writes {
	return &writes{
		tr: tr, channel: tr.name + "/writes", at: turns(nodes...),
		entries: make(map[string]fate), schedules: make(map[string]fate),
	}
}

const (
	// refusalLimit is the time in which what cannot be done is refused.
	refusalLimit = time.Second
	// refusalSlack is added to it, for few cores that all processes of all trials
	// share.
	refusalSlack = 500 * time.Millisecond
)

// attempt sends a request, and returns what it came to.
func (w *writes) attempt(ctx context.Context, what string, body map[string]any) fate {
	a, err := w.at().request(ctx, http.MethodPost, "/rt/publish", body)
	switch {
	case err != nil:
		w.tr.failf("%s: no answer: %v", what, err)
		return unknown
	case a.status == http.StatusAccepted:
		return acknowledged
	case a.code != "UNAVAILABLE":
		w.tr.failf("%s: %d %s", what, a.status, a.body)
		return unknown
	}
	w.tr.took("until refused", a.took)
	if a.took > refusalLimit+refusalSlack {
		w.tr.failf("%s was refused after %v", what, a.took)
	}
	return refused
}

func (w *writes) set(ctx context.Context) {
	w.mu.Lock()
	key := fmt.Sprint("k", len(w.entries))
	w.entries[key] = unknown
	w.mu.Unlock()
	f := w.attempt(ctx, "setting "+key, map[string]any{
		"channel": w.channel, "event": "hotsock.channelStorageSet", "key": key, "data": key,
	})
	w.mu.Lock()
	w.entries[key] = f
	w.mu.Unlock()
}

func (w *writes) schedule(ctx context.Context) {
	due := time.Now().Add(3 * time.Second).Truncate(time.Second)
	w.mu.Lock()
	payload := fmt.Sprint("schedule", len(w.schedules))
	w.schedules[payload] = unknown
	w.latest = due
	w.mu.Unlock()
	f := w.attempt(ctx, payload, map[string]any{
		"channel": w.channel, "event": "scheduled", "data": payload,
		"scheduleExpression": "at(" + due.UTC().Format("2006-01-02T15:04:05") + ")",
	})
	w.mu.Lock()
	w.schedules[payload] = f
	w.mu.Unlock()
}

// fireLimit is how long after its time a schedule may fire that was overdue.
const fireLimit = 10 * time.Second

// check checks what became of them. With lost, all before the end may be gone.
func (w *writes) check(lost bool, subs []*subscriber) {
	w.tr.sleep(time.Until(w.latest))
	if !lost {
		began := time.Now()
		for w.missing(subs) && time.Since(began) < fireLimit {
			w.tr.sleep(10 * time.Millisecond)
		}
		w.tr.took("last schedule due until all have fired", time.Since(began))
	}
	w.tr.sleep(500 * time.Millisecond) // What comes twice would come now.
	w.mu.Lock()
	defer w.mu.Unlock()
	have := w.stored()
	for key, f := range w.entries {
		switch {
		case f == refused && have[key] && !w.tr.withheld:
			w.tr.failf("the entry %s was refused, and is there", key)
		case f == refused && have[key]:
			w.tr.count("refused, though accepted just before", 1)
		case f == acknowledged && !have[key] && !lost:
			w.tr.failf("the entry %s was acknowledged, and is not there", key)
		}
	}
	for _, s := range subs {
		v := s.views[w.channel]
		lost := lost || v.losses() > 0
		v.mu.Lock()
		seen := maps.Clone(v.scheduled)
		v.mu.Unlock()
		for payload, f := range w.schedules {
			n := seen[payload]
			switch {
			case n > 1:
				w.tr.failf("%s saw %s %d times", s.name, payload, n)
			case f == refused && n > 0 && !w.tr.withheld:
				w.tr.failf("%s was refused, and %s saw it", payload, s.name)
			case f == refused && n > 0:
				w.tr.count("refused, though accepted just before", 1)
			case f == acknowledged && n == 0 && !lost:
				w.tr.failf("%s was acknowledged, and %s never saw it", payload, s.name)
			}
		}
	}
}

// missing reports whether a schedule that was acknowledged has not been seen by
// everybody who was not told of losses.
func (w *writes) missing(subs []*subscriber) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range subs {
		v := s.views[w.channel]
		v.mu.Lock()
		for payload, f := range w.schedules {
			if f == acknowledged && v.scheduled[payload] == 0 && v.lost == 0 {
				v.mu.Unlock()
				return true
			}
		}
		v.mu.Unlock()
	}
	return false
}

// stored returns which entries the channel has.
func (w *writes) stored() map[string]bool {
	have := make(map[string]bool)
	for after := ""; ; {
		a, err := w.at().request(w.tr.ctx, http.MethodGet, "/rt/channels/"+url.PathEscape(w.channel)+"/storage?after="+url.QueryEscape(after), nil)
		if err != nil || a.status != http.StatusOK {
			w.tr.fatalf("reading the storage: %v %+v", err, a)
		}
		var page struct{ Items []struct{ Key string } }
		if err := json.Unmarshal(a.body, &page); err != nil {
			w.tr.fatalf("reading the storage: %v", err)
		}
		for _, item := range page.Items {
			have[item.Key] = true
			after = item.Key
		}
		if len(page.Items) < 100 {
			return have
		}
	}
}
