package wire

import (
	"maps"

	"github.com/hotsock-go/hotsock/store"
)

// encodedMessages are the answers that servers get about stored messages.
var encodedMessages = map[string]func(b []byte) []byte{
	"answer-messages": func(b []byte) []byte {
		return AppendMessagePage(b, MessagePage{Messages: listed, Tallies: tallies, Origins: origins, MaxBytes: 1 << 20, Cursors: true})
	},
	"answer-messages-next": func(b []byte) []byte {
		return AppendMessagePage(b, MessagePage{Messages: listed, Tallies: make([]store.Tally, 2), Origins: []Origin{{Trigger: "server.go"}, {}}, MaxBytes: 350, Cursors: true})
	},
	"answer-latest": func(b []byte) []byte {
		return AppendLatest(b, Latest{Messages: listed[:1], Origins: origins})
	},
	"answer-latest-rest": func(b []byte) []byte {
		return AppendLatest(b, Latest{Messages: listed[:1], Origins: origins, Rest: []string{"room.123", "empty"}})
	},
	"answer-count": func(b []byte) []byte {
		return AppendCounts(b, []AfterMessage{{"my-channel", idA}, {Channel: "room.123"}}, map[string]int{"my-channel": 3})
	},
}

func allEncoded() map[string]func(b []byte) []byte {
	all := maps.Clone(encoded)
	maps.Copy(all, encodedMessages)
	return all
}
