package hotsock

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

func (c *caller) publishMessage(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodePublishMessage(body, c.h.opts.MaxDataSize)
	if err != nil {
		return nil, err
	}
	if c.accessErr != nil {
		return nil, c.accessErr
	}
	switch in.Event {
	case wire.EventMessageReaction:
		return c.react(ctx, &in)
	case wire.EventMessageUpdate, wire.EventMessageDelete:
		return c.edit(ctx, &in)
	case wire.EventStreamStop:
		return c.stopStream(ctx, &in)
	}
	out, err := c.h.writes.clientPublish(ctx, &c.who, c.access, publishInput{
		Event: in.Event, Data: in.Data, Schedule: in.Schedule, DeduplicationID: in.DeduplicationID,
	})
	if err != nil {
		return nil, err
	}
	if !in.EagerID {
		out.id = ulid.ULID{}
	}
	return publishAnswer(in.Channel, in.Event, &out), nil
}

func (c *caller) react(ctx context.Context, in *wire.PublishMessage) ([]byte, error) {
	if in.Schedule.Expression != "" {
		return nil, refuseBecause(CodeInvalidRequest, "reactions cannot be scheduled")
	}
	re, err := wire.DecodeReaction(in.Data)
	if err != nil {
		return nil, err
	}
	if err := c.h.writes.clientReact(ctx, &c.who, c.access, re); err != nil {
		return nil, err
	}
	return publishAnswer(in.Channel, in.Event, &publishResult{}), nil
}

func (c *caller) edit(ctx context.Context, in *wire.PublishMessage) ([]byte, error) {
	e, err := decodeEdit(in.Event, in.Data, in.Schedule)
	if err != nil {
		return nil, err
	}
	out, err := c.h.writes.clientEdit(ctx, &c.who, c.access, e)
	if err != nil {
		return nil, err
	}
	return publishAnswer(in.Channel, in.Event, &out), nil
}

func (c *caller) stopStream(ctx context.Context, in *wire.PublishMessage) ([]byte, error) {
	if in.Schedule.Expression != "" {
		return nil, refuseBecause(CodeInvalidRequest, "stopping cannot be scheduled")
	}
	id, err := wire.DecodeStreamStop(in.Data)
	if err != nil {
		return nil, err
	}
	if err := c.h.streams.clientStop(ctx, c.access, id); err != nil {
		return nil, err
	}
	return publishAnswer(in.Channel, in.Event, &publishResult{}), nil
}

func (c *caller) listMessages(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodeListMessages(body)
	if err != nil {
		return nil, err
	}
	if err := c.mustSubscribe(); err != nil {
		return nil, err
	}
	q := historyQuery{
		channel: c.access.channel, after: c.access.oldest(), reverse: in.Reverse, limit: in.Limit, maxBytes: maxPageSize,
	}
	if in.Reverse {
		q.before = in.Before
	} else if in.After.Compare(q.after) > 0 {
		q.after = in.After
	}
	if in.ExpandReactions {
		q.reactors, q.uid = maxReactors, c.access.meta.UID
	}
	page, err := c.h.reads.history(ctx, q)
	if err != nil {
		return nil, err
	}
	return wire.AppendMessagePage(nil, wire.MessagePage{
		Messages: page.messages, More: page.more && len(page.messages) < wire.MaxPage,
		Tallies: page.tallies, Expand: in.ExpandReactions, MaxBytes: maxPageSize,
	}), nil
}

func (c *caller) listReactions(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodeListReactions(body)
	if err != nil {
		return nil, err
	}
	if err := c.mustSubscribe(); err != nil {
		return nil, err
	}
	if _, err := c.h.reads.readableMessage(ctx, c.access, in.MessageID); err != nil {
		return nil, err
	}
	page, err := c.h.reads.reactions(ctx, store.ReactionsRequest{
		Channel: c.access.channel, Message: in.MessageID, After: in.After, Limit: wire.MaxPage,
	})
	if err != nil {
		return nil, err
	}
	return wire.AppendReactionPage(nil, page), nil
}

// mustSubscribe is for operations that need a subscription.
func (c *caller) mustSubscribe() error {
	if c.accessErr != nil {
		return c.accessErr
	}
	return c.access.permitHistory()
}

