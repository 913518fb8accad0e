package storeredis

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/hotsock-go/hotsock/store"
)

// readBytes bounds what one script reads of messages, and so for how long Redis
// answers nobody else: some milliseconds.
const readBytes = 256 << 10

// Replay reads the log, where every message is that is not kept for longer
// than the window, and the kept messages. It is complete if the script proves
// that After is the channel's and that the log has lost nothing since.
func (n *node) Replay(ctx context.Context, q store.ReplayRequest) (store.ReplayResult, error) {
	if n.left.Load() {
		return store.ReplayResult{}, errLeft
	}
	after := formatID(q.After)
	if after == "" {
		return store.ReplayResult{}, nil // No item of any channel.
	}
	ck := n.s.keys.channel(q.Channel)
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	for size := min(q.MaxBytes, readBytes); ; {
		r, err := n.s.do(ctx, call{
			script: replayScript, part: ck.part, kind: pageReply, replySize: size,
			keys: []any{ck.state(), ck.log(), ck.changes(), ck.order(), ck.bodies(), ck.erased()},
			args: []any{after, boundID(q.Until), strconv.Itoa(q.Limit), strconv.Itoa(size), besides(q.Channel), n.window},
		})
		if err != nil {
			return store.ReplayResult{}, err
		}
		p := store.ReplayResult{Complete: r.record.flag(), More: r.record.flag()}
		last := r.record.next()
		if !p.Complete {
			return store.ReplayResult{}, r.record.err()
		}
		p.Messages, err = r.messages(q.Channel)
		if err != nil || !p.More || len(p.Messages) > 0 {
			return p, err
		}
		after = last // All that it read has expired.
	}
}

// besides is what each message of a page counts besides its item: as
// [store.Message.Size] has it, if not somewhat more.
func besides(channel string) string {
	return strconv.Itoa((&store.Message{Channel: channel}).Size())
}

// splitBody returns the id of the item before a kept message, and its item. What
// is no body of a kept message but an item already is returned as it is: items
// begin with the length of their kind.
func splitBody(text string) (before, item string) {
	if len(text) > 1 && text[1] == ':' {
		return "", text
	}
	_, rest, _ := strings.Cut(text, " ")
	before, item, _ = strings.Cut(rest, " ")
	return before, item
}

// messages reads the list of id and item that follows the record. What a newer
// version has written, and this one cannot read, is left out.
func (r *reply) messages(channel string) ([]*store.Message, error) {
	flat, err := r.list(0)
	if err != nil {
		return nil, err
	}
	var messages []*store.Message
	for i := 0; i+1 < len(flat); i += 2 {
		_, item := splitBody(flat[i+1])
		it, err := decodeItem(channel, flat[i], item)
		if _, unknown := errors.AsType[unknownKind](err); unknown {
			continue
		}
		if err != nil {
			return nil, err
		}
		if it.Message == nil {
			return nil, errRecord
		}
		messages = append(messages, it.Message)
	}
	return messages, nil
}
