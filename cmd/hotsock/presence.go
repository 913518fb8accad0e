package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/token"
)

var presenceCommand = command{
	name:    "presence",
	args:    "[CHANNEL]",
	summary: "Say who is on a channel, or which channels are in use",
	about: `
Of a channel, the number of subscriptions and the members, if it is a presence channel.
Nothing is subscribed. Without a channel, all that have subscriptions, which takes a key of
the server's HTTP API.`,
	examples: `
hotsock presence presence.lobby
hotsock presence presence.lobby --json | jq -r '.members[].uid'
hotsock presence --prefix room.`,
	define: func(f *flag.FlagSet) action {
		var x presence
		x.party.define(f)
		f.StringVar(&x.prefix, "prefix", "", "only channels whose names begin with this `TEXT`")
		f.BoolVar(&x.json, "json", false, "print JSON, one object for each channel")
		return x.run
	},
}

type presence struct {
	party
	prefix string
	json   bool
}

// A channelInfo is what is printed of one channel.
type channelInfo struct {
	Name         string        `json:"name"`
	Count        int           `json:"subscriptionsCount"`
	MembersCount *int          `json:"membersCount,omitempty"`
	Members      []client.User `json:"members,omitempty"`
}

func (x *presence) run(ctx context.Context, s *system, args []string) error {
	app, err := x.app(s)
	switch {
	case err != nil:
		return err
	case len(args) == 0 && app == nil:
		return usagef("listing channels takes a key: give HOTSOCK_API_KEY or --api-key-file")
	case len(args) == 0:
		return x.list(ctx, s, app)
	case x.prefix != "":
		return usagef("--prefix goes without a channel")
	}
	var info channelInfo
	if app != nil {
		err = app.do(ctx, http.MethodGet, []string{"channels", args[0]}, nil, nil, &info)
	} else {
		info, err = x.asClient(ctx, s, args[0])
	}
	if err != nil {
		return err
	}
	if x.json {
		return writeJSON(s.stdout, info)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %d subscriptions\n", word(args[0]), info.Count)
	for _, m := range info.Members {
		text.WriteString("  " + word(m.UID))
		if m.UMD != nil && string(m.UMD) != "null" {
			text.WriteString("  " + shown(m.UMD))
		}
		text.WriteString("\n")
	}
	return s.write(text.String())
}

func (x *presence) asClient(ctx context.Context, s *system, channel string) (channelInfo, error) {
	l, err := x.connect(ctx, s, needs([]string{channel}, token.ChannelClaims{GetInfo: token.Allow}))
	if err != nil {
		return channelInfo{}, err
	}
	defer l.Close()
	limited, cancel := context.WithTimeout(l.ctx, x.timeout)
	defer cancel()
	info, err := l.ChannelInfo(limited, channel)
	return channelInfo{Name: channel, Count: info.Subscriptions, Members: info.Members}, l.why(err)
}

// list prints channels, page after page.
func (x *presence) list(ctx context.Context, s *system, app *api) error {
	q := make(url.Values)
	if x.prefix != "" {
		q.Set("prefix", x.prefix)
	}
	for {
		var page struct {
			Channels []json.RawMessage `json:"channels"`
			Next     string            `json:"next"`
		}
		if err := app.do(ctx, http.MethodGet, []string{"channels"}, q, nil, &page); err != nil {
			return err
		}
		for _, text := range page.Channels {
			var c channelInfo
			if err := json.Unmarshal(text, &c); err != nil {
				return fmt.Errorf("the list of channels: %w", err)
			}
			if err := x.row(s, &c); err != nil {
				return err
			}
		}
		if page.Next == "" || page.Next == q.Get("after") {
			return nil
		}
		q.Set("after", page.Next)
	}
}

func (x *presence) row(s *system, c *channelInfo) error {
	if x.json {
		return writeJSON(s.stdout, c)
	}
	members := ""
	if c.MembersCount != nil {
		members = fmt.Sprintf(", %d members", *c.MembersCount)
	}
	return s.write(fmt.Sprintf("%s: %d subscriptions%s\n", word(c.Name), c.Count, members))
}
