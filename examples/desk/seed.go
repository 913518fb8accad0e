package main

import (
	"context"
	"strconv"

	"golang.org/x/crypto/bcrypt"

	"github.com/hotsock-go/hotsock"
)

// demoPassword is that of all who are in the demo data.
const demoPassword = "demo"

var demoPeople = []struct {
	person
	email string
}{
	{person{UID: "mia", Name: "Mia Chen", Role: customer}, "mia@example.com"},
	{person{UID: "noah", Name: "Noah Becker", Role: customer}, "noah@example.com"},
	{person{UID: "zoe", Name: "Zoe Adeyemi", Role: customer}, "zoe@example.com"},
	{person{UID: "ada", Name: "Ada Lindgren", Role: agent}, "ada@example.com"},
	{person{UID: "ben", Name: "Ben Okafor", Role: agent}, "ben@example.com"},
	{person{UID: "lea", Name: "Lea Martin", Role: lead}, "lea@example.com"},
}

// The lines of a demo ticket are in turn the customer's and the agent's.
var demoTickets = []struct {
	customer, agent, subject string
	closed                   bool
	lines                    []string
}{
	{"zoe", "ben", "Change the address of my order", true, []string{
		"Hi! I moved last week. Can order 4417 go to my new place?",
		"Of course. What is the new address?",
		"12 Harbour Lane, second floor.",
		"Done. It leaves tomorrow morning, and the tracking link stays the same.",
	}},
	{"noah", "ada", "The invoice has the wrong company name", false, []string{
		"The invoice for October says Becker Ltd. We are Becker & Sons Ltd since June.",
		"Thank you, I can correct that. Do you need the earlier ones, too?",
		"July to September, please, if it is not too much trouble.",
	}},
	{"zoe", "", "Two parcels, one kettle", false, []string{
		"I got two parcels today, but there was only one kettle on the receipt. Should I send one back?",
	}},
	{"mia", "ada", "The lamp flickers", false, []string{
		"The desk lamp that came on Monday flickers when I dim it below a third.",
		"I am sorry to hear that. Is it plugged into a dimmer on the wall, by any chance?",
		"No, straight into the socket. I use the wheel on the lamp.",
	}},
}

// seed fills an empty database with people and tickets to try the desk with.
func (d *desk) seed(ctx context.Context) error {
	// One hash for all is good enough for a password that everybody knows.
	hash, err := bcrypt.GenerateFromPassword([]byte(demoPassword), bcrypt.DefaultCost)
	if err != nil {
		return err
	}
	if added, err := d.db.addPeople(ctx, hash); err != nil || !added {
		return err
	}
	for i, t := range demoTickets {
		id, err := d.db.openTicket(ctx, t.customer, t.subject, "demo "+strconv.Itoa(i))
		if err != nil {
			return err
		}
		if t.agent != "" {
			if err := d.db.assign(ctx, id, t.agent); err != nil {
				return err
			}
		}
		for n, line := range t.lines {
			uid := []string{t.customer, t.agent}[n%2]
			p, err := d.db.person(ctx, uid)
			if err != nil {
				return err
			}
			sent, err := d.rt.Publish(ctx, hotsock.Message{
				Channel: ticketChannel(id), Event: "chat", Data: message{Text: line},
				From: &hotsock.Member{UID: uid, UMD: p.metadata()}, Store: keepMessages,
			})
			if err == nil {
				err = d.db.see(ctx, uid, id, sent.ID)
			}
			if err != nil {
				return err
			}
		}
		if t.closed {
			if err := d.db.setClosed(ctx, id, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// addPeople adds the demo people with this hash of a password, if there is nobody. It
// reports whether it has: of two nodes that start, one adds them.
func (db *database) addPeople(ctx context.Context, hash []byte) (added bool, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // nothing, once it is committed
	var people int
	if err := tx.QueryRowContext(ctx, `select count(*) from people`).Scan(&people); err != nil || people > 0 {
		return false, err
	}
	for _, p := range demoPeople {
		if _, err := tx.ExecContext(ctx, `insert into people (uid, name, email, role, password) values (?, ?, ?, ?, ?)`,
			p.UID, p.Name, p.email, p.Role, hash); err != nil {
			return false, err
		}
	}
	return true, tx.Commit()
}
