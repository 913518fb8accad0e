package doctest

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// merged are several recipes in one token.
func merged(recipes ...channels) channels {
	all := make(channels)
	for _, r := range recipes {
		maps.Copy(all, r)
	}
	return all
}

type ask = hotsock.ExplainRequest

// TestRecipes asks what each recipe permits and what it does not.
func TestRecipes(t *testing.T) {
	const (
		subscribe = hotsock.ActionSubscribe
		publish   = hotsock.ActionPublish
		set       = hotsock.ActionSet
	)
	later := time.Now().Add(time.Hour)
	for name, recipe := range map[string]struct {
		channels channels
		yes, no  []ask
	}{
		"chatRoom": {
			chatRoom("7"),
			[]ask{
				{Action: subscribe, Channel: "presence.room.7"},
				{Action: hotsock.ActionHistory, Channel: "presence.room.7"},
				{Action: publish, Channel: "presence.room.7", Event: "chat"},
				{Action: hotsock.ActionEcho, Channel: "presence.room.7", Event: "chat"},
				{Action: hotsock.ActionStore, Channel: "presence.room.7", Event: "chat"},
				{Action: hotsock.ActionReact, Channel: "presence.room.7", Event: "chat", Reaction: "👍"},
				{Action: publish, Channel: "presence.room.7", Event: "typing"},
			},
			[]ask{
				{Action: hotsock.ActionStore, Channel: "presence.room.7", Event: "typing"},
				{Action: hotsock.ActionEcho, Channel: "presence.room.7", Event: "typing"},
				{Action: publish, Channel: "presence.room.7", Event: "news"},
				{Action: subscribe, Channel: "presence.room.8"},
				{Action: subscribe, Channel: "room.7"},
			},
		},
		"inbox": {
			inbox("jim"),
			[]ask{
				{Action: subscribe, Channel: "inbox"},
				{Action: subscribe, Channel: "inbox.jim"},
				{Action: hotsock.ActionHistory, Channel: "inbox"},
			},
			[]ask{
				{Action: publish, Channel: "inbox", Event: "order.shipped"},
				{Action: subscribe, Channel: "inbox.pam"},
			},
		},
		"online": {
			online("sales"),
			[]ask{
				{Action: subscribe, Channel: "presence.team.sales"},
				{Action: hotsock.ActionGetInfo, Channel: "presence.team.sales"},
			},
			[]ask{
				{Action: publish, Channel: "presence.team.sales", Event: "chat"},
				{Action: hotsock.ActionGetInfo, Channel: "presence.team.hr"},
			},
		},
		"feed": {
			feed("news"),
			[]ask{
				{Action: subscribe, Channel: "feed.news"},
				{Action: hotsock.ActionHistory, Channel: "feed.news"},
			},
			[]ask{
				{Action: publish, Channel: "feed.news", Event: "news"},
				{Action: set, Channel: "feed.news", Key: "title"},
				{Action: hotsock.ActionReact, Channel: "feed.news", Event: "news", Reaction: "👍"},
			},
		},
		"board of an editor": {
			board("7", true),
			[]ask{
				{Action: set, Channel: "board.7", Key: "card.1"},
				{Action: hotsock.ActionObserve, Channel: "board.7", Key: "card.1"},
				{Action: hotsock.ActionGet, Channel: "board.7", Key: "title"},
			},
			[]ask{
				{Action: set, Channel: "board.7", Key: "title"},
				{Action: hotsock.ActionGet, Channel: "board.7", Key: "secret"},
				{Action: set, Channel: "board.8", Key: "card.1"},
			},
		},
		"board of a reader": {
			board("7", false),
			[]ask{{Action: hotsock.ActionObserve, Channel: "board.7", Key: "card.1"}},
			[]ask{{Action: set, Channel: "board.7", Key: "card.1"}},
		},
		"reminders": {
			reminders("jim"),
			[]ask{
				{Action: subscribe, Channel: "reminders.jim"},
				{Action: hotsock.ActionSchedule, Channel: "reminders.jim", Event: "reminder", At: later},
			},
			[]ask{
				{Action: hotsock.ActionSchedule, Channel: "reminders.jim", Event: "reminder", At: later.AddDate(2, 0, 0)},
				{Action: hotsock.ActionSchedule, Channel: "reminders.pam", Event: "reminder", At: later},
				{Action: publish, Channel: "reminders.jim", Event: "chat"},
			},
		},
		"admin": {
			admin(),
			[]ask{
				{Action: subscribe, Channel: "presence.room.7"},
				{Action: publish, Channel: "feed.news", Event: "news"},
				{Action: set, Channel: "board.7", Key: "title"},
			},
			[]ask{
				{Action: subscribe, Channel: "inbox.jim"},
				{Action: publish, Channel: "inbox.jim", Event: "order.shipped"},
				{Action: set, Channel: "inbox.jim", Key: "title"},
				{Action: hotsock.ActionSchedule, Channel: "feed.news", Event: "news", At: later},
			},
		},
		"tenant": {
			tenant("acme"),
			[]ask{
				{Action: subscribe, Channel: "tenant.acme.room"},
				{Action: subscribe, Channel: "tenant.acme.a.b"},
			},
			[]ask{
				{Action: subscribe, Channel: "tenant.acme2.room"},
				{Action: subscribe, Channel: "tenant.acme"},
				{Action: subscribe, Channel: "x.tenant.acme.room"},
			},
		},
		"rooms": {
			rooms("a.c"),
			[]ask{{Action: subscribe, Channel: "a.c/room/17"}},
			[]ask{
				{Action: subscribe, Channel: "abc/room/17"},
				{Action: subscribe, Channel: "a.c/room/17/secret"},
				{Action: subscribe, Channel: "x/a.c/room/17"},
				{Action: subscribe, Channel: "a.c/room/"},
			},
		},
		// The traps that the text names.
		"a wildcard without a separator": {
			channels{"tenant.acme*": {Subscribe: hotsock.Allow}},
			[]ask{{Action: subscribe, Channel: "tenant.acme2.room"}},
			nil,
		},
		"an expression without anchors": {
			channels{"#regex:room/[0-9]": {Subscribe: hotsock.Allow}},
			[]ask{{Action: subscribe, Channel: "other/room/1/secret"}},
			nil,
		},
		"a denial of subscribing leaves broadcasting": {
			channels{
				"*":       {Subscribe: hotsock.Allow, Messages: map[string]hotsock.MessageClaims{"*": {Broadcast: hotsock.Allow}}},
				"inbox.*": {Subscribe: hotsock.Deny},
			},
			[]ask{{Action: publish, Channel: "inbox.jim", Event: "x"}},
			[]ask{{Action: subscribe, Channel: "inbox.jim"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, q := range recipe.yes {
				permits(t, &hotsock.Claims{UID: "jim", Channels: recipe.channels}, q, true)
			}
			for _, q := range recipe.no {
				permits(t, &hotsock.Claims{UID: "jim", Channels: recipe.channels}, q, false)
			}
		})
	}
}

// TestGuest asks about a user without a name, of whom nobody can be told.
func TestGuest(t *testing.T) {
	c := guest()
	permits(t, &c, ask{Action: hotsock.ActionConnect}, true)
	permits(t, &c, ask{Action: hotsock.ActionSubscribe, Channel: "feed.news"}, true)
	permits(t, &c, ask{Action: hotsock.ActionPublish, Channel: "feed.news", Event: "news"}, false)
	c.Channels = chatRoom("7")
	permits(t, &c, ask{Action: hotsock.ActionSubscribe, Channel: "presence.room.7"}, false)
}

// TestMuted asks about a user who may read a room but not write, whatever a
// pattern of the same token says.
func TestMuted(t *testing.T) {
	room := chatRoom("7")["presence.room.7"]
	c := &hotsock.Claims{UID: "jim", Channels: merged(channels{"presence.room.*": room}, muted("7"))}
	permits(t, c, ask{Action: hotsock.ActionSubscribe, Channel: "presence.room.7"}, true)
	permits(t, c, ask{Action: hotsock.ActionPublish, Channel: "presence.room.7", Event: "chat"}, false)
	permits(t, c, ask{Action: hotsock.ActionPublish, Channel: "presence.room.7", Event: "typing"}, true)
	permits(t, c, ask{Action: hotsock.ActionPublish, Channel: "presence.room.8", Event: "chat"}, true)
}

// TestInvite asks about a subscribe token, which is for one connection and one
// channel.
func TestInvite(t *testing.T) {
	nothing := &hotsock.Claims{UID: "jim"}
	c := invite("jims", "private.42")
	token, err := hotsock.SignToken(c, key)
	if err != nil {
		t.Fatal(err)
	}
	q := ask{Action: hotsock.ActionSubscribe, Channel: "private.42", CommandToken: token, ConnectionID: "jims"}
	permits(t, nothing, q, true)
	publish := q
	publish.Action, publish.Event = hotsock.ActionPublish, "chat"
	permits(t, nothing, publish, true)
	for _, change := range []func(q *ask){
		func(q *ask) { q.ConnectionID = "pams" },
		func(q *ask) { q.Channel = "private.43" },
		func(q *ask) { q.CommandToken = "" },
	} {
		other := q
		change(&other)
		permits(t, nothing, other, false)
	}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	if allowed(rt, token) {
		t.Error("a subscribe token connects")
	}
}

// TestRename asks about a umd token, which is for one user.
func TestRename(t *testing.T) {
	c, err := rename("jim", "Jim Halpert")
	if err != nil {
		t.Fatal(err)
	}
	q := ask{Action: hotsock.ActionUpdateUMD, CommandClaims: &c}
	permits(t, &hotsock.Claims{UID: "jim"}, q, true)
	permits(t, &hotsock.Claims{UID: "pam"}, q, false)
}

// permits checks whether a client with those claims may do that.
func permits(t *testing.T, c *hotsock.Claims, q ask, want bool) {
	t.Helper()
	q.Claims = c
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	e, err := rt.Explain(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if e.Allowed != want {
		t.Errorf("%s %s %s%s: allowed is %v: %s", q.Action, q.Channel, q.Event, q.Key, e.Allowed, strings.TrimSpace(e.Reason))
	}
}
