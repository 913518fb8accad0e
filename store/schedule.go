package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
)

// A Scheduler publishes messages and writes storage entries at a later time:
// each accepted schedule takes effect exactly once, never before it is due by
// the store's clock, and soon after, as long as any node lives. Those of a
// channel take effect in the order in which they are due, also when they are
// late. Its effect and its removal happen together, so whoever cancels either
// wins or is told that there is nothing to cancel.
type Scheduler interface {
	// Start lets this node take part in firing. From then on, fired is called
	// for each schedule that this node fired, after it took effect, one at a
	// time. The returned function ends that and waits for what is under way;
	// calling it again does nothing.
	Start(ctx context.Context, n Node, fired func(Fired)) (stop func(), err error)
	// Add accepts a schedule and returns the group under which the scheduler
	// keeps it: 1 to 32 characters of A-Z, a-z, 0-9, - and _. One that is due
	// already fires at once. Adding an ID that is there already does nothing.
	// The error wraps ErrCapacity if MaxPending or MaxOfOwner is reached.
	Add(ctx context.Context, s Schedule) (group string, err error)
	// Cancel removes a schedule; it will not fire. The error wraps ErrNotFound
	// if it has fired, was cancelled or never existed.
	Cancel(ctx context.Context, group string, id ulid.ULID) error
	// Move changes when a schedule is due. Errors are those of Cancel.
	Move(ctx context.Context, group string, id ulid.ULID, due time.Time) error
	// Schedule returns a pending schedule. Errors are those of Cancel.
	Schedule(ctx context.Context, group string, id ulid.ULID) (*Schedule, error)
	// Schedules lists pending schedules by due time, to the millisecond or finer,
	// then by ID.
	Schedules(ctx context.Context, q ScheduleQuery) ([]*Schedule, error)
}

// A Schedule is something to be done later: either Publish or Set.
type Schedule struct {
	// ID is made by the caller, unique.
	ID ulid.ULID
	// Group is filled in by the scheduler.
	Group string
	Due   time.Time
	// Connection and UID of the client that made it; both "" for the server.
	Connection string
	UID        string

	Publish *PublishRequest
	// Set's Keep counts from when it is carried out, as Publish's does.
	Set *SetRequest

	// Emit and Origin are for core's events, opaque to the scheduler.
	Emit   bool
	Origin []byte

	// MaxPending, if not 0, makes Add fail with ErrCapacity if so many
	// schedules of the channel, whoever made them, are pending already; and
	// MaxOfOwner if so many of them are this Owner's, unless that is "". They
	// are not kept.
	MaxPending, MaxOfOwner int
}

// Owner tells whose share of the channel's schedules it takes: its UID's, or its
// Connection's if it has none. It is "" for the server.
func (s *Schedule) Owner() string {
	switch {
	case s.UID != "":
		return "user " + s.UID
	case s.Connection != "":
		return "connection " + s.Connection
	}
	return ""
}

// Channel that the schedule concerns.
func (s *Schedule) Channel() string {
	if s.Publish != nil {
		return s.Publish.Channel
	}
	return s.Set.Channel
}

// Fired is a schedule that took effect, and its result.
type Fired struct {
	Schedule *Schedule
	Publish  PublishResult // if Schedule.Publish
	Set      SetResult     // if Schedule.Set
}

// A ScheduleQuery selects pending schedules.
type ScheduleQuery struct {
	// Channel, if not "", is the only one wanted.
	Channel string
	// AfterDue and AfterID are those of the last schedule of the page before;
	// zero for the first page.
	AfterDue time.Time
	AfterID  ulid.ULID
	// Limit is the length of the page, at least 1. Fewer schedules mean that
	// there are no more.
	Limit int
}
