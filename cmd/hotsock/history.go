package main

import (
	"context"
	"encoding/json"
	"flag"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/token"
)

// maxNewest is how many messages are put into the order of their ids here, and
// apiPage how many the server puts into a page.
const (
	maxNewest = 1000
	apiPage   = 100
)

var historyCommand = command{
	name:    "history",
	args:    "CHANNEL",
	summary: "Print the stored messages of a channel, oldest first",
	about: `
Prints the newest, or with --after or --all those from there on. With a key of the server's
HTTP API, nothing is subscribed. A client subscribes for a moment, and gets what its token
permits.`,
	examples: `
hotsock history room.7
hotsock history room.7 --limit 100 --event chat
hotsock history orders --all --json > orders.ndjson`,
	define: func(f *flag.FlagSet) action {
		var x history
		x.party.define(f)
		f.IntVar(&x.limit, "limit", 0, "at most `N` messages (default 20; with --after and --all, any number)")
		f.StringVar(&x.event, "event", "", "only messages of this `EVENT`")
		f.StringVar(&x.after, "after", "", "those after the message with this `ID`")
		f.StringVar(&x.before, "before", "", "those before the message with this `ID`")
		f.BoolVar(&x.all, "all", false, "all")
		f.BoolVar(&x.json, "json", false, "print JSON, one object on each line")
		return x.run
	},
}

type history struct {
	party
	limit                int
	event, after, before string
	all, json            bool
}

// A source lists messages from one end or the other.
type source func(ctx context.Context, reverse bool) iter.Seq2[record, error]

func (x *history) run(ctx context.Context, s *system, args []string) error {
	forward := x.all || x.after != ""
	switch {
	case x.limit < 0 || !forward && x.limit > maxNewest:
		return usagef("--limit is from 1 to %d, or any number with --after or --all", maxNewest)
	case forward && x.before != "":
		return usagef("--before goes with neither --after nor --all")
	}
	list, end, err := x.source(ctx, s, args[0])
	if err != nil {
		return err
	}
	defer end()
	if forward {
		n := 0
		for r, err := range list(ctx, false) {
			if err != nil {
				return err
			}
			if err := r.print(s, x.json); err != nil {
				return err
			}
			if n++; n == x.limit {
				break
			}
		}
		return nil
	}
	limit := x.limit
	if limit == 0 {
		limit = 20
	}
	var newest []record
	for r, err := range list(ctx, true) {
		if err != nil {
			return err
		}
		if newest = append(newest, r); len(newest) == limit {
			break
		}
	}
	for _, r := range slices.Backward(newest) {
		if err := r.print(s, x.json); err != nil {
			return err
		}
	}
	return nil
}

// source returns the messages, and what is to be called in the end.
func (x *history) source(ctx context.Context, s *system, channel string) (source, func(), error) {
	app, err := x.app(s)
	if err != nil {
		return nil, nil, err
	}
	if app != nil {
		return func(ctx context.Context, reverse bool) iter.Seq2[record, error] {
			return x.pages(ctx, app, channel, reverse)
		}, func() {}, nil
	}
	l, err := x.connect(ctx, s, needs([]string{channel}, token.ChannelClaims{
		Subscribe: token.Allow, HistoryStart: time.Unix(0, 0), OmitFromSubCount: token.Allow,
	}))
	if err != nil {
		return nil, nil, err
	}
	end := func() { _ = l.Close() }
	limited, cancel := context.WithTimeout(l.ctx, x.timeout)
	defer cancel()
	sub, err := l.Subscribe(limited, channel, nil)
	if err != nil {
		err = notSubscribed(channel, l.why(err))
		end()
		return nil, nil, err
	}
	return func(_ context.Context, reverse bool) iter.Seq2[record, error] {
		o := &client.HistoryOptions{After: x.after, Before: x.before, Reverse: reverse}
		return func(yield func(record, error) bool) {
			for m, err := range sub.History(l.ctx, o) {
				if err != nil {
					yield(record{}, l.why(err))
					return
				}
				if (x.event == "" || m.Event == x.event) && !yield(messageRecord(sub.Channel(), m), nil) {
					return
				}
			}
		}
	}, end, nil
}

// An apiMessage is a message as the server's HTTP API has it.
type apiMessage struct {
	ID      string          `json:"id"`
	Event   string          `json:"event"`
	Data    json.RawMessage `json:"data"`
	Version int64           `json:"version"`
	Meta    client.User     `json:"meta"`
	Stream  struct {
		State string `json:"state"`
	} `json:"stream"`
}

// pages reads page after page over the server's HTTP API.
func (x *history) pages(ctx context.Context, app *api, channel string, reverse bool) iter.Seq2[record, error] {
	return func(yield func(record, error) bool) {
		q := url.Values{"limit": {strconv.Itoa(apiPage)}}
		cursor, begin := "after", x.after
		if reverse {
			cursor, begin = "before", x.before
			q.Set("reverse", "true")
		}
		if x.event != "" {
			q.Set("event", x.event)
		}
		for {
			if begin != "" {
				q.Set(cursor, begin)
			}
			var page struct {
				Messages []apiMessage `json:"messages"`
				Next     string       `json:"next"`
			}
			if err := app.do(ctx, http.MethodGet, []string{"channels", channel, "messages"}, q, nil, &page); err != nil {
				yield(record{}, err)
				return
			}
			for _, m := range page.Messages {
				if !yield(messageRecord(channel, client.Message{
					ID: m.ID, Event: m.Event, Data: m.Data, Version: max(m.Version, 1), From: m.Meta, Stream: client.StreamState{State: m.Stream.State},
				}), nil) {
					return
				}
			}
			if page.Next == "" || page.Next == begin {
				return
			}
			begin = page.Next
		}
	}
}
