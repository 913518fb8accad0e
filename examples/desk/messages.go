package main

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock"
)

// A message is the data of what is written on a ticket.
type message struct {
	Text string `json:"text"`
}

const maxText = 2000 // characters

// checkText returns the text without space around it.
func checkText(name, text string, most int) (string, error) {
	text = strings.TrimSpace(text)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "", invalid(name + " is empty")
	case n > most:
		return "", invalid(name + " is too long")
	}
	return text, nil
}

func invalid(message string) *hotsock.Error {
	return &hotsock.Error{Code: hotsock.CodeInvalidRequest, Message: message}
}

// checkMessage decides on what somebody writes, and changes it: numbers of payment
// cards are not for a support desk.
func (d *desk) checkMessage(ctx context.Context, who hotsock.Requester, p *hotsock.PublishRequest) error {
	t, err := d.writable(ctx, who, p.Channel)
	if err != nil {
		return err
	}
	if p.Event == "typing" {
		p.Data = nil // nobody has to read what is not checked
		return nil
	}
	var m message
	if err := json.Unmarshal(p.Data, &m); err != nil {
		return invalid("A message has a text.")
	}
	if m.Text, err = checkText("The message", m.Text, maxText); err != nil {
		return err
	}
	if taken, err := d.runCommand(ctx, who, t, m.Text); taken || err != nil {
		p.TakenOver = taken
		return err
	}
	p.Data, err = json.Marshal(message{maskCards(m.Text)})
	return err
}

// checkReaction lets nobody react on a closed ticket.
func (d *desk) checkReaction(ctx context.Context, who hotsock.Requester, r hotsock.ReactRequest) error {
	_, err := d.writable(ctx, who, r.Channel)
	return err
}

// writable returns the open ticket on which somebody wants to write.
func (d *desk) writable(ctx context.Context, who hotsock.Requester, channel string) (ticket, error) {
	id, _ := ticketOf(channel)
	p, err := d.active(ctx, who.UID)
	if err != nil {
		return ticket{}, err
	}
	t, err := d.ticketFor(ctx, p, id)
	if err == nil && t.Closed {
		err = errClosed
	}
	return t, err
}

// runCommand carries out what an agent wrote as a command. The handler tells the page
// that the message was accepted, and publishes nothing.
func (d *desk) runCommand(ctx context.Context, who hotsock.Requester, t ticket, text string) (taken bool, err error) {
	if text != "/close" && text != "/take" {
		return false, nil
	}
	p, err := d.active(ctx, who.UID)
	switch {
	case err != nil || !p.Role.staff():
		return false, err
	case text == "/close":
		return true, d.setClosed(ctx, p, t.ID, true)
	default:
		return true, d.assign(ctx, p, t.ID, p.UID)
	}
}
