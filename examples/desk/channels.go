package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock"
)

// The channels of the desk. Beside these, each ticket has one, and each person.
const (
	// staffChannel has all who answer: each sees the others, and is told of every
	// ticket that has changed.
	staffChannel = "presence.staff"
	// lobbyChannel has the customers. How many there are is all that anybody learns.
	lobbyChannel = "lobby"

	ticketPrefix = "presence.ticket."
)

// keepMessages is how long the messages of a ticket are kept.
const keepMessages = 90 * 24 * time.Hour

// inboxChannel is where somebody is told of their own tickets, whichever is open.
func inboxChannel(uid string) string { return "inbox." + uid }

func ticketChannel(id int64) string { return ticketPrefix + strconv.FormatInt(id, 10) }

// ticketOf returns the ticket that has the channel. Only one name leads to a ticket:
// presence.ticket.007 is no other name of the seventh.
func ticketOf(channel string) (id int64, ok bool) {
	digits, ok := strings.CutPrefix(channel, ticketPrefix)
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, err == nil && ticketChannel(id) == channel
}

// ticketClaims are what a customer may do on the channel of their ticket.
func ticketClaims() *hotsock.ChannelClaims {
	return &hotsock.ChannelClaims{
		Subscribe:    hotsock.Allow,
		HistoryStart: time.Unix(0, 0),
		Messages: map[string]hotsock.MessageClaims{
			"chat": {
				Publish: hotsock.Allow, Echo: hotsock.Allow, Store: keepMessages, Delete: hotsock.Own,
				EmitPubSubEvent: hotsock.Allow, Reactions: []string{"👍", "❤️", "🎉"},
			},
			"typing": {Publish: hotsock.Allow},
		},
		Storage: map[string]hotsock.StorageClaims{ratingKey: {Observe: hotsock.Allow, Set: hotsock.Allow}},
		Calls: map[string]hotsock.Permission{
			"ticket.seen": hotsock.Allow, "ticket.close": hotsock.Allow, "ticket.reopen": hotsock.Allow,
		},
	}
}

// staffTicketClaims are what an agent may do there.
func staffTicketClaims() *hotsock.ChannelClaims {
	c := ticketClaims()
	chat := c.Messages["chat"]
	chat.Delete = hotsock.Allow
	c.Messages["chat"] = chat
	c.Storage[ratingKey] = hotsock.StorageClaims{Observe: hotsock.Allow}
	c.Calls["ticket.assign"] = hotsock.Allow
	return c
}
