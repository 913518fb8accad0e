package main

import (
	"context"
	"time"

	"github.com/hotsock-go/hotsock"
)

// onEvent is told of every message on a ticket, after it was published. It tells those
// who have the ticket in a list, but not open. Should a notice get lost, the list of
// tickets still has all that it says.
func (d *desk) onEvent(ctx context.Context, e hotsock.Event) error {
	m, ok := e.Data.(hotsock.EventMessageData)
	if !ok || e.Type != hotsock.EventMessagePublished {
		return nil
	}
	id, ok := ticketOf(m.Channel)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	uid := ""
	if m.Meta != nil && m.Meta.UID != nil {
		uid = *m.Meta.UID
	}
	return d.announce(ctx, id, latestOf(m.ID, m.Data, uid))
}

// announce tells all who have the ticket in their list that it has changed, and of its
// newest message. That is nil after an erasure: then they have to look again.
func (d *desk) announce(ctx context.Context, id int64, last *latest) error {
	t, err := d.db.touch(ctx, id)
	if err != nil {
		return err
	}
	notice := struct {
		ticket
		Last *latest `json:"last"`
	}{t, last}
	_, err = d.rt.PublishBatch(ctx, []hotsock.Message{
		{Channel: staffChannel, Event: "ticket", Data: notice},
		{Channel: inboxChannel(t.Customer.UID), Event: "ticket", Data: notice},
	})
	return err
}
