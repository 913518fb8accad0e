package hotsock

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// begin fixes up to where the channel is erased. What is scheduled is canceled before: so
// what takes effect meanwhile is erased, too.
func (er *eraser) begin(ctx context.Context, e *erasure) error {
	n, err := er.cancelSchedules(ctx, e)
	e.Erased += n
	if err != nil {
		return err
	}
	q := store.EraseRequest{Channel: e.Channel, ReplayOnly: e.Target != ErasedChannel, Limit: eraseStep}
	if e.Target == ErasedChannel {
		q.Notice = &store.PublishRequest{Channel: e.Channel, Event: wire.EventChannelErased}
	}
	res, err := er.eraseStep(ctx, q)
	if err != nil {
		return err
	}
	e.Until = res.Until
	e.Erased += res.Freed
	return nil
}

func (er *eraser) eraseStep(ctx context.Context, q store.EraseRequest) (store.EraseResult, error) {
	limited := newLazyTimeout(ctx, er.h.opts.StoreTimeout)
	defer limited.end()
	return er.h.node.Erase(limited, q)
}

// schedules reports whether an erasure includes a schedule.
func (e *erasure) schedules(s *store.Schedule) bool {
	switch e.Target {
	case ErasedChannel:
		return true
	case ErasedUser:
		return s.UID == e.UID || s.Publish != nil && s.Publish.Meta != nil && s.Publish.Meta.UID == e.UID
	}
	return s.Set != nil && strings.HasPrefix(s.Set.Key, e.Prefix)
}

// cancelSchedules goes once through what is pending.
func (er *eraser) cancelSchedules(ctx context.Context, e *erasure) (canceled int, err error) {
	q := store.SchedulesRequest{Channel: e.Channel, Limit: wire.MaxPage}
	for {
		limited := newLazyTimeout(ctx, er.h.opts.StoreTimeout)
		page, err := er.h.opts.Scheduler.Schedules(limited, q)
		limited.end()
		if err != nil {
			return canceled, err
		}
		n, err := er.each(ctx, len(page.Schedules), func(ctx context.Context, i int) (bool, error) {
			s := page.Schedules[i]
			if !e.schedules(s) {
				return false, nil
			}
			return true, er.h.opts.Scheduler.Cancel(ctx, s.Group, s.ID)
		})
		if canceled += n; err != nil || !page.More {
			return canceled, err
		}
		last := page.Schedules[len(page.Schedules)-1]
		q.AfterDue, q.AfterID = last.Due, last.ID
	}
}

// each calls f for n things, some at a time, and counts for how many it returned true.
// What is not there any more is no error.
func (er *eraser) each(ctx context.Context, n int, f func(ctx context.Context, i int) (bool, error)) (int, error) {
	var count atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(eraseAtOnce)
	for i := range n {
		g.Go(func() error {
			limited := newLazyTimeout(ctx, er.h.opts.StoreTimeout)
			defer limited.end()
			counts, err := f(limited, i)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			if counts && err == nil {
				count.Add(1)
			}
			return err
		})
	}
	err := g.Wait()
	return int(count.Load()), err
}

// step erases a bounded part, and returns true if nothing is left.
func (er *eraser) step(ctx context.Context, e *erasure) (done bool, err error) {
	switch {
	case e.Target == ErasedUser:
		return er.eraseMessages(ctx, e)
	case e.Target == ErasedChannel && e.After == "":
		res, err := er.eraseStep(ctx, store.EraseRequest{Channel: e.Channel, Until: e.Until, Limit: eraseStep})
		e.Erased += res.Freed
		if err != nil || res.More {
			return false, err
		}
	}
	return er.eraseEntries(ctx, e)
}

