package main

import (
	"context"
	"encoding/json"
	"flag"
	"strings"

	"github.com/hotsock-go/hotsock/token"
)

var callCommand = command{
	name:    "call",
	args:    "METHOD [PARAMS]",
	summary: "Call a method of the app as a client, and print its result as JSON",
	about: `
The parameters are JSON, and - for the standard input. A call is sent once. If it may have
been carried out although there is no answer, the error says so.`,
	examples: `
hotsock call version
hotsock call orders.place '{"item":"tea"}' --uid jim
hotsock call typing --channel room.7 --token-file token.txt`,
	define: func(f *flag.FlagSet) action {
		var x call
		x.login.define(f)
		f.StringVar(&x.channel, "channel", "", "call it on this `CHANNEL`, which is subscribed for that")
		return x.run
	},
}

type call struct {
	login
	channel string
}

func (x *call) run(ctx context.Context, s *system, args []string) error {
	var params any
	if len(args) > 1 {
		text, err := s.argument(args[1], "parameters")
		if err != nil {
			return err
		}
		if !json.Valid([]byte(text)) {
			return usagef("the parameters are not JSON")
		}
		params = json.RawMessage(text)
	}
	calls := map[string]token.Permission{args[0]: token.Allow}
	needed := token.Claims{Calls: calls}
	if x.channel != "" {
		needed = needs([]string{x.channel}, token.ChannelClaims{Subscribe: token.Allow, OmitFromSubCount: token.Allow, Calls: calls})
	}
	l, err := x.connect(ctx, s, needed)
	if err != nil {
		return err
	}
	defer l.Close()
	limited, cancel := context.WithTimeout(l.ctx, x.timeout)
	defer cancel()
	do := l.Call
	if x.channel != "" {
		sub, err := l.Subscribe(limited, x.channel, nil)
		if err != nil {
			return notSubscribed(x.channel, l.why(err))
		}
		do = sub.Call
	}
	result, err := do(limited, args[0], params)
	if err != nil {
		return l.why(err)
	}
	if len(result) == 0 {
		result = json.RawMessage("null")
	}
	return writeJSON(s.stdout, result)
}

// argument is an argument, or with - what is on the standard input, without the end of
// its last line.
func (s *system) argument(text, what string) (string, error) {
	if text != "-" {
		return text, nil
	}
	text, err := s.readFile("-", what, maxData)
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), err
}