func (c *caller) storageGet(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodeStorageGet(body)
	if err != nil {
		return nil, err
	}
	if c.accessErr != nil {
		return nil, c.accessErr
	}
	e, err := c.h.reads.getAs(ctx, c.access, in.Key)
	if err != nil {
		return nil, err
	}
	return wire.AppendStorageData(nil, c.access.channel, in.Key, e, in.WithVersion, ""), nil
}

func (c *caller) storageSet(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodeStorageSet(body, c.h.opts.MaxDataSize)
	if err != nil {
		return nil, err
	}
	if c.accessErr != nil {
		return nil, c.accessErr
	}
	out, err := c.h.writes.clientSet(ctx, &c.who, c.access, setInput{
		Key: in.Key, Data: in.Data, Schedule: in.Schedule, IfVersion: in.IfVersion,
	})
	if err != nil {
		return nil, err
	}
	return publishAnswer(in.Channel, wire.EventChannelStorageSet, &publishResult{arn: out.arn, written: out.written}), nil
}

func (c *caller) storageAdd(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodeStorageSet(body, c.h.opts.MaxDataSize)
	if err != nil {
		return nil, err
	}
	if c.accessErr != nil {
		return nil, c.accessErr
	}
	out, err := c.h.writes.clientAdd(ctx, &c.who, c.access, setInput{
		Key: in.Key, Data: in.Data, Schedule: in.Schedule, IfVersion: in.IfVersion,
	})
	if err != nil {
		return nil, err
	}
	return publishAnswer(in.Channel, wire.EventChannelStorageAdd, &publishResult{written: out.written}), nil
}

func (c *caller) storageList(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodeStorageList(body)
	if err != nil {
		return nil, err
	}
	if c.accessErr != nil {
		return nil, c.accessErr
	}
	for _, key := range in.Keys {
		if err := validateKey(key); err != nil {
			return nil, err
		}
	}
	permitted := func(key string) bool {
		r := c.access.perms.ResolveEntry(key)
		return r.Get.Value == Allow
	}
	ranges := namedRanges(in.Keys)
	if len(in.Keys) == 0 {
		ranges = c.access.perms.KeyRanges(func(s *StorageClaims) bool { return s.Get == Allow })
	}
	scan := c.h.reads.scan(c.access.channel, ranges, permitted)
	scan.after = in.After
	entries, more, err := c.h.reads.listEntries(ctx, scan, wire.MaxPage)
	if err != nil {
		return nil, err
	}
	return wire.AppendStoragePage(nil, entries, more, maxPageSize), nil
}

func (c *caller) channelInfo(ctx context.Context, body []byte) ([]byte, error) {
	if _, err := wire.DecodeChannelInfo(body); err != nil {
		return nil, err
	}
	if c.accessErr != nil {
		return nil, c.accessErr
	}
	if err := c.access.permitInfo(); err != nil {
		return nil, err
	}
	limited := newLazyTimeout(ctx, c.h.opts.StoreTimeout)
	defer limited.end()
	info, err := c.h.node.Channel(limited, c.access.channel)
	if err != nil {
		return nil, err
	}
	return wire.AppendChannelInfo(nil, c.access.channel, info), nil
}

func (c *caller) umdUpdate(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodeUMDUpdate(body)
	if err != nil {
		return nil, err
	}
	if in.Channel != "" && c.accessErr != nil {
		return nil, c.accessErr
	}
	if err := c.updateUMD(ctx, in.Channel, in.Token); err != nil {
		return nil, err
	}
	return wire.AppendEmpty(nil), nil
}

func (c *caller) listSchedules(ctx context.Context, body []byte) ([]byte, error) {
	in, err := wire.DecodeListSchedules(body)
	if err != nil {
		return nil, err
	}
	if c.accessErr != nil {
		return nil, c.accessErr
	}
	own, next, err := c.h.writes.ownSchedules(ctx, c.id, c.meta.UID, store.SchedulesRequest{
		Channel: c.access.channel, AfterDue: in.AfterDue, AfterID: in.AfterID,
	})
	if err != nil {
		return nil, err
	}
	return wire.AppendOwnSchedulePage(nil, in.Channel, own, next, maxPageSize), nil
}

func (c *caller) cancelSchedule(ctx context.Context, body []byte) ([]byte, error) {
	group, id, err := wire.DecodeCancelSchedule(body)
	if err != nil {
		return nil, err
	}
	if err := c.h.writes.clientCancel(ctx, c.id, c.meta.UID, group, id); err != nil {
		return nil, err
	}
	return wire.AppendEmpty(nil), nil
}
