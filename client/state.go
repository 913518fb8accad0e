package client

import "time"

// A Status is what a client is doing about its connection.
type Status int

// The values of a Status.
const (
	Connecting Status = iota // an attempt is under way
	Connected                // there is a connection
	Waiting                  // there is none, and the next attempt comes after a delay
	Closed                   // there will be no more
)

func (s Status) String() string {
	switch s {
	case Connecting:
		return "connecting"
	case Connected:
		return "connected"
	case Waiting:
		return "waiting"
	default:
		return "closed"
	}
}

// A State is told to [Options.OnState].
type State struct {
	Status Status
	// ConnectionID is set when Connected.
	ConnectionID string
	// Feed is set when Connected, if it is without a WebSocket, and when Waiting, if the
	// next attempt is to be made without one: see [Options.URL].
	Feed bool
	// Err is set when Waiting: why the connection ended or could not be made. It
	// is an [*Error] if the server refused the connection, and its text has the
	// server's reason if the server ended it. When Closed, it is what all methods
	// return from now on.
	Err error
	// Delay is set when Waiting: the time until the next attempt.
	Delay time.Duration
}
