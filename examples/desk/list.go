package main

import (
	"context"
	"encoding/json"

	"github.com/hotsock-go/hotsock"
)

// A listed ticket has what a list of conversations shows.
type listed struct {
	ticket
	// Last is the newest message, nil if none is kept any more.
	Last *latest `json:"last"`
	// Unread is how many messages the person has not seen.
	Unread int `json:"unread"`
	// Online says whether the customer is connected.
	Online bool `json:"online"`
}

// A latest message is the newest of a ticket.
type latest struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	// UID is who wrote it, "" for the desk.
	UID string `json:"uid"`
}

func latestOf(id string, data json.RawMessage, uid string) *latest {
	var m message
	_ = json.Unmarshal(data, &m) // the desk has checked it
	return &latest{ID: id, Text: m.Text, UID: uid}
}

// callList returns the tickets of a customer, or all for an agent. However many there
// are, the newest messages of all are one call, which takes a few round trips to a Redis, and
// so are the counts.
func (d *desk) callList(ctx context.Context, c hotsock.Call, _ nothing) ([]listed, error) {
	p, err := d.active(ctx, c.UID)
	if err != nil {
		return nil, err
	}
	whose := p.UID
	if p.Role.staff() {
		whose = ""
	}
	tickets, err := d.db.tickets(ctx, whose)
	if err != nil {
		return nil, d.refuse(ctx, err, nil)
	}
	seen, err := d.db.seen(ctx, p.UID)
	if err != nil {
		return nil, d.refuse(ctx, err, nil)
	}
	var channels, customers []string
	after := make(map[string]string)
	for _, t := range tickets {
		channels = append(channels, ticketChannel(t.ID))
		customers = append(customers, t.Customer.UID)
		after[ticketChannel(t.ID)] = seen[t.ID]
	}
	last, err := d.rt.Latest(ctx, channels...)
	if err != nil {
		return nil, err
	}
	unread, err := d.rt.CountSince(ctx, after)
	if err != nil {
		return nil, err
	}
	online, err := d.rt.Online(ctx, customers...)
	if err != nil {
		return nil, err
	}
	list := make([]listed, len(tickets))
	for i, t := range tickets {
		list[i] = listed{ticket: t, Unread: unread[channels[i]], Online: online[t.Customer.UID] > 0}
		if m, ok := last[channels[i]]; ok {
			uid := ""
			if m.By != nil {
				uid = m.By.UID
			}
			list[i].Last = latestOf(m.ID, m.Data, uid)
		}
	}
	return list, nil
}
