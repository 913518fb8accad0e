package hotsock

import (
	"context"
	"errors"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// clientReact adds or removes a client's reaction.
func (sw *storeWriter) clientReact(ctx context.Context, who *source, acc *access, in wire.Reaction) error {
	if err := acc.permitReacting(); err != nil {
		return err
	}
	m, err := sw.reads.readableMessage(ctx, acc, in.MessageID)
	if err != nil {
		return err
	}
	perms, err := acc.permitReaction(m.Event, in.Reaction)
	if err != nil {
		return err
	}
	if sw.opts.Hooks.BeforeReact != nil {
		if err := sw.askReact(ctx, who, acc, m.Event, in); err != nil {
			return err
		}
	}
	exclude := acc.connection
	if acc.perms.Event(wire.EventMessageReaction).Echo {
		exclude = ""
	}
	return sw.react(ctx, who, acc.channel, acc.meta, in, reactOptions{
		exclude: exclude, emit: perms.Emit, most: sw.opts.MaxReactions, mostOfUser: maxUserReactions,
	})
}

type reactOptions struct {
	exclude string // connection
	emit    bool
	// most reactions to the message, of all and of the user; 0 for any number
	most, mostOfUser int
}

// react is the one path of a reaction to the store.
func (sw *storeWriter) react(ctx context.Context, who *source, channel string, m store.Meta, in wire.Reaction, o reactOptions) (err error) {
	typ := EventMessageReactionAdded // also of the frame
	if in.Remove {
		typ = EventMessageReactionRemoved
	}
	notice := store.PublishRequest{
		Channel: channel, Event: typ, Data: wire.AppendReactionData(nil, in), Meta: &m, Exclude: o.exclude,
	}
	if sw.observer.on() {
		op := &Operation{Name: "reaction", Channel: channel, Event: typ}
		ctx = sw.observer.beginPublish(ctx, who, op)
		notice.Trace = op.Trace
		defer func() { sw.observer.endPublish(ctx, op, publishResult{}, err) }()
	}
	limited := newLazyTimeout(ctx, sw.opts.StoreTimeout)
	defer limited.end()
	r, err := sw.node.React(limited, store.ReactRequest{
		Channel: channel,
		Reaction: store.Reaction{
			Message: in.MessageID, Reaction: in.Reaction, UID: m.UID, UMD: m.UMD, Origin: sw.opts.origin(who),
		},
		Remove:       in.Remove,
		MaxReactions: o.most,
		MaxOfUser:    o.mostOfUser,
		MaxDifferent: maxDifferentReactions,
		Notice:       notice,
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return refuse(CodeMessageNotFound)
	case errors.Is(err, store.ErrCapacity):
		return refuseBecause(CodeRateLimited, "too many reactions to this message")
	}
	if err != nil {
		return err
	}
	if r.Changed {
		sw.counts.published.Add(1)
		if o.emit {
			sw.events.reactionChanged(typ, channel, &r)
		}
	}
	return nil
}
