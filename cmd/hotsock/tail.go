package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/token"
)

var tailCommand = command{
	name:    "tail",
	args:    "CHANNEL...",
	summary: "Print what happens on channels, until Ctrl-C",
	about: `
The connection is renewed when it breaks: what was missed follows, or a line tells of a gap.
The first attempt to connect is the only one.

With a key instead of a token, the program signs tokens that permit to read these channels,
stored messages included, and are not counted as subscriptions. A presence channel needs a
--uid, and its members see that user come.`,
	examples: `
hotsock tail room.7
hotsock tail room.7 news --since 10m
hotsock tail orders --json | jq 'select(.event == "paid") | .data'
hotsock tail deploys --count 1 --for 1m   # 0 if something came, 1 if not`,
	define: func(f *flag.FlagSet) action {
		var x tail
		x.login.define(f)
		f.IntVar(&x.rewind, "rewind", 0, "begin with the last `N` stored messages of each channel, 1 to 1000")
		f.DurationVar(&x.since, "since", 0, "begin with the stored messages of the last `DURATION`, such as 10m")
		f.StringVar(&x.after, "after", "", "begin after the message with this `ID`")
		f.IntVar(&x.count, "count", 0, "end after `N` lines")
		f.DurationVar(&x.duration, "for", 0, "end after this `DURATION`; with --count, that is a failure")
		f.BoolVar(&x.info, "info", false, "tell how many subscriptions there are, too")
		f.BoolVar(&x.json, "json", false, "print JSON, one object on each line")
		return x.run
	},
}

type tail struct {
	login
	rewind, count   int
	since, duration time.Duration
	after           string
	info, json      bool
}

func (x *tail) run(ctx context.Context, s *system, channels []string) error {
	if err := x.check(channels); err != nil {
		return err
	}
	l, err := x.connect(ctx, s, needs(channels, token.ChannelClaims{
		Subscribe: token.Allow, HistoryStart: time.Unix(0, 0), OmitFromSubCount: token.Allow, GetInfo: token.Allow,
		Storage: map[string]token.StorageClaims{"*": {Observe: token.Allow}},
	}))
	if err != nil {
		return interrupted(ctx, err)
	}
	defer l.Close()
	followed, stop := context.WithCancel(l.ctx)
	defer stop()
	records, errs := make(chan record), make(chan error, len(channels))
	for _, name := range channels {
		sub, err := x.subscribe(l, name)
		if err != nil {
			return interrupted(ctx, notSubscribed(name, l.why(err)))
		}
		go func() { errs <- x.follow(followed, sub, records) }()
	}
	err = x.print(followed, s, records, errs)
	stop()
	return interrupted(ctx, l.why(err))
}

// check finds flags that do not go together.
func (x *tail) check(channels []string) error {
	set := 0
	for _, given := range []bool{x.rewind != 0, x.since != 0, x.after != ""} {
		if given {
			set++
		}
	}
	switch {
	case set > 1:
		return usagef("only one of --rewind, --since and --after")
	case x.rewind < 0 || x.rewind > 1000:
		return usagef("--rewind is from 1 to 1000")
	case x.since < 0 || x.count < 0 || x.duration < 0:
		return usagef("--since, --count and --for are not negative")
	case x.after != "" && len(channels) > 1:
		return usagef("--after is for one channel: an id counts on its own channel only")
	}
	return nil
}

func (x *tail) subscribe(l *link, name string) (*client.Subscription, error) {
	ctx, cancel := context.WithTimeout(l.ctx, x.timeout)
	defer cancel()
	return l.Subscribe(ctx, name, &client.SubscribeOptions{After: x.after, Rewind: x.rewind, RewindFor: x.since, Info: x.info})
}

// follow hands on what happens on a channel.
func (x *tail) follow(ctx context.Context, sub *client.Subscription, records chan<- record) error {
	for {
		event, err := sub.Next(ctx)
		if err != nil {
			return ended(sub.Channel(), err)
		}
		select {
		case records <- recordOf(sub.Channel(), event):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ended says how a subscription has ended, if it was ended.
func ended(channel string, err error) error {
	if !errors.Is(err, client.ErrUnsubscribed) {
		return err
	}
	text := channel + ": the server has ended the subscription"
	if reason := client.Reason(err); reason != "" {
		text += ": " + reason
	}
	return &codedError{exitRefused, errors.New(text)}
}

// print writes what is handed on, until it is enough.
func (x *tail) print(ctx context.Context, s *system, records <-chan record, errs <-chan error) error {
	var late <-chan time.Time
	if x.duration > 0 {
		timer := time.NewTimer(x.duration)
		defer timer.Stop()
		late = timer.C
	}
	for n := 0; x.count == 0 || n < x.count; n++ {
		select {
		case r := <-records:
			if err := r.print(s, x.json); err != nil {
				return err
			}
		case err := <-errs:
			return err
		case <-late:
			if x.count > 0 {
				return fmt.Errorf("%d of %d came within %v", n, x.count, x.duration)
			}
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// interrupted is no error where the user has ended a command that goes on until then.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, client.ErrClosed)) {
		return nil
	}
	return err
}

func notSubscribed(channel string, err error) error {
	if errors.Is(err, &client.Error{Code: client.CodePresenceUserIDRequired}) {
		return fmt.Errorf("%s: presence channels need a user: give --uid, if the program signs the token: %w", channel, err)
	}
	return fmt.Errorf("%s: %w", channel, err)
}
