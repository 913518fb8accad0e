package hotsock

import (
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// These endpoints do what the methods of control.go do, on whichever node they
// are called.

func (h *Handler) serveDisconnect(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	id, err := url.PathUnescape(args[0])
	if err != nil || id == "" {
		return 0, nil, refuseBecause(CodeInvalidRequest, "the connection id is empty or not percent-encoded")
	}
	there, err := h.Disconnect(r.Context(), id)
	n := 0
	if there {
		n = 1
	}
	return http.StatusOK, wire.AppendCount(nil, "disconnected", n), err
}

func (h *Handler) serveDisconnectUser(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	uid, err := pathUser(args[0])
	if err != nil {
		return 0, nil, err
	}
	n, err := h.DisconnectUser(r.Context(), uid)
	return http.StatusOK, wire.AppendCount(nil, "disconnected", n), err
}

func (h *Handler) serveUnsubscribeUser(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	uid, err := pathUser(args[1])
	if err != nil {
		return 0, nil, err
	}
	n, err := h.UnsubscribeUser(r.Context(), uid, channel)
	return http.StatusOK, wire.AppendCount(nil, "unsubscribed", n), err
}

// pathUser returns a user id from a segment of the path.
func pathUser(segment string) (string, error) {
	uid, err := url.PathUnescape(segment)
	if err != nil || uid == "" || !utf8.ValidString(uid) || utf8.RuneCountInString(uid) > protocol.MaxUID {
		return "", refuseBecause(CodeInvalidRequest, "the user id must be 1 to 128 characters, percent-encoded")
	}
	return uid, nil
}

func (h *Handler) serveSchedules(_ http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	q := r.URL.Query()
	list := store.ScheduleQuery{Channel: q.Get("channel"), Limit: wire.MaxPage}
	if list.Channel != "" && !protocol.ValidChannel(list.Channel) {
		return 0, nil, refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	if after := q.Get("after"); after != "" {
		var ok bool
		if list.AfterDue, list.AfterID, ok = wire.ParseScheduleCursor(after); !ok {
			return 0, nil, refuseBecause(CodeInvalidRequest, `"after" must be the "next" of the page before`)
		}
	}
	ctx, cancel := h.storeContext(r.Context())
	defer cancel()
	schedules, err := h.opts.Scheduler.Schedules(ctx, list)
	if err != nil {
		return 0, nil, err
	}
	more := len(schedules) == list.Limit
	return http.StatusOK, wire.AppendSchedulePage(nil, schedules, more, maxPageSize), nil
}

func (h *Handler) serveCancelSchedule(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	return http.StatusOK, wire.AppendEmpty(nil), h.CancelSchedule(r.Context(), wire.JoinScheduleARN(args[0], args[1]))
}

func (h *Handler) serveMoveSchedule(w http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	body, err := h.readBody(w, r, nil)
	if err != nil {
		return 0, nil, err
	}
	in, err := wire.DecodeMoveSchedule(body)
	if err != nil {
		return 0, nil, err
	}
	due, err := parseSchedule(in)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendEmpty(nil), h.MoveSchedule(r.Context(), wire.JoinScheduleARN(args[0], args[1]), due)
}
