package doctest

// docs/online.md shows this file's functions; TestGuideCode compares them.

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// onlineFirst sorts the people of a team for a page: who is online comes first.
func onlineFirst(ctx context.Context, rt *hotsock.Handler, team []string) ([]string, error) {
	online, err := rt.Online(ctx, team...)
	if err != nil {
		return nil, err
	}
	sorted := slices.Clone(team)
	slices.SortStableFunc(sorted, func(a, b string) int {
		return cmp.Compare(min(online[b], 1), min(online[a], 1))
	})
	return sorted, nil
}

// devices lists where a user is connected, for a page with their sessions.
func devices(ctx context.Context, rt *hotsock.Handler, uid string) ([]string, error) {
	var lines []string
	for q := (hotsock.ConnectionQuery{UID: uid}); ; {
		page, err := rt.Connections(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Items {
			lines = append(lines, fmt.Sprintf("%s from %s since %s", c.UserAgent, c.SourceIP, c.ConnectedAt.Format(time.DateTime)))
		}
		if q.After = page.Next; q.After == "" {
			return lines, nil
		}
	}
}

// busiest returns the room with the most subscriptions, "" if there is none.
func busiest(ctx context.Context, rt *hotsock.Handler) (string, error) {
	var room hotsock.ChannelSummary
	for q := (hotsock.ChannelQuery{Prefix: "room."}); ; {
		page, err := rt.Channels(ctx, q)
		if err != nil {
			return "", err
		}
		for _, c := range page.Items {
			if c.SubscriptionsCount > room.SubscriptionsCount {
				room = c
			}
		}
		if q.After = page.Next; q.After == "" {
			return room.Name, nil
		}
	}
}

// A badge is what a list of conversations shows of one.
type badge struct {
	Channel string
	Newest  string // message, as JSON
	Unread  int    // hotsock.MaxCount stands for "1000 and more"
}

// badges takes, by channel, the last message that the user has read, "" for none.
func badges(ctx context.Context, rt *hotsock.Handler, read map[string]string) ([]badge, error) {
	unread, err := rt.CountSince(ctx, read)
	if err != nil {
		return nil, err
	}
	latest, err := rt.Latest(ctx, slices.Sorted(maps.Keys(read))...)
	if err != nil {
		return nil, err
	}
	var all []badge
	for channel, m := range latest {
		all = append(all, badge{channel, string(m.Data), unread[channel]})
	}
	slices.SortFunc(all, func(a, b badge) int { return cmp.Compare(latest[b.Channel].ID, latest[a.Channel].ID) })
	return all, nil
}

func TestOnlineRecipes(t *testing.T) {
	s := hotsocktest.Start(t, hotsocktest.Options{Nodes: 2})
	rt := s.Nodes[0].Handler()
	everything := map[string]hotsock.ChannelClaims{"*": {Subscribe: hotsock.Allow}}
	for i, channels := range [][]string{{"room.a", "room.b", "lobby"}, {"room.b", "lobby"}, {"lobby"}} {
		c := s.Connect(t, hotsock.Claims{UID: []string{"pam", "pam", "jim"}[i], Channels: everything})
		for _, channel := range channels {
			c.Subscribe(channel)
		}
	}
	team, err := onlineFirst(t.Context(), rt, []string{"dwight", "jim", "kevin", "pam"})
	if want := []string{"jim", "pam", "dwight", "kevin"}; err != nil || !slices.Equal(team, want) {
		t.Errorf("%v, %v, want %v", team, err, want)
	}
	lines, err := devices(t.Context(), rt, "pam")
	if err != nil || len(lines) != 2 || !strings.Contains(lines[0], " from 192.0.2.1 since "+time.Now().Format("2006")) {
		t.Errorf("%q, %v", lines, err)
	}
	if room, err := busiest(t.Context(), rt); err != nil || room != "room.b" {
		t.Errorf("%q, %v", room, err)
	}
}

func TestBadges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := hotsocktest.Start(t, hotsocktest.Options{}).Nodes[0].Handler()
		var first string
		for i, channel := range []string{"room.a", "room.b", "room.a", "room.a"} {
			time.Sleep(time.Second)
			m, err := rt.Publish(t.Context(), hotsock.Message{Channel: channel, Event: "chat", Data: i, Store: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = m.ID
			}
		}
		got, err := badges(t.Context(), rt, map[string]string{"room.a": first, "room.b": "", "room.c": ""})
		if want := []badge{{"room.a", "3", 2}, {"room.b", "1", 1}}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	})
}
