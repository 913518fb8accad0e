package wire

import (
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// This file has what the golden frames tell of.

var (
	idA   = ulid.MustParse("01JA3HVNF6E89HDT1ABRFWJ8C8")
	idB   = ulid.MustParse("01JA3S05K6024HXRJN2Q9W0YMB")
	idC   = ulid.MustParse("01JA3S0BR0H7HD4CZ54KA99PAQ")
	idS   = ulid.MustParse("01K0WF560Z91WTKMSC892S799W")
	arnS  = ScheduleARN("default", idS)
	theme = []byte(`{"theme":"dark"}`)

	// Neither the zone nor the nanoseconds may show.
	expires = time.Date(2024, 10, 13, 21, 9, 23, 999_999_999, time.FixedZone("CEST", 2*3600))

	nobody = store.Meta{}
	jim    = store.Meta{UID: "Jim"}
	dwight = store.Meta{UID: "Dwight", UMD: []byte(`{"status":"available"}`)}
	writer = store.Meta{UID: "12345"}

	members = []store.Member{store.Member(jim), store.Member(dwight)}
	chat    = &store.Message{ID: idA, Event: "chat", Channel: "room.123", Data: []byte(`{"text":"Hi 👋"}`), Meta: &dwight}
	listed  = []*store.Message{
		{ID: idA, Event: "my-event", Channel: "my-channel", Data: []byte(`"Yup."`), Meta: &jim},
		{ID: idB, Event: "my-event", Channel: "my-channel"},
	}
	origins = []Origin{
		{Trigger: "client.websocket", ConnectionID: "JCnTZd_KoAMCF-A=", SourceIP: "192.0.2.1", UserAgent: "Mozilla/5.0"},
		{Trigger: "server.http", Scheduled: true, SourceIP: "192.0.2.7"},
	}
	reacted = []store.Reaction{
		{ID: idB, Message: idA, Reaction: "👍", UID: "Pam"},
		{Message: idA, Reaction: "🎉", UID: "Pam"},
		{Message: idA, Reaction: "👍", UID: "Dwight", UMD: []byte(`{"status":"available"}`)},
	}
	tallies = []store.Tally{
		{Counts: []store.ReactionCount{{Reaction: "👍", Count: 2}, {Reaction: "🎉", Count: 1}}, Reactions: reacted},
		{},
	}
	entries = []*store.Entry{
		{Channel: "mychannel", Key: "settings", Value: theme, Meta: writer},
		{Channel: "mychannel", Key: "status", Value: []byte(`"online"`), Meta: writer},
	}
)

var due = time.Date(2030, 7, 24, 13, 0, 0, 0, time.UTC)

var connections = []Connection{
	{
		ID: "JCnTZd_KoAMCF-A=", UID: "Jim", UMD: []byte(`{"name":"Jim Halpert"}`), ConnectedAt: time.Date(2030, 7, 24, 13, 0, 0, 0, time.UTC),
		SourceIP: "192.0.2.1", UserAgent: "Mozilla/5.0", Subscriptions: 2,
	},
	{ID: "KCnTZd_KoAMCF-A=", ConnectedAt: time.Date(2030, 7, 24, 13, 0, 0, 5e8, time.UTC)},
}

var channels = []ChannelSummary{{Name: "my-channel", Subscriptions: 2}, {Name: "presence.chat", Subscriptions: 4, Members: 3}}

var users = []UserConnections{{UID: "Jim", Connections: 2}, {UID: "Pam", Connections: 1}}

var schedules = []*store.Schedule{
	{
		ID: idS, Group: "default", Due: due, Connection: "JCnTZd_KoAMCF-A=", UID: "Jim",
		Publish: &store.PublishRequest{Channel: "room.123", Event: "chat", Data: []byte(`"Wake up!"`)},
	},
	{
		ID: ulid.MustParse("01K0WF560Z91WTKMSC892S799X"), Group: "default", Due: due.Add(500 * time.Millisecond),
		Set: &store.SetRequest{Channel: "mychannel", Key: "settings", Value: theme},
	},
}

var (
	encodedMembers = [][]byte{AppendMember(nil, members[0]), AppendMember(nil, members[1])}
	removedUIDs    = []string{"Jim"}
)

func appendAll(b []byte) []byte { return AppendMembers(b, members) }

func appendFirst(b []byte) []byte { return AppendMembers(b, members[:1]) }

func reactionNotice(id ulid.ULID, event string, remove bool) *store.Message {
	data := AppendReactionData(nil, Reaction{MessageID: idA, Reaction: "👍", Remove: remove})
	return &store.Message{ID: id, Event: event, Channel: "room.123", Data: data, Meta: &jim}
}
