package doctest

// docs/tokens.md shows this file's functions; TestGuideCode compares them, and
// the tests in permits_test.go ask what they permit.

import (
	"encoding/json"
	"regexp"
	"time"

	"github.com/hotsock-go/hotsock"
)

type channels = map[string]hotsock.ChannelClaims

// chatRoom lets a user read and write in a room, see who is there, and react.
func chatRoom(room string) channels {
	const month = 30 * 24 * time.Hour
	return channels{
		"presence.room." + room: {
			Subscribe:    hotsock.Allow,
			HistoryStart: time.Now().Add(-month),
			Messages: map[string]hotsock.MessageClaims{
				"chat":   {Publish: hotsock.Allow, Echo: hotsock.Allow, Store: month, React: hotsock.Allow},
				"typing": {Publish: hotsock.Allow},
			},
		},
	}
}

// inbox is what only the app writes and only this user reads.
func inbox(user string) channels {
	return channels{
		"inbox." + user: {
			AutoSubscribe: hotsock.Allow,
			Alias:         "inbox", // the same name for every user
			HistoryStart:  time.Now().Add(-7 * 24 * time.Hour),
		},
	}
}

// online shows who is there, and nothing else.
func online(team string) channels {
	return channels{
		"presence.team." + team: {Subscribe: hotsock.Allow, GetInfo: hotsock.Allow},
	}
}

// feed is for everybody to read, with everything that is kept.
func feed(name string) channels {
	return channels{
		"feed." + name: {Subscribe: hotsock.Allow, HistoryStart: time.Unix(0, 0)},
	}
}

// board is state that its readers see change and its editors change.
func board(id string, editor bool) channels {
	cards := hotsock.StorageClaims{Get: hotsock.Allow, Observe: hotsock.Allow}
	if editor {
		cards.Set = hotsock.Allow
	}
	return channels{
		"board." + id: {
			Subscribe: hotsock.Allow,
			Storage: map[string]hotsock.StorageClaims{
				"card.*": cards,
				"title":  {Get: hotsock.Allow, Observe: hotsock.Allow},
			},
		},
	}
}

// reminders lets a user send messages to themselves, up to a year ahead.
func reminders(user string) channels {
	return channels{
		"reminders." + user: {
			AutoSubscribe: hotsock.Allow,
			Messages: map[string]hotsock.MessageClaims{
				"reminder": {
					Publish: hotsock.Allow, Echo: hotsock.Allow, Store: 24 * time.Hour,
					ScheduleBefore: time.Now().AddDate(1, 0, 0),
				},
			},
		},
	}
}

// admin may read and write everywhere, also without subscribing, but in inboxes.
func admin() channels {
	return channels{
		"*": {
			Subscribe: hotsock.Allow, GetInfo: hotsock.Allow, HistoryStart: time.Unix(0, 0),
			OmitFromSubCount: hotsock.Allow,
			Messages:         map[string]hotsock.MessageClaims{"*": {Publish: hotsock.Allow, Broadcast: hotsock.Allow}},
			Storage:          map[string]hotsock.StorageClaims{"*": {Get: hotsock.Allow, Set: hotsock.Allow, Observe: hotsock.Allow}},
		},
		"inbox.*": {
			Subscribe: hotsock.Deny,
			Messages:  map[string]hotsock.MessageClaims{"*": {Publish: hotsock.Deny, Broadcast: hotsock.Deny}},
			Storage:   map[string]hotsock.StorageClaims{"*": {Get: hotsock.Deny, Set: hotsock.Deny, Observe: hotsock.Deny}},
		},
	}
}

// guest has no name: so there is no presence, and no reactions.
func guest() hotsock.Claims {
	return hotsock.Claims{
		Scope:    hotsock.ScopeConnect,
		Expires:  time.Now().Add(time.Minute),
		Channels: feed("news"),
	}
}

// tenant is all of a customer's channels, and none of another's.
func tenant(id string) channels {
	return channels{
		"tenant." + id + ".*": {Subscribe: hotsock.Allow},
	}
}

// rooms are those with a number, of a tenant whose name may have any form.
func rooms(tenant string) channels {
	key := "#regex:^" + regexp.QuoteMeta(tenant) + `/room/[0-9]+$`
	return channels{
		key: {Subscribe: hotsock.Allow},
	}
}

// muted takes the chat away from whatever else permits it, and leaves the rest.
func muted(room string) channels {
	return channels{
		"presence.room." + room: {
			Messages: map[string]hotsock.MessageClaims{"chat": {Publish: hotsock.Deny, Broadcast: hotsock.Deny}},
		},
	}
}

// invite adds one channel to a connection that is open.
func invite(connectionID, channel string) hotsock.Claims {
	return hotsock.Claims{
		Scope:        hotsock.ScopeSubscribe,
		Expires:      time.Now().Add(time.Minute),
		ConnectionID: connectionID,
		SingleUse:    true,
		Channels: channels{
			channel: {
				Subscribe: hotsock.Allow,
				Messages:  map[string]hotsock.MessageClaims{"chat": {Publish: hotsock.Allow}},
			},
		},
	}
}

// rename changes what is shown of a user, on all subscriptions.
func rename(user, name string) (hotsock.Claims, error) {
	umd, err := json.Marshal(map[string]string{"name": name})
	return hotsock.Claims{
		Scope:        hotsock.ScopeUMD,
		Expires:      time.Now().Add(time.Minute),
		UID:          user,
		UMD:          umd,
		UMDUpdate:    true,
		UMDPropagate: true,
	}, err
}
