package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/token"
)

// actions are what a token can permit by itself, in the order in which they are told.
var actions = []hotsock.Action{
	hotsock.ActionConnect, hotsock.ActionSubscribe, hotsock.ActionGetInfo, hotsock.ActionHistory,
	hotsock.ActionPublish, hotsock.ActionEcho, hotsock.ActionStore, hotsock.ActionSchedule,
	hotsock.ActionReact, hotsock.ActionUpdate, hotsock.ActionDelete, hotsock.ActionStop,
	hotsock.ActionGet, hotsock.ActionSet, hotsock.ActionObserve, hotsock.ActionCall,
}

var explainCommand = command{
	name:    "token explain",
	args:    "[ACTION]",
	summary: "Say what a token permits, and which of its keys decide",
	about: `
Reads the token from the standard input or --token-file, and answers with the code that
decides in the server. Without an action, it answers for each for which there is enough:
a --channel, and an --event, a --key or a --method. With one, it says why, and the exit
code is 3 for no. The server's hooks are not asked.

With the key, an expired or forged token permits nothing; without, its claims are taken as
they are.

Actions: ` + names(actions),
	examples: `
hotsock token explain --channel room.7 --event chat < token.txt
hotsock token explain publish --channel room.7 --event chat < token.txt
hotsock token explain subscribe --channel secret < token.txt || echo good`,
	define: func(f *flag.FlagSet) action {
		var x explain
		x.key.define(f)
		f.StringVar(&x.file, "token-file", "-", "read the token from this `FILE`, - for the standard input")
		f.StringVar(&x.q.Channel, "channel", "", "the `CHANNEL`, or an alias of it")
		f.StringVar(&x.q.Event, "event", "", "the `EVENT` of a message")
		f.StringVar(&x.q.Key, "key", "", "the `KEY` of an entry in the channel's storage")
		f.StringVar(&x.q.Method, "method", "", "the `METHOD` of the app")
		f.StringVar(&x.q.Reaction, "reaction", "", "the `REACTION`, such as 👍")
		f.BoolVar(&x.json, "json", false, "print one line of JSON for each action")
		return x.run
	},
}

func names(list []hotsock.Action) string {
	var b strings.Builder
	for i, a := range list {
		switch {
		case i == len(list)/2:
			b.WriteString(",\n")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(a))
	}
	return b.String()
}

type explain struct {
	key  keyFlag
	file string
	q    hotsock.ExplainRequest
	json bool
}

func (x *explain) run(ctx context.Context, s *system, args []string) error {
	text, err := readToken(s, []string{x.file})
	if err != nil {
		return err
	}
	keys, err := x.key.verifying(s)
	if err != nil {
		return err
	}
	if x.q.Token = text; len(keys) == 0 {
		found, err := look(ctx, text, nil, 0)
		if err != nil {
			return err
		}
		x.q.Token, x.q.Claims = "", &found.claims
		keys = []token.Key{{Algorithm: token.HS256, Secret: newSecret()}}
		s.notef("Neither the signature nor the times of the token are checked: that takes HOTSOCK_KEY or --key-file.")
	}
	rt, err := hotsock.New(hotsock.Options{Keys: keys, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer rt.Close()
	if len(args) > 0 {
		return x.one(ctx, s, rt, hotsock.Action(args[0]))
	}
	return x.all(ctx, s, rt)
}

// one tells all about one action.
func (x *explain) one(ctx context.Context, s *system, rt *hotsock.Handler, a hotsock.Action) error {
	x.q.Action = a
	e, err := rt.Explain(ctx, x.q)
	if err != nil {
		return question(err)
	}
	if err := x.tell(s, &e, true); err != nil {
		return err
	}
	if !e.Allowed {
		return &codedError{exitRefused, errReported}
	}
	return nil
}

// all tells of each action that the question has enough for whether it is permitted.
func (x *explain) all(ctx context.Context, s *system, rt *hotsock.Handler) error {
	for _, a := range actions {
		x.q.Action = a
		e, err := rt.Explain(ctx, x.q)
		if err == nil {
			err = x.tell(s, &e, false)
		} else if asked, ok := errors.AsType[*hotsock.Error](err); ok && asked.Code == hotsock.CodeInvalidRequest {
			if x.unfit() {
				return question(err)
			}
			continue // there is not enough for it
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unfit reports whether what was asked fits no action at all.
func (x *explain) unfit() bool { return x.q.Action == hotsock.ActionConnect }

func question(err error) error {
	if e, ok := errors.AsType[*hotsock.Error](err); ok && e.Code == hotsock.CodeInvalidRequest {
		return usagef("%s", e.Message)
	}
	return err
}

// tell prints an answer, in one line if not in full.
func (x *explain) tell(s *system, e *hotsock.Explanation, full bool) error {
	if x.json {
		out := struct {
			Action            hotsock.Action `json:"action"`
			Channel           string         `json:"channel,omitempty"`
			Allowed           bool           `json:"allowed"`
			NeedsSubscription bool           `json:"needsSubscription,omitempty"`
			Code              hotsock.Code   `json:"code,omitempty"`
			Reason            string         `json:"reason"`
			Hook              string         `json:"hook,omitempty"`
			By                string         `json:"by,omitempty"`
		}{e.Action, e.Channel, e.Allowed, e.NeedsSubscription, e.Code, e.Reason, e.Hook, ""}
		if e.By != nil {
			out.By = e.By.String()
		}
		return writeJSON(s.stdout, out)
	}
	if full {
		return s.write(printable(strings.ReplaceAll(e.String(), "\t", "  ")))
	}
	answer := "no"
	switch {
	case e.NeedsSubscription:
		answer = "subscribed"
	case e.Allowed:
		answer = "yes"
	}
	return s.write(fmt.Sprintf("%-14s %-10s %s\n", e.Action, answer, word(e.Reason)))
}
