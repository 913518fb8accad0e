package hotsock

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/at"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// permitSchedule reads a client's schedule expression and checks it against
// its "scheduleBefore".
func permitSchedule(s wire.Schedule, latest time.Time) (time.Time, error) {
	if err := permitDue(time.Time{}, latest); err != nil {
		return time.Time{}, err
	}
	due, err := parseSchedule(s)
	if err != nil {
		return time.Time{}, err
	}
	return due, permitDue(due, latest)
}

func parseSchedule(s wire.Schedule) (time.Time, error) {
	due, err := at.Parse(s.Expression, s.Timezone, time.Now())
	if err != nil {
		return time.Time{}, refuseBecause(CodeInvalidScheduleExpression, err.Error())
	}
	return due, nil
}

// schedule is the one path to the scheduler.
func (sw *storeWriter) schedule(ctx context.Context, who *source, s *store.Schedule) (out publishResult, err error) {
	if sw.observer.on() {
		o := &Operation{Name: "entry", Channel: s.Channel(), Scheduled: true}
		if s.Publish != nil {
			o.Name, o.Event = "message", s.Publish.Event
		} else {
			o.Event = s.Set.Key
		}
		ctx = sw.observer.beginPublish(ctx, who, o)
		if s.Publish != nil {
			s.Publish.Trace = o.Trace
		}
		defer func() { sw.observer.endPublish(ctx, o, out, err) }()
	}
	if err := validateDue(s.Due); err != nil {
		return publishResult{}, err
	}
	if p := s.Publish; p != nil && p.Retention != 0 {
		sw.keepOrigin(p, who, true)
	}
	s.ID = ulid.Make()
	s.Origin = sw.opts.origin(who)
	if s.Connection != "" {
		s.MaxPending = sw.opts.MaxSchedules
		s.MaxOfOwner = min(max(s.MaxPending/userShare, leastUserSchedules), s.MaxPending)
	}
	limited := newLazyTimeout(ctx, sw.opts.StoreTimeout)
	defer limited.end()
	group, err := sw.scheduler.Add(limited, *s)
	if errors.Is(err, store.ErrCapacity) {
		return publishResult{}, refuseBecause(CodeRateLimited, "too many schedules on this channel")
	}
	if err != nil {
		return publishResult{}, err
	}
	return publishResult{arn: wire.ScheduleARN(group, s.ID)}, nil
}

// fired is called by the scheduler for what this node carried out.
func (sw *storeWriter) fired(f store.Fired) {
	sw.counts.fired.Add(1)
	s := f.Schedule
	if !s.Emit {
		return
	}
	who := sourceOf(s.Origin)
	if s.Publish != nil {
		if !f.Publish.Duplicate {
			sw.events.messagePublished(&who, s.Publish, f.Publish.ID)
		}
		return
	}
	if f.Set.Changed {
		sw.events.storageUpdated(&who, s.Set.Channel, s.Set.Key, s.Set.Meta, &f.Set)
	}
}

// isOwn reports whether a schedule was made by that connection or that user, "" for
// nobody. Others are none of a client's business.
func isOwn(s *store.Schedule, connection, uid string) bool {
	return s.Connection == connection || s.UID != "" && s.UID == uid
}

// ownSchedules returns a page of a client's own schedules, which follow a place in the
// order of the channel's, and the cursor of the next page, "" for none. It looks through
// a bounded number, so a page may be short, and even empty.
func (sw *storeWriter) ownSchedules(ctx context.Context, connection, uid string, r store.SchedulesRequest) (own []*store.Schedule, next string, err error) {
	r.Limit = wire.MaxPage
	for seen := 0; seen < maxScheduleScan; {
		limited := newLazyTimeout(ctx, sw.opts.StoreTimeout)
		page, err := sw.scheduler.Schedules(limited, r)
		limited.end()
		if err != nil {
			return nil, "", err
		}
		for _, s := range page.Schedules {
			if isOwn(s, connection, uid) {
				if own = append(own, s); len(own) == wire.MaxPage {
					return own, wire.ScheduleCursor(s.Due, s.ID), nil
				}
			}
			r.AfterDue, r.AfterID = s.Due, s.ID
			seen++
		}
		if !page.More {
			return own, "", nil
		}
	}
	return own, wire.ScheduleCursor(r.AfterDue, r.AfterID), nil
}

// clientCancel cancels a client's own schedule. Others are not found.
func (sw *storeWriter) clientCancel(ctx context.Context, connection, uid, group string, id ulid.ULID) error {
	limited := newLazyTimeout(ctx, sw.opts.StoreTimeout)
	defer limited.end()
	s, err := sw.scheduler.Schedule(limited, group, id)
	if err == nil && !isOwn(s, connection, uid) {
		err = store.ErrNotFound
	}
	if err == nil {
		err = sw.scheduler.Cancel(limited, group, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return refuse(CodeScheduleNotFound)
	}
	return err
}
