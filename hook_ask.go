package hotsock

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// This file asks the hooks, with copies of all that they could change.

// askConnect asks whether a client may connect.
func (c *connection) askConnect(ctx context.Context) error {
	return c.askConnectAs(ctx, c.meta(), c.claims())
}

func (c *connection) askConnectAs(ctx context.Context, m store.Meta, claims []byte) error {
	hook := c.h.opts.Hooks.BeforeConnect
	who := c.source()
	r := who.requester(m, claims)
	_, err := callHook(ctx, c.h.hooks, who.question("BeforeConnect", "", ""), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, hook(ctx, r)
	})
	return err
}

// askRefresh asks the same for a fresh token. ops is held, but not meanwhile.
func (c *connection) askRefresh(fresh *connectToken) error {
	if c.h.opts.Hooks.BeforeConnect == nil {
		return nil
	}
	c.ops.Unlock()
	defer c.ops.Lock()
	return c.askConnectAs(c.h.ctx, store.Meta{UID: fresh.grant.UID, UMD: fresh.grant.UMD}, fresh.claims)
}

// askSubscribe asks whether a client may subscribe, and adds what the hook permits to
// the request. ops is held, but not meanwhile: other commands go on.
func (c *connection) askSubscribe(req *subscribeRequest) error {
	who := c.source()
	r := who.requester(req.meta(c), c.claims())
	s := SubscribeRequest{
		Channel:   strings.Clone(req.channel),
		Permitted: c.perms.Resolve(req.channel, permission.Added{Subscribe: req.grant}).Subscribe,
		Auto:      req.auto,
	}
	c.ops.Unlock()
	defer c.ops.Lock()
	granted, err := callHook(c.h.ctx, c.h.hooks, who.question("BeforeSubscribe", req.channel, ""), func(ctx context.Context) (*ChannelClaims, error) {
		return c.h.opts.Hooks.BeforeSubscribe(ctx, r, s)
	})
	if err != nil {
		return err
	}
	req.asked = true
	if granted == nil {
		return nil
	}
	if req.granted, err = newAppGrant(c.h.verifier, req.channel, granted); err != nil {
		return hookInvalid("BeforeSubscribe", err)
	}
	return nil
}

// askPublish asks whether a client may publish a message, and changes it as the hook
// wants. It reports whether the hook has taken it over.
func (sw *storeWriter) askPublish(ctx context.Context, who *source, acc *access, p *store.PublishRequest, deduplicationID string, due time.Time) (takenOver bool, err error) {
	asked := PublishRequest{
		Channel: strings.Clone(p.Channel), Event: strings.Clone(p.Event), Due: due,
		Data: bytes.Clone(p.Data), Store: storeOf(p.Retention), Echo: p.Exclude == "",
		DeduplicationID: strings.Clone(deduplicationID),
	}
	r := who.requester(acc.meta, *acc.claims)
	q := who.question("BeforePublish", p.Channel, p.Event)
	_, err = callHook(ctx, sw.hooks, q, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, sw.opts.Hooks.BeforePublish(ctx, r, &asked)
	})
	if err != nil {
		return false, err // A hook that is late may still change what it was asked.
	}
	if asked.TakenOver {
		return true, nil
	}
	if asked.DeduplicationID != deduplicationID {
		p.DedupID = asked.DeduplicationID
	}
	if err := sw.change(p, acc, &asked); err != nil {
		return false, hookInvalid(q.name, err)
	}
	return false, nil
}

// change makes the message what a hook has made of it.
func (sw *storeWriter) change(p *store.PublishRequest, acc *access, to *PublishRequest) (err error) {
	p.Data = nil
	if to.Data != nil {
		// The hook may keep what it has put there.
		if p.Data, err = wire.Value("Data", bytes.Clone(to.Data), sw.opts.MaxDataSize); err != nil {
			return err
		}
	}
	if p.Retention, err = retentionOf(to.Store); err != nil {
		return err
	}
	if err := validateDeduplicationID(to.DeduplicationID); err != nil {
		return err
	}
	p.DedupFor = sw.opts.DeduplicationWindow
	p.Exclude = acc.connection
	if to.Echo {
		p.Exclude = ""
	}
	return nil
}

// storeOf is the reverse of retentionOf.
func storeOf(retention time.Duration) time.Duration {
	if retention == store.Forever {
		return Forever
	}
	return retention
}

// askSet asks whether a client may write an entry.
func (sw *storeWriter) askSet(ctx context.Context, who *source, acc *access, asked SetStorageRequest, s *store.SetRequest) error {
	r := who.requester(acc.meta, *acc.claims)
	asked.Channel, asked.Key, asked.Data = strings.Clone(s.Channel), strings.Clone(s.Key), bytes.Clone(s.Value)
	_, err := callHook(ctx, sw.hooks, who.question("BeforeSetStorage", s.Channel, s.Key), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, sw.opts.Hooks.BeforeSetStorage(ctx, r, asked)
	})
	return err
}

// askReact asks whether a client may react to a message of the event.
func (sw *storeWriter) askReact(ctx context.Context, who *source, acc *access, event string, in wire.Reaction) error {
	r := who.requester(acc.meta, *acc.claims)
	asked := ReactRequest{
		Channel: strings.Clone(acc.channel), MessageID: in.MessageID.String(), Event: event, Reaction: in.Reaction, Remove: in.Remove,
	}
	_, err := callHook(ctx, sw.hooks, who.question("BeforeReact", acc.channel, event), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, sw.opts.Hooks.BeforeReact(ctx, r, asked)
	})
	return err
}

// askUpdate asks whether a client may update a message, and changes the data as the
// hook wants.
func (sw *storeWriter) askUpdate(ctx context.Context, who *source, acc *access, m *store.Message, in *wire.Edit) error {
	r := who.requester(acc.meta, *acc.claims)
	asked := UpdateRequest{
		Channel: strings.Clone(acc.channel), MessageID: in.MessageID.String(), Event: m.Event, By: memberOf(m.Meta),
		Before: bytes.Clone(m.Data), IfVersion: in.IfVersion, Data: bytes.Clone(in.Data),
	}
	const name = "BeforeUpdate"
	q := who.question(name, acc.channel, m.Event)
	_, err := callHook(ctx, sw.hooks, q, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, sw.opts.Hooks.BeforeUpdate(ctx, r, &asked)
	})
	if err != nil {
		return err // A hook that is late may still change what it was asked.
	}
	if in.Data = nil; asked.Data != nil {
		// The hook may keep what it has put there.
		if in.Data, err = wire.Value("Data", bytes.Clone(asked.Data), sw.opts.MaxDataSize); err != nil {
			return hookInvalid(name, err)
		}
	}
	return nil
}

// askDelete asks whether a client may delete a message.
func (sw *storeWriter) askDelete(ctx context.Context, who *source, acc *access, m *store.Message) error {
	r := who.requester(acc.meta, *acc.claims)
	asked := DeleteRequest{
		Channel: strings.Clone(acc.channel), MessageID: m.ID.String(), Event: m.Event, Data: bytes.Clone(m.Data), By: memberOf(m.Meta),
	}
	_, err := callHook(ctx, sw.hooks, who.question("BeforeDelete", acc.channel, m.Event), func(ctx context.Context) (struct{}, error) {
		return struct{}{}, sw.opts.Hooks.BeforeDelete(ctx, r, asked)
	})
	return err
}

// memberOf returns who sent something, nil for the server, as the host may keep it.
func memberOf(m *store.Meta) *Member {
	if m == nil {
		return nil
	}
	return &Member{UID: m.UID, UMD: bytes.Clone(m.UMD)}
}
