// Package wire reads what clients send and writes what they are sent: the
// frames of the WebSocket, the bodies and answers of the HTTP APIs, and the
// ids and JSON values in them.
//
// It knows the syntax and nothing else: who may do what, and what it does, is
// decided elsewhere. All input is taken to be hostile. Decoding is strict
// JSON as RFC 7493 has it: members with equal names, invalid UTF-8 and lone
// surrogates are errors, names are matched by case, and nesting is bounded.
// Unknown members are ignored.
//
// Functions named Append… append exactly one JSON text to a buffer and return
// the longer buffer, as the built-in append does. They allocate nothing but
// the room that the buffer lacks. Every function may be called concurrently.
package wire

// MaxRef is the longest reference that a command may carry, in characters.
const MaxRef = 64

// Commands that a client sends. Any other event without [protocol.EventPrefix] is
// published.
const (
	EventSubscribe         = "hotsock.subscribe"
	EventUnsubscribe       = "hotsock.unsubscribe"
	EventChannelStorageSet = "hotsock.channelStorageSet"
	EventChannelStorageGet = "hotsock.channelStorageGet"
	EventChannelStorageAdd = "hotsock.channelStorageAdd"
	EventMessageReaction   = "hotsock.messageReaction"
	EventMessageUpdate     = "hotsock.messageUpdate"
	EventMessageDelete     = "hotsock.messageDelete"
	EventStreamStop        = "hotsock.streamStop"
	EventUMDUpdate         = "hotsock.umdUpdate"
	EventCall              = "hotsock.call"
	EventRefresh           = "hotsock.refresh"
	EventPing              = "hotsock.ping"
	EventHeartbeat         = "hotsock.heartbeat"
	EventPong              = "hotsock.pong"
)

// EventMessageAppend is one that the server API publishes, and no client.
const EventMessageAppend = "hotsock.messageAppend"

// Messages of the protocol that are published to a channel's subscribers.
const (
	EventMessageReactionAdded   = "hotsock.messageReactionAdded"
	EventMessageReactionRemoved = "hotsock.messageReactionRemoved"
	EventMessageUpdated         = "hotsock.messageUpdated"
	EventMessageAppended        = "hotsock.messageAppended"
	EventMessageDeleted         = "hotsock.messageDeleted"
	EventChannelErased          = "hotsock.channelErased"
)
