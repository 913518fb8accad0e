package main

import (
	"time"

	"github.com/hotsock-go/hotsock"
)

// A desk is the app: its database, and the handler that makes it realtime.
type desk struct {
	db *database
	rt *hotsock.Handler
	// https says that pages come over HTTPS: then cookies never go without.
	https bool
}

// newDesk makes the app. What depends on where it runs is in the options, such as the
// store. The caller stops the handler, and closes the database after that.
func newDesk(db *database, o hotsock.Options) (*desk, error) {
	d := &desk{db: db}
	o.Authenticate = d.authenticate
	o.Hooks = hotsock.Hooks{
		BeforeConnect:    d.mayConnect,
		BeforeSubscribe:  d.maySubscribe,
		BeforePublish:    d.checkMessage,
		BeforeDelete:     d.checkDeletion,
		BeforeReact:      d.checkReaction,
		BeforeSetStorage: d.checkRating,
		Timeout:          3 * time.Second,
	}
	o.Events = hotsock.EventSinks(o.Events, hotsock.EventSinkFunc(d.onEvent))
	// Connections end with their sessions, this much later at most.
	o.MaxConnectionDuration = time.Hour
	o.PresenceGrace = 5 * time.Second // whoever loads the page again has not left
	o.ConnectionRateLimit = hotsock.RateLimit{PerSecond: 20, Burst: 100}
	var err error
	if d.rt, err = hotsock.New(o); err != nil {
		return nil, err
	}
	d.handle()
	return d, nil
}
