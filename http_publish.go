package hotsock

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A serverAPI is the server's HTTP API (docs/protocol.md#13-server-http-api).
type serverAPI struct {
	*responder
	h    *Handler
	keys apiKeys
}

// serve checks what all routes have in common, and writes what the endpoint
// returns.
func (a *serverAPI) serve(w http.ResponseWriter, r *http.Request, do endpoint, args []string) {
	if err := a.keys.authorize(r); err != nil {
		a.writeError(w, r, err)
		return
	}
	if err := a.h.requests.begin(); err != nil {
		a.writeError(w, r, err)
		return
	}
	defer a.h.requests.end()
	status, body, err := do(a, w, r, args)
	if err != nil {
		a.writeError(w, r, err)
		return
	}
	writeJSON(w, status, body)
}

func (a *serverAPI) publish(w http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	buffer := bodyBuffers.Get().(*[smallBody]byte)
	defer bodyBuffers.Put(buffer)
	body, err := readBody(w, r, a.h.opts.MaxBodySize, buffer[:0])
	if err != nil {
		return 0, nil, err
	}
	in, err := wire.DecodePublish(body, a.h.opts.MaxDataSize)
	if err != nil {
		return 0, nil, err
	}
	// The message is kept, for the replay window at least: nothing but its data
	// should be, and the buffer is used again.
	in.Data, in.UMD = bytes.Clone(in.Data), bytes.Clone(in.UMD)
	who := source{Trigger: triggerHTTP}
	who.SourceIP, who.UserAgent = a.h.opts.sender(r)
	out, err := a.publishDecoded(r.Context(), &who, &in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, publishAnswer(in.Channel, in.Event, &out), nil
}

func (a *serverAPI) publishBatch(w http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	body, err := readBody(w, r, a.h.opts.MaxBodySize, nil)
	if err != nil {
		return 0, nil, err
	}
	texts, err := wire.DecodePublishBatch(body)
	if err != nil {
		return 0, nil, err
	}
	messages := make([]wire.Publish, len(texts))
	errs := make([]error, len(texts))
	for i, text := range texts {
		messages[i], errs[i] = wire.DecodePublish(text, a.h.opts.MaxDataSize)
	}
	results := make([]wire.BatchResult, len(texts))
	who := a.h.opts.source(r, triggerHTTP)
	publishByChannel(len(texts), func(i int) string { return messages[i].Channel }, errs, func(i int) error {
		in := &messages[i]
		out, err := a.publishDecoded(r.Context(), &who, in)
		results[i] = wire.BatchResult{Accepted: accepted(in.Channel, in.Event, &out)}
		return err
	})
	for i, err := range errs {
		if err != nil {
			e := a.h.errors.report(err, "path", r.URL.Path, "message", i)
			results[i] = wire.BatchResult{Failure: e.failure()}
		}
	}
	return http.StatusAccepted, wire.AppendBatch(nil, results), nil
}

// triggerHTTP is the trigger of events that the server's HTTP API causes.
const triggerHTTP = "server.http"

// publishDecoded publishes a message or writes an entry. The id is that which
// the client asked for.
func (a *serverAPI) publishDecoded(ctx context.Context, who *source, in *wire.Publish) (out publishResult, err error) {
	var due time.Time
	if in.Schedule.Expression != "" {
		if due, err = parseSchedule(in.Schedule); err != nil {
			return publishResult{}, err
		}
	}
	var from *store.Meta
	if in.UID != "" || in.UMD != nil {
		if from, err = newSender(in.UID, in.UMD, a.h.opts.MaxMetadataSize); err != nil {
			return publishResult{}, err
		}
	}
	switch in.Event {
	case wire.EventMessageReaction:
		return publishResult{}, a.react(ctx, who, in, from)
	case wire.EventMessageUpdate, wire.EventMessageDelete:
		return a.edit(ctx, who, in, from)
	case wire.EventMessageAppend:
		return a.appendText(ctx, who, in, from)
	case wire.EventStreamStop:
		return publishResult{}, a.stopStream(ctx, in)
	case wire.EventChannelStorageSet, wire.EventChannelStorageAdd:
		if from != nil || in.ExcludeConnection != "" {
			return publishResult{}, refuseBecause(CodeInvalidRequest, `a storage entry has no "uid", "umd" or "excludeConnectionId"`)
		}
		w := serverWrite{
			channel: in.Channel, key: in.Key, data: in.Data, retention: retentionIn(in.Store, Forever), emit: in.EmitPubSubEvent, due: due,
			ifVersion: in.IfVersion,
		}
		// Not as a function value: the source of every publish would be on the heap.
		if in.Event == wire.EventChannelStorageAdd {
			out, err = a.h.writes.serverAdd(ctx, who, w)
		} else {
			out, err = a.h.writes.serverSet(ctx, who, w)
		}
	default:
		out, err = a.h.writes.serverPublish(ctx, who, &serverMessage{
			channel: in.Channel, event: in.Event, data: in.Data, retention: retentionIn(in.Store, 0), dedup: in.DeduplicationID,
			from: from, exclude: in.ExcludeConnection, emit: in.EmitPubSubEvent, due: due,
		})
	}
	if !in.EagerID {
		out.id = ulid.ULID{}
	}
	return out, err
}

// react adds or removes a reaction of a user.
func (a *serverAPI) react(ctx context.Context, who *source, in *wire.Publish, from *store.Meta) error {
	switch {
	case in.Schedule.Expression != "":
		return refuseBecause(CodeInvalidRequest, "reactions cannot be scheduled")
	case from == nil:
		return validateUID("")
	}
	if err := errors.Join(validateChannel(in.Channel), validateExclude(in.ExcludeConnection)); err != nil {
		return err
	}
	re, err := wire.DecodeReaction(in.Data)
	if err != nil {
		return err
	}
	return a.h.writes.react(ctx, who, in.Channel, *from, re, reactOptions{exclude: in.ExcludeConnection, emit: in.EmitPubSubEvent})
}

// edit updates or deletes a message, in a user's name or the server's.
func (a *serverAPI) edit(ctx context.Context, who *source, in *wire.Publish, from *store.Meta) (publishResult, error) {
	if err := errors.Join(validateChannel(in.Channel), validateExclude(in.ExcludeConnection)); err != nil {
		return publishResult{}, err
	}
	e, err := decodeEdit(in.Event, in.Data, in.Schedule)
	if err != nil {
		return publishResult{}, err
	}
	return a.h.writes.edit(ctx, who, in.Channel, from, e, editOptions{exclude: in.ExcludeConnection, emit: in.EmitPubSubEvent})
}

// appendText appends to a message, in a user's name or the server's.
func (a *serverAPI) appendText(ctx context.Context, who *source, in *wire.Publish, from *store.Meta) (publishResult, error) {
	if in.Schedule.Expression != "" {
		return publishResult{}, refuseBecause(CodeInvalidRequest, "appends cannot be scheduled")
	}
	if err := errors.Join(validateChannel(in.Channel), validateExclude(in.ExcludeConnection)); err != nil {
		return publishResult{}, err
	}
	t, err := wire.DecodeAppend(in.Data)
	if err != nil {
		return publishResult{}, err
	}
	return a.h.writes.appendText(ctx, who, in.Channel, from, t, in.ExcludeConnection)
}

func (a *serverAPI) stopStream(ctx context.Context, in *wire.Publish) error {
	if in.Schedule.Expression != "" {
		return refuseBecause(CodeInvalidRequest, "stopping cannot be scheduled")
	}
	if err := validateChannel(in.Channel); err != nil {
		return err
	}
	id, err := wire.DecodeStreamStop(in.Data)
	if err != nil {
		return err
	}
	return a.h.streams.stopMessage(ctx, in.Channel, id)
}

// decodeEdit reads the data of an edit over HTTP.
func decodeEdit(event string, data []byte, s wire.Schedule) (wire.Edit, error) {
	switch {
	case s.Expression != "":
		return wire.Edit{}, refuseBecause(CodeInvalidRequest, "updates and deletions cannot be scheduled")
	case event == wire.EventMessageDelete:
		return wire.DecodeDelete(data)
	}
	return wire.DecodeUpdate(data)
}

// retentionIn returns how long a "store", in seconds, keeps something.
func retentionIn(seconds *int64, unset time.Duration) time.Duration {
	switch {
	case seconds == nil:
		return unset
	case *seconds < 0:
		return Forever
	}
	return time.Duration(*seconds) * time.Second
}
