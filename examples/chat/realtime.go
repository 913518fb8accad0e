package main

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	"github.com/hotsock-go/hotsock"
)

const (
	keepMessages = 24 * time.Hour
	// maxReminder is how far ahead a reminder can be set.
	maxReminder = 60 * 24 * time.Hour
	// tokenLife is short: the page asks for a new token whenever it needs one.
	tokenLife = time.Minute
	// heartbeatTimeout is long enough for a hidden tab, whose timers browsers
	// let run once a minute.
	heartbeatTimeout = 150 * time.Second
)

// newRealtime makes the realtime handler, and the key that signs tokens for it.
// Each start makes a new key: after a restart, pages get new tokens.
func newRealtime() (*hotsock.Handler, hotsock.SigningKey, error) {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: make([]byte, 32)}
	rand.Read(key.Secret)
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	return rt, key, err
}

// roomChannel is the channel of a room. It is a presence channel, so that
// everyone sees who is there.
func roomChannel(room string) string { return "presence.room." + room }

// inboxChannel is the private channel of a user. Names may have characters that
// channel names must not have.
func inboxChannel(name string) string {
	return "inbox." + base64.RawURLEncoding.EncodeToString([]byte(name))
}

// claims say what somebody may do in a room. The same token opens the
// connection and, on an open one, adds a room to it.
func claims(name, room string, now time.Time) hotsock.Claims {
	reminder := hotsock.MessageClaims{
		Publish:        hotsock.Allow,
		ScheduleBefore: now.Add(maxReminder),
		Store:          keepMessages,
		Echo:           hotsock.Allow, // it comes back to the one who set it, too
		React:          hotsock.Allow,
	}
	shared := hotsock.StorageClaims{Get: hotsock.Allow, Set: hotsock.Allow, Observe: hotsock.Allow}
	return hotsock.Claims{
		Scope:            hotsock.ScopeConnect | hotsock.ScopeSubscribe,
		Expires:          now.Add(tokenLife),
		UID:              name,
		HeartbeatTimeout: heartbeatTimeout,
		Channels: map[string]hotsock.ChannelClaims{
			roomChannel(room): {
				Subscribe:    hotsock.Allow,
				HistoryStart: time.Unix(0, 0),
				Messages: map[string]hotsock.MessageClaims{
					"chat": {
						Publish: hotsock.Allow, Store: keepMessages, React: hotsock.Allow,
						Update: hotsock.Own, Delete: hotsock.Own,
					},
					"typing":   {Publish: hotsock.Allow},
					"reminder": reminder,
				},
				Storage: map[string]hotsock.StorageClaims{"settings": shared, "notes": shared},
			},
			inboxChannel(name): {
				Subscribe:    hotsock.Allow,
				HistoryStart: time.Unix(0, 0),
				Messages:     map[string]hotsock.MessageClaims{"reminder": reminder},
			},
		},
	}
}
