package hotsock

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// An apiKey is the hash of a key of the server's HTTP API.
type apiKey [sha256.Size]byte

func hashKeys(keys []string) []apiKey {
	var hashes []apiKey
	for _, k := range keys {
		hashes = append(hashes, sha256.Sum256([]byte(k)))
	}
	return hashes
}

// isAPIKey compares in constant time.
func (h *Handler) isAPIKey(key string) bool {
	hash := sha256.Sum256([]byte(key))
	found := 0
	for _, k := range h.apiKeys {
		found |= subtle.ConstantTimeCompare(k[:], hash[:])
	}
	return found == 1
}

// serveServerAPI checks what all routes of the server's HTTP API have in common
// (docs/protocol.md#13-server-http-api), and writes what the endpoint returns.
func (h *Handler) serveServerAPI(w http.ResponseWriter, r *http.Request, do endpoint, args []string) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || !h.isAPIKey(strings.TrimSpace(key)) {
		h.writeError(w, r, refuse(CodeUnauthorized))
		return
	}
	if h.isStopping() {
		h.writeError(w, r, refuse(CodeUnavailable))
		return
	}
	status, body, err := do(h, w, r, args)
	if err != nil {
		h.writeError(w, r, err)
		return
	}
	writeJSON(w, status, body)
}

func (h *Handler) servePublish(w http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	buffer := bodyBuffers.Get().(*[smallBody]byte)
	defer bodyBuffers.Put(buffer)
	body, err := h.readBody(w, r, buffer[:0])
	if err != nil {
		return 0, nil, err
	}
	in, err := wire.DecodePublish(body, h.opts.MaxDataSize)
	if err != nil {
		return 0, nil, err
	}
	// The message is kept, for the replay window at least: nothing but its data
	// should be, and the buffer is used again.
	in.Data = bytes.Clone(in.Data)
	who := h.requester(r, triggerHTTP)
	out, err := h.publishDecoded(r.Context(), &who, &in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, acceptedAnswer(in.Channel, in.Event, out), nil
}

func (h *Handler) servePublishBatch(w http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	body, err := h.readBody(w, r, nil)
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
		messages[i], errs[i] = wire.DecodePublish(text, h.opts.MaxDataSize)
	}
	results := make([]wire.BatchResult, len(texts))
	who := h.requester(r, triggerHTTP)
	h.inBatch(len(texts), func(i int) string { return messages[i].Channel }, errs, func(i int) error {
		in := &messages[i]
		out, err := h.publishDecoded(r.Context(), &who, in)
		results[i] = wire.BatchResult{Channel: in.Channel, Event: in.Event, ID: out.id, ScheduleARN: out.arn}
		return err
	})
	for i, err := range errs {
		if err != nil {
			e := h.reported(err, "path", r.URL.Path, "message", i)
			results[i] = wire.BatchResult{Code: string(e.Code), Message: e.Message}
		}
	}
	return http.StatusAccepted, wire.AppendBatch(nil, results), nil
}

// triggerHTTP is the trigger of events that the server's HTTP API causes.
const triggerHTTP = "server.http"

// publishDecoded publishes a message or writes an entry. The id is that which
// the client asked for.
func (h *Handler) publishDecoded(ctx context.Context, who *requester, in *wire.Publish) (out accepted, err error) {
	var due time.Time
	if in.Schedule.Expression != "" {
		if due, err = parseSchedule(in.Schedule); err != nil {
			return accepted{}, err
		}
	}
	if in.Event == wire.EventChannelStorageSet {
		out, err = h.serverSet(ctx, who, serverWrite{
			channel: in.Channel, key: in.Key, data: in.Data, keep: keepFor(in.Store, Forever), emit: in.EmitPubSubEvent, due: due,
		})
	} else {
		out, err = h.serverPublish(ctx, who, serverMessage{
			channel: in.Channel, event: in.Event, data: in.Data, keep: keepFor(in.Store, 0), dedup: in.DeduplicationID,
			emit: in.EmitPubSubEvent, due: due,
		})
	}
	if !in.EagerID {
		out.id = ulid.ULID{}
	}
	return out, err
}

// keepFor returns how long a "store", in seconds, keeps something.
func keepFor(seconds *int64, unset time.Duration) time.Duration {
	switch {
	case seconds == nil:
		return unset
	case *seconds < 0:
		return Forever
	}
	return time.Duration(*seconds) * time.Second
}

func (h *Handler) serveChannel(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := h.storeContext(r.Context())
	defer cancel()
	info, err := h.node.Channel(ctx, channel)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendServerChannelInfo(nil, channel, info), nil
}

func (h *Handler) serveChannelStorage(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	q := r.URL.Query()
	var keys []string
	if list := q.Get("keys"); list != "" {
		keys = strings.Split(list, ",")
	}
	if len(keys) > wire.MaxKeys {
		return 0, nil, refuseBecause(CodeInvalidRequest, `"keys" must not be more than 100`)
	}
	for _, key := range keys {
		if !protocol.ValidKey(key) {
			return 0, nil, refuseBecause(CodeInvalidRequest, invalidKey)
		}
	}
	entries, more, err := h.storagePage(r.Context(), channel, q.Get("after"), keys, wire.MaxPage)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendStoragePage(nil, entries, more, maxPageSize), nil
}