// eraseEntries clears the next entries that nobody has written since.
func (er *eraser) eraseEntries(ctx context.Context, e *erasure) (done bool, err error) {
	limited := newLazyTimeout(ctx, er.h.opts.StoreTimeout)
	page, err := er.h.node.Keys(limited, store.KeysRequest{Channel: e.Channel, Prefix: e.Prefix, After: e.After, Limit: eraseStep})
	limited.end()
	if err != nil {
		return false, err
	}
	for keys := page.Keys; len(keys) > 0; {
		entries, err := er.h.reads.readEntries(ctx, store.EntriesRequest{Channel: e.Channel, Keys: keys, MaxBytes: entryPage})
		if err != nil {
			return false, err
		}
		n, err := er.each(ctx, len(entries.Entries), func(ctx context.Context, i int) (bool, error) {
			return er.clearEntry(ctx, e, entries.Entries[i])
		})
		if e.Erased += n; err != nil {
			return false, err
		}
		keys = entries.Rest
	}
	if len(page.Keys) == 0 {
		return true, nil
	}
	e.After = page.Keys[len(page.Keys)-1]
	return !page.More, nil
}

// clearEntry clears an entry, unless it is written again meanwhile.
func (er *eraser) clearEntry(ctx context.Context, e *erasure, entry *store.Entry) (bool, error) {
	if entry.ID.Compare(e.Until) > 0 {
		return false, nil
	}
	q := setRequest(e.Channel, entry.Key, nil)
	q.IfID = &entry.ID
	res, err := er.h.node.Set(ctx, *q)
	return res.Changed, err
}

// eraseMessages looks through the next messages for the user's, and for the user's
// reactions to the others.
func (er *eraser) eraseMessages(ctx context.Context, e *erasure) (done bool, err error) {
	q := store.HistoryRequest{Channel: e.Channel, Limit: eraseStep, MaxBytes: replayPage}
	q.After, _ = ulid.ParseStrict(e.After) // zero for none
	_, q.Before = neighbors(e.Until)
	page, err := er.h.reads.readHistory(ctx, q)
	if err != nil || len(page.Messages) == 0 {
		return err == nil, err
	}
	var own, others []ulid.ULID
	for _, m := range page.Messages {
		if m.Meta != nil && m.Meta.UID == e.UID {
			own = append(own, m.ID)
		} else {
			others = append(others, m.ID)
		}
	}
	n, err := er.each(ctx, len(own), func(ctx context.Context, i int) (bool, error) {
		return true, er.deleteMessage(ctx, e.Channel, own[i])
	})
	if e.Erased += n; err != nil {
		return false, err
	}
	if err := er.eraseReactions(ctx, e, others); err != nil {
		return false, err
	}
	e.After = page.Messages[len(page.Messages)-1].ID.String()
	return !page.More, nil
}

func (er *eraser) deleteMessage(ctx context.Context, channel string, id ulid.ULID) error {
	_, err := er.h.node.Edit(ctx, store.EditRequest{
		Channel: channel, Message: id, Delete: true,
		Notice: store.PublishRequest{Channel: channel, Event: wire.EventMessageDeleted, Data: wire.AppendMessageID(nil, id)},
	})
	return err
}

// eraseReactions removes the user's reactions to messages.
func (er *eraser) eraseReactions(ctx context.Context, e *erasure, messages []ulid.ULID) error {
	for len(messages) > 0 {
		tallies, err := er.h.reads.readTallies(ctx, store.TalliesRequest{
			Channel: e.Channel, Messages: messages, First: 1, UID: e.UID, MaxBytes: maxPageSize,
		})
		if err != nil {
			return err
		}
		var own []store.Reaction
		for _, t := range tallies {
			for _, re := range t.Reactions {
				if re.UID == e.UID {
					own = append(own, re)
				}
			}
		}
		n, err := er.each(ctx, len(own), func(ctx context.Context, i int) (bool, error) {
			return er.removeReaction(ctx, e.Channel, own[i])
		})
		if e.Erased += n; err != nil {
			return err
		}
		messages = messages[len(tallies):]
	}
	return nil
}

func (er *eraser) removeReaction(ctx context.Context, channel string, re store.Reaction) (bool, error) {
	in := wire.Reaction{MessageID: re.Message, Reaction: re.Reaction, Remove: true}
	res, err := er.h.node.React(ctx, store.ReactRequest{
		Channel: channel, Remove: true,
		Reaction: store.Reaction{Message: re.Message, Reaction: re.Reaction, UID: re.UID},
		Notice: store.PublishRequest{
			Channel: channel, Event: wire.EventMessageReactionRemoved, Data: wire.AppendReactionData(nil, in), Meta: &store.Meta{UID: re.UID},
		},
	})
	return res.Changed, err
}
