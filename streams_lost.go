package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// look looks whether the nodes that write streams are alive, as long as there are others
// that write any, and ends the streams of those that are not.
func (st *streams) look() {
	steady := time.Now()
	for sleep(st.lookCtx, jitter(st.h.opts.NodeTimeout/streamLooks)) {
		st.mu.Lock()
		if len(st.others) == 0 {
			st.looking = false
			st.mu.Unlock()
			return
		}
		others := maps.Clone(st.others)
		st.mu.Unlock()
		err := st.lookAt(others, steady)
		if errors.Is(err, store.ErrUnavailable) {
			steady = time.Now()
		}
		if err != nil && !errors.Is(err, store.ErrUnavailable) && st.lookCtx.Err() == nil {
			st.h.logger.Error("hotsock: the streams of others cannot be looked after", "err", err)
		}
	}
}

// lookAt looks once. The store was not seen to be away since steady: before it has been
// there for a while, the living may be taken for dead, for they could not say that they
// are alive.
func (st *streams) lookAt(others map[string]string, steady time.Time) error {
	var unknown []string
	for record, node := range others {
		if node == "" {
			unknown = append(unknown, record)
		}
	}
	for part := range slices.Chunk(unknown, streamPage) {
		if err := st.identify(part, others); err != nil {
			return err
		}
	}
	limited := newLazyTimeout(st.lookCtx, st.h.opts.StoreTimeout)
	defer limited.end()
	peers, err := st.h.node.Peers(limited)
	if err != nil || time.Since(steady) < st.h.opts.NodeTimeout/2 {
		return err
	}
	var lost []string
	for record, node := range others {
		if node != "" && !slices.Contains(peers, node) {
			lost = append(lost, record)
		}
	}
	return st.channel.each(lost, st.endLost)
}

// identify reads which nodes write streams.
func (st *streams) identify(records []string, others map[string]string) error {
	found, err := st.readRecords(st.lookCtx, records)
	if err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, record := range records {
		r, there := found[record]
		if _, known := st.others[record]; !known {
			continue
		}
		if !there {
			delete(st.others, record)
			continue
		}
		st.others[record], others[record] = r.Node, r.Node
	}
	return nil
}

// readRecords reads records; those that are not there, or cannot be read, are left out.
func (st *streams) readRecords(ctx context.Context, records []string) (map[string]streamRecord, error) {
	found := make(map[string]streamRecord)
	q := store.EntriesRequest{Channel: streamChannel, Keys: records, MaxBytes: entryPage}
	for len(q.Keys) > 0 {
		page, err := st.h.reads.readEntries(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			var r streamRecord
			if json.Unmarshal(e.Value, &r) == nil {
				found[e.Key] = r
			}
		}
		q.Keys = page.Rest
	}
	return found, nil
}

// endLost ends the stream of a node that is dead. Of the nodes that do so at once, one
// comes first; who finds that the message has changed looks again later.
func (st *streams) endLost(ctx context.Context, record string) error {
	found, err := st.readRecords(ctx, []string{record})
	if err != nil {
		return err
	}
	r, there := found[record]
	if !there {
		st.forget(record)
		return nil
	}
	if r.Message.IsZero() {
		if err := st.findMessage(ctx, record, &r); err != nil {
			return err
		}
	}
	err = st.markLost(ctx, &r)
	switch {
	case errors.Is(err, store.ErrConflict):
		return nil
	case err != nil:
		return err
	}
	if err := st.set(ctx, store.SetRequest{Channel: streamChannel, Key: record}); err != nil {
		return err
	}
	st.forget(record)
	return nil
}

// markLost says in the message that its stream is lost, if it has not ended.
func (st *streams) markLost(ctx context.Context, r *streamRecord) error {
	m, err := st.h.reads.keptMessage(ctx, r.Channel, r.Message)
	if e, ok := errors.AsType[*Error](err); ok && e.Code == CodeMessageNotFound {
		return nil
	}
	if err != nil || !wire.IsStreamOpen(m.Stream) {
		return err
	}
	_, units, _ := wire.FindText(m.Data)
	q := store.EditRequest{
		Channel: r.Channel, Message: r.Message, Append: true, IfVersion: m.Version(), Stream: wire.StreamLost,
		Notice: store.PublishRequest{Channel: r.Channel, Event: wire.EventMessageAppended},
	}
	q.Notice.Data, q.NoticeEnd = wire.AppendAppendData(nil, wire.Appended{
		MessageID: r.Message, Offset: units, Version: m.Version() + 1, Stream: wire.StreamLost,
	})
	_, err = st.h.writes.editOnce(ctx, &source{Trigger: triggerGo}, q)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// eventNothing is one that means nothing to anybody.
const eventNothing = "hotsock.nothing"

// findMessage finds the message of a stream whose node died while it published it: a
// publish that is repeated has its id. If it was not published, it is now, and is deleted
// at once.
func (st *streams) findMessage(ctx context.Context, record string, r *streamRecord) error {
	who := source{Trigger: triggerGo}
	out, err := st.h.writes.publish(ctx, &who, &store.PublishRequest{
		Channel: r.Channel, Event: eventNothing, Retention: store.Forever,
		DedupID: streamDedup(record), DedupFor: st.h.opts.DeduplicationWindow,
	}, false)
	if err != nil {
		return err
	}
	r.Message = out.id
	if out.duplicate {
		return nil
	}
	_, err = st.h.writes.edit(ctx, &who, r.Channel, nil, wire.Edit{MessageID: out.id, Delete: true}, editOptions{})
	if e, ok := errors.AsType[*Error](err); ok && e.Code == CodeMessageNotFound {
		return nil
	}
	return err
}
