package hotsock

// The types of events, as [Event].Type has them. docs/protocol.md#15-backend-events
// says when each is raised.
const (
	EventConnected         = "hotsock.connected"
	EventConnectionUpdated = "hotsock.connectionUpdated"
	EventDisconnected      = "hotsock.disconnected"

	EventSubscribed     = "hotsock.subscribed"
	EventUnsubscribed   = "hotsock.unsubscribed"
	EventChannelUpdated = "hotsock.channelUpdated"

	EventChannelOccupied = "hotsock.channelOccupied"
	EventChannelVacated  = "hotsock.channelVacated"

	EventMemberAdded   = "hotsock.memberAdded"
	EventMemberUpdated = "hotsock.memberUpdated"
	EventMemberRemoved = "hotsock.memberRemoved"

	EventMessagePublished       = "hotsock.messagePublished"
	EventMessageUpdated         = "hotsock.messageUpdated"
	EventMessageDeleted         = "hotsock.messageDeleted"
	EventMessageReactionAdded   = "hotsock.messageReactionAdded"
	EventMessageReactionRemoved = "hotsock.messageReactionRemoved"

	EventChannelStorageUpdated = "hotsock.channelStorageUpdated"
)

// The values of [Event].DataType. Only [Event.UnmarshalJSON] needs them: whoever
// has an Event knows its data by the Go type of Data.
const (
	eventDataConnection   = "connection"
	eventDataSubscription = "subscription"
	eventDataChannel      = "channel"
	eventDataMessage      = "message"
	eventDataEdit         = "messageEdit"
	eventDataStorage      = "channelStorage"
	eventDataReaction     = "messageReaction"
	eventDataMember       = "channelMember"
)
