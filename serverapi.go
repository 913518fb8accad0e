package hotsock

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

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
// (protocol section 12), and writes what serve returns.
func (h *Handler) serveServerAPI(w http.ResponseWriter, r *http.Request, method, channel string,
	serve func(w http.ResponseWriter, r *http.Request, channel string) (status int, body []byte, err error),
) {
	if len(h.apiKeys) == 0 {
		h.writeError(w, r, refuse(CodeNotFound))
		return
	}
	if !h.allow(w, r, method, "") {
		return
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || !h.isAPIKey(strings.TrimSpace(key)) {
		h.writeError(w, r, refuse(CodeUnauthorized))
		return
	}
	if h.isStopping() {
		h.writeError(w, r, refuse(CodeUnavailable))
		return
	}
	status, body, err := serve(w, r, channel)
	if err != nil {
		h.writeError(w, r, err)
		return
	}
	writeJSON(w, status, body)
}

func (h *Handler) servePublish(w http.ResponseWriter, r *http.Request, _ string) (int, []byte, error) {
	body, err := h.readBody(w, r)
	if err != nil {
		return 0, nil, err
	}
	in, err := wire.DecodePublish(body, h.opts.MaxDataSize)
	if err != nil {
		return 0, nil, err
	}
	who := h.requester(r, "server.http")
	var due time.Time
	if in.Schedule.Expression != "" {
		if due, err = parseSchedule(in.Schedule); err != nil {
			return 0, nil, err
		}
	}
	var out accepted
	if in.Event == wire.EventChannelStorageSet {
		out, err = h.serverSet(r.Context(), &who, serverWrite{
			channel: in.Channel, key: in.Key, data: in.Data, store: in.Store, emit: in.EmitPubSubEvent, due: due,
		})
	} else {
		out, err = h.serverPublish(r.Context(), &who, serverMessage{
			channel: in.Channel, event: in.Event, data: in.Data, store: in.Store, dedup: in.DeduplicationID,
			emit: in.EmitPubSubEvent, due: due,
		})
	}
	if err != nil {
		return 0, nil, err
	}
	if !in.EagerID {
		out.id = ulid.ULID{}
	}
	return http.StatusAccepted, wire.AppendAccepted(nil, in.Channel, in.Event, out.id, out.arn), nil
}

func (h *Handler) serveChannel(_ http.ResponseWriter, r *http.Request, segment string) (int, []byte, error) {
	channel, err := pathName(segment)
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

func (h *Handler) serveChannelStorage(_ http.ResponseWriter, r *http.Request, segment string) (int, []byte, error) {
	channel, err := pathName(segment)
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
		if !wire.ValidKey(key, maxKey) {
			return 0, nil, refuseBecause(CodeInvalidRequest, invalidKey)
		}
	}
	entries, err := h.listEntries(r.Context(), channel, keys, q.Get("after"), func(string) bool { return true })
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendStoragePage(nil, entries, maxPageSize), nil
}
