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
	entries   map[string]attempt // by key
	schedules map[string]attempt // by payload
	latest    time.Time          // when the last one is due
	// from and to are when Redis went away and came back.
	from, to time.Time
}

// An attempt is one of them.
type attempt struct {
	fate     fate
	from, to time.Time
}

// impossible reports whether Redis cannot have accepted an attempt that was
// refused, because it was away from beginning to end.
func (w *writes) impossible(a attempt) bool {
	return a.fate == refused && a.from.After(w.from) && a.to.Before(w.to)
}

func newWrites(tr *trial, nodes []*node) *writes {
	return &writes{
		tr: tr, channel: tr.name + "/writes", at: turns(nodes...),
		entries: make(map[string]attempt), schedules: make(map[string]attempt),
	}
}

const (
	// refusalLimit is the time in which what cannot be done is refused.
	refusalLimit = time.Second
	// refusalSlack is added to it, for few cores that all processes of all trials
	// share.
	refusalSlack = 1500 * time.Millisecond
)

// attempt sends a request, and returns what it came to.
func (w *writes) attempt(ctx context.Context, what string, body map[string]any) attempt {
	began := time.Now()
	return attempt{w.send(ctx, what, body), began, time.Now()}
}

func (w *writes) send(ctx context.Context, what string, body map[string]any) fate {
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
	w.entries[key] = attempt{}
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
	w.schedules[payload] = attempt{}
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
	for key, a := range w.entries {
		switch f := a.fate; {
		case w.impossible(a) && have[key]:
			w.tr.failf("the entry %s was refused, and written later", key)
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
		for payload, a := range w.schedules {
			n := seen[payload]
			switch f := a.fate; {
			case w.impossible(a) && n > 0:
				w.tr.failf("%s was refused, and accepted later", payload)
			case n > 1:
				w.tr.failf("%s saw %s %d times", s.name, payload, n)
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
		for payload, a := range w.schedules {
			if a.fate == acknowledged && v.scheduled[payload] == 0 && v.lost == 0 {
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
