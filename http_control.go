package hotsock

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// These endpoints do what the methods of api_control.go do, on whichever node they
// are called.

func (a *serverAPI) channel(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	ctx := newLazyTimeout(r.Context(), a.h.opts.StoreTimeout)
	defer ctx.end()
	info, err := a.h.node.Channel(ctx, channel)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendServerChannelInfo(nil, channel, info), nil
}

func (a *serverAPI) channelStorage(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
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
		if err := validateKey(key); err != nil {
			return 0, nil, err
		}
	}
	entries, more, err := a.h.reads.storagePage(r.Context(), channel, q.Get("after"), keys, wire.MaxPage)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendStoragePage(nil, entries, more, maxPageSize), nil
}

func (a *serverAPI) disconnect(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	id, err := url.PathUnescape(args[0])
	if err != nil || id == "" {
		return 0, nil, refuseBecause(CodeInvalidRequest, "the connection id is empty or not percent-encoded")
	}
	how, err := endOptions(r)
	if err != nil {
		return 0, nil, err
	}
	there, err := a.h.Disconnect(r.Context(), id, how...)
	n := 0
	if there {
		n = 1
	}
	return http.StatusOK, wire.AppendCount(nil, "disconnected", n), err
}

func (a *serverAPI) disconnectUser(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	uid, err := pathUser(args[0])
	if err != nil {
		return 0, nil, err
	}
	how, err := endOptions(r)
	if err != nil {
		return 0, nil, err
	}
	n, err := a.h.DisconnectUser(r.Context(), uid, how...)
	return http.StatusOK, wire.AppendCount(nil, "disconnected", n), err
}

func (a *serverAPI) unsubscribeUser(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	uid, err := pathUser(args[1])
	if err != nil {
		return 0, nil, err
	}
	n, err := a.h.UnsubscribeUser(r.Context(), uid, channel, Because(r.URL.Query().Get("reason")))
	return http.StatusOK, wire.AppendCount(nil, "unsubscribed", n), err
}

// endOptions reads from the query how clients are told.
func endOptions(r *http.Request) ([]EndOption, error) {
	q := r.URL.Query()
	how := []EndOption{Because(q.Get("reason"))}
	switch q.Get("stayAway") {
	case "", "false":
	case "true":
		how = append(how, StayAway())
	default:
		return nil, refuseBecause(CodeInvalidRequest, `"stayAway" must be true or false`)
	}
	return how, nil
}

func (a *serverAPI) subscribe(w http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	body, err := readBody(w, r, a.h.opts.MaxBodySize, nil)
	if err != nil {
		return 0, nil, err
	}
	in, err := wire.DecodeServerSubscribe(body)
	if err != nil {
		return 0, nil, err
	}
	claims, err := channelClaims(in.Claims)
	if err != nil {
		return 0, nil, err
	}
	n, err := a.h.Subscribe(r.Context(), Target{ConnectionID: in.ConnectionID, UID: in.UID}, channel, claims)
	return http.StatusOK, wire.AppendCount(nil, "subscribed", n), err
}

// channelClaims reads the claims of one channel, as a token has them under its key.
func channelClaims(text []byte) (ChannelClaims, error) {
	if text == nil {
		return ChannelClaims{}, nil
	}
	const key = "c" // any name: that of the channel would have to be quoted
	var c Claims
	if err := c.UnmarshalJSON(slices.Concat([]byte(`{"channels":{"`+key+`":`), text, []byte(`}}`))); err != nil {
		return ChannelClaims{}, refuseBecause(CodeInvalidRequest, `"claims": `+err.Error())
	}
	return c.Channels[key], nil
}

// pathName returns a channel's name from a segment of the path.
func pathName(segment string) (string, error) {
	name, err := url.PathUnescape(segment)
	if err != nil || !protocol.ValidChannel(name) {
		return "", refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	return name, nil
}

// pathUser returns a user id from a segment of the path.
func pathUser(segment string) (string, error) {
	uid, err := url.PathUnescape(segment)
	if err != nil || uid == "" || !utf8.ValidString(uid) || utf8.RuneCountInString(uid) > protocol.MaxUID {
		return "", refuseBecause(CodeInvalidRequest, "the user id must be 1 to 128 characters, percent-encoded")
	}
	return uid, nil
}

func (a *serverAPI) schedules(_ http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	q := r.URL.Query()
	list := store.SchedulesRequest{Channel: q.Get("channel"), Limit: wire.MaxPage}
	if list.Channel != "" {
		if err := validateChannel(list.Channel); err != nil {
			return 0, nil, err
		}
	}
	if after := q.Get("after"); after != "" {
		var ok bool
		if list.AfterDue, list.AfterID, ok = wire.ParseScheduleCursor(after); !ok {
			return 0, nil, refuseBecause(CodeInvalidRequest, `"after" must be the "next" of the page before`)
		}
	}
	ctx := newLazyTimeout(r.Context(), a.h.opts.StoreTimeout)
	defer ctx.end()
	page, err := a.h.opts.Scheduler.Schedules(ctx, list)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendSchedulePage(nil, page.Schedules, page.More, maxPageSize), nil
}

func (a *serverAPI) cancelSchedule(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	return http.StatusOK, wire.AppendEmpty(nil), a.h.CancelSchedule(r.Context(), wire.JoinScheduleARN(args[0], args[1]))
}

func (a *serverAPI) moveSchedule(w http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	body, err := readBody(w, r, a.h.opts.MaxBodySize, nil)
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
	return http.StatusOK, wire.AppendEmpty(nil), a.h.MoveSchedule(r.Context(), wire.JoinScheduleARN(args[0], args[1]), due)
}

func (a *serverAPI) revoke(w http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	body, err := readBody(w, r, a.h.opts.MaxBodySize, nil)
	if err != nil {
		return 0, nil, err
	}
	in, err := wire.DecodeRevocation(body)
	if err != nil {
		return 0, nil, err
	}
	n, err := a.h.Revoke(r.Context(), Revocation{UID: in.UID, TokenID: in.TokenID, IssuedBefore: in.IssuedBefore, Until: in.Until})
	return http.StatusOK, wire.AppendCount(nil, "ended", n), err
}
