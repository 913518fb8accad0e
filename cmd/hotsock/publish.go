package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/token"
)

// maxData is the length of the longest data that is read, in bytes. Servers take less,
// and say so.
const maxData = 16 << 20

var publishCommand = command{
	name:    "publish",
	args:    "CHANNEL EVENT [DATA]",
	summary: "Publish a message, and print its id",
	about: `
The data is JSON, - for the standard input, and null if there is none. With --text it is
taken as a string. With --lines, each line of the standard input is the data of a message.

With a key of the server's HTTP API the app publishes, and otherwise a client does. If the
program signs the client's token, that permits this event on this channel. --store,
--dedup, and --uid with an API key, are for the app.`,
	examples: `
hotsock publish room.7 chat '{"text":"Hello!"}'
hotsock publish room.7 chat --text 'Hello!' --uid jim
git log -1 --format=%s | hotsock publish deploys done - --text
jq -c '.[]' orders.json | hotsock publish orders new --lines`,
	define: func(f *flag.FlagSet) action {
		var x publish
		x.party.define(f)
		f.BoolVar(&x.text, "text", false, "the data is text, not JSON")
		f.BoolVar(&x.lines, "lines", false, "publish a message for each line of the standard input")
		f.DurationVar(&x.store, "store", 0, "keep the message for this `DURATION`; -1s for ever")
		f.StringVar(&x.dedup, "dedup", "", "`ID` of the message: what has the same is published once")
		f.BoolVar(&x.json, "json", false, "print what became of it as JSON")
		return x.run
	},
}

type publish struct {
	party
	text, lines, json bool
	store             time.Duration
	dedup             string
}

// A published is what becomes of one message.
type published struct {
	Channel string `json:"channel"`
	Event   string `json:"event"`
	ID      string `json:"id,omitempty"` // "" if the app took the message over
}

// A publisher publishes data that is JSON.
type publisher func(ctx context.Context, data json.RawMessage) (id string, err error)

func (x *publish) run(ctx context.Context, s *system, args []string) error {
	channel, event := args[0], args[1]
	do, end, err := x.publisher(ctx, s, channel, event)
	if err != nil {
		return err
	}
	defer end()
	publishOne := func(text string) error {
		data, err := x.data(text)
		if err != nil {
			return err
		}
		id, err := do(ctx, data)
		if err != nil {
			return err
		}
		if x.json {
			return writeJSON(s.stdout, published{channel, event, id})
		}
		return s.write(word(id) + "\n")
	}
	if x.lines {
		if len(args) > 2 || x.dedup != "" {
			return usagef("with --lines, the data comes from the standard input, and --dedup is for one message")
		}
		return x.eachLine(s, publishOne)
	}
	text := "null"
	if len(args) > 2 {
		text = args[2]
	} else if x.text {
		return usagef("--text needs a text")
	}
	if text, err = s.argument(text, "data"); err != nil {
		return err
	}
	return publishOne(text)
}

// data is what a text stands for.
func (x *publish) data(text string) (json.RawMessage, error) {
	if x.text {
		return quoted(text), nil
	}
	if !json.Valid([]byte(text)) {
		return nil, usagef("the data is not JSON: quote it, or use --text for plain text")
	}
	return json.RawMessage(text), nil
}

// eachLine publishes what stands on the lines of the standard input, as they come.
func (x *publish) eachLine(s *system, one func(text string) error) error {
	if s.stdinUse != "" {
		return usagef("the standard input cannot be both the %s and the lines", s.stdinUse)
	}
	in := bufio.NewScanner(s.stdin)
	in.Buffer(nil, maxData)
	n := 0
	for in.Scan() {
		n++
		text := strings.TrimSuffix(in.Text(), "\r")
		if strings.TrimSpace(text) == "" && !x.text {
			continue
		}
		if err := one(text); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := in.Err(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}

// publisher returns what publishes, and what is to be called in the end.
func (x *publish) publisher(ctx context.Context, s *system, channel, event string) (publisher, func(), error) {
	app, err := x.app(s)
	if err != nil {
		return nil, nil, err
	}
	if app != nil {
		return x.asApp(app, channel, event), func() {}, nil
	}
	if x.store != 0 || x.dedup != "" {
		return nil, nil, usagef("--store and --dedup are for the app: give HOTSOCK_API_KEY or --api-key-file")
	}
	l, err := x.connect(ctx, s, needs([]string{channel}, token.ChannelClaims{
		Messages: map[string]token.MessageClaims{event: {Publish: token.Allow, Broadcast: token.Allow}},
	}))
	if err != nil {
		return nil, nil, err
	}
	return func(_ context.Context, data json.RawMessage) (string, error) {
		limited, cancel := context.WithTimeout(l.ctx, x.timeout)
		defer cancel()
		id, err := l.Publish(limited, channel, event, data)
		return id, l.why(err)
	}, func() { _ = l.Close() }, nil
}

// asApp publishes over the server's HTTP API.
func (x *publish) asApp(app *api, channel, event string) publisher {
	return func(ctx context.Context, data json.RawMessage) (string, error) {
		body := map[string]any{"channel": channel, "event": event, "data": data, "eagerIdGeneration": true}
		if x.store != 0 {
			body["store"] = int64(max(x.store, -time.Second) / time.Second)
		}
		if x.dedup != "" {
			body["deduplicationId"] = x.dedup
		}
		if x.uid != "" {
			body["uid"] = x.uid
		}
		var answer published
		err := app.do(ctx, http.MethodPost, []string{"publish"}, nil, body, &answer)
		return answer.ID, err
	}
}
