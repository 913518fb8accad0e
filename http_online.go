package hotsock

import (
	"net/http"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// These endpoints do what the methods of api_online.go do.

func (a *serverAPI) connections(_ http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	q := r.URL.Query()
	page, next, err := a.h.peers.connectionPage(r.Context(), ConnectionQuery{UID: q.Get("uid"), After: q.Get("after")})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendConnectionPage(nil, page, next), nil
}

func (a *serverAPI) online(_ http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	uids := r.URL.Query()["uid"]
	if len(uids) == 0 {
		return 0, nil, refuseBecause(CodeInvalidRequest, `"uid" is required, once for each user`)
	}
	for _, uid := range uids {
		if uid == "" || !utf8.ValidString(uid) || utf8.RuneCountInString(uid) > protocol.MaxUID {
			return 0, nil, refuseBecause(CodeInvalidRequest, `each "uid" must be 1 to 128 characters`)
		}
	}
	online, err := a.h.Online(r.Context(), uids...)
	if err != nil {
		return 0, nil, err
	}
	var users []wire.UserConnections
	for _, uid := range uids {
		if n := online[uid]; n > 0 {
			users = append(users, wire.UserConnections{UID: uid, Connections: n})
			delete(online, uid) // it may have been asked for twice
		}
	}
	return http.StatusOK, wire.AppendOnline(nil, users), nil
}

func (a *serverAPI) channels(_ http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	q := r.URL.Query()
	page, next, err := a.h.peers.channelPage(r.Context(), ChannelQuery{Prefix: q.Get("prefix"), After: q.Get("after")})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, wire.AppendChannelPage(nil, page, next), nil
}
