package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
)

// A Scheduler publishes messages and writes storage entries at a later time. Each
// schedule takes effect exactly once: never before it is due by the store's clock, and
// soon after, as long as any node is alive. The schedules of a channel take effect in
// the order in which they are due, even when they are late. A schedule takes effect
// and is removed in one step, so a cancellation either prevents it or is told that
// there is nothing to cancel.
type Scheduler interface {
	// Start lets this node take part in firing schedules. From then on, fired
	// is called for each schedule that this node has fired, one at a time and
	// after it took effect. The function returned ends that and waits for calls
	// under way; calling it again does nothing.
	Start(ctx context.Context, n Node, fired func(Fired)) (stop func(), err error)
	// Add accepts a schedule and returns the group in which the scheduler keeps
	// it: 1 to 32 characters of A-Z, a-z, 0-9, - and _. A schedule that is due
	// already fires at once. Adding an ID that is pending does nothing. The
	// error wraps ErrCapacity if there is no room for the schedule.
	Add(ctx context.Context, s Schedule) (group string, err error)
	// Cancel removes a schedule, which then never fires. The error wraps
	// ErrNotFound if it has fired, was canceled or never existed.
	Cancel(ctx context.Context, group string, id ulid.ULID) error
	// Move changes when a schedule is due. Its errors are those of Cancel.
	Move(ctx context.Context, group string, id ulid.ULID, due time.Time) error
	// Schedule returns a pending schedule. Its errors are those of Cancel.
	Schedule(ctx context.Context, group string, id ulid.ULID) (*Schedule, error)
	// Schedules returns a page of the pending schedules, ordered by when they
	// are due, in milliseconds or finer, and then by ID.
	Schedules(ctx context.Context, s SchedulesRequest) (SchedulesResult, error)
}

// A Schedule is something to be done later. Exactly one of Publish and Set is set.
type Schedule struct {
	// ID is made by the caller and unique.
	ID ulid.ULID
	// Group is filled in by the scheduler.
	Group string
	Due   time.Time
	// Connection and UID are those of the client that made it, both "" for the
	// server.
	Connection string
	UID        string

	// The retention of a Publish or Set counts from when it takes effect.
	Publish *PublishRequest
	Set     *SetRequest

	// Emit and Origin are for core's events. They are opaque to the scheduler.
	Emit   bool
	Origin []byte

	// MaxPending bounds the pending schedules of the channel, and MaxOfOwner
	// those of them that this schedule's Owner has, unless that is "". They
	// count for Add only and are not kept; 0 is no bound.
	MaxPending, MaxOfOwner int
}

// Owner is who the schedule counts for: the user, or the connection of a client that
// has none. It is "" for the server.
func (s *Schedule) Owner() string {
	switch {
	case s.UID != "":
		return "user " + s.UID
	case s.Connection != "":
		return "connection " + s.Connection
	}
	return ""
}

// Channel is the channel that the schedule is for.
func (s *Schedule) Channel() string {
	if s.Publish != nil {
		return s.Publish.Channel
	}
	return s.Set.Channel
}

// Fired is a schedule that took effect, and the outcome.
type Fired struct {
	Schedule *Schedule
	Publish  PublishResult // if Schedule.Publish is set
	Set      SetResult     // if Schedule.Set is set
}

// A SchedulesRequest selects a page of the pending schedules.
type SchedulesRequest struct {
	// Channel is the only one wanted, "" for all.
	Channel string
	// AfterDue and AfterID are those of the last schedule of the previous page,
	// zero for the first page.
	AfterDue time.Time
	AfterID  ulid.ULID
	// Limit bounds the page.
	Limit int
}

// A SchedulesResult is a page of the pending schedules.
type SchedulesResult struct {
	Schedules []*Schedule
	More      bool
}
