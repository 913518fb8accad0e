package hotsock

import (
	"context"
	"net/http"

	"github.com/hotsock-go/hotsock/internal/wire"
)

// These endpoints do what the methods of erase.go do. They do not wait for the end of
// what takes long.

func (a *serverAPI) eraseChannel(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	return answerErasure(r, func(ctx context.Context) (Erasure, error) { return a.h.EraseChannel(ctx, channel) })
}

func (a *serverAPI) eraseUser(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	uid, err := pathUser(args[1])
	if err != nil {
		return 0, nil, err
	}
	return answerErasure(r, func(ctx context.Context) (Erasure, error) { return a.h.EraseUser(ctx, channel, uid) })
}

func (a *serverAPI) eraseStorage(_ http.ResponseWriter, r *http.Request, args []string) (int, []byte, error) {
	channel, err := pathName(args[0])
	if err != nil {
		return 0, nil, err
	}
	q := r.URL.Query()
	if !q.Has("prefix") {
		return 0, nil, refuseBecause(CodeInvalidRequest, `"prefix" is required; it may be empty, for all entries`)
	}
	return answerErasure(r, func(ctx context.Context) (Erasure, error) { return a.h.EraseStorage(ctx, channel, q.Get("prefix")) })
}

func answerErasure(r *http.Request, erase func(ctx context.Context) (Erasure, error)) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(r.Context(), erasureWait)
	defer cancel()
	e, err := erase(ctx)
	if err != nil {
		return 0, nil, err
	}
	status := http.StatusOK
	if !e.Done {
		status = http.StatusAccepted
	}
	out := wireErasure(e)
	return status, wire.AppendErasure(nil, &out), nil
}

func (a *serverAPI) erasures(_ http.ResponseWriter, r *http.Request, _ []string) (int, []byte, error) {
	page, err := a.h.Erasures(r.Context(), ErasureQuery{After: r.URL.Query().Get("after")})
	if err != nil {
		return 0, nil, err
	}
	out := make([]wire.Erasure, len(page.Items))
	for i, e := range page.Items {
		out[i] = wireErasure(e)
	}
	return http.StatusOK, wire.AppendErasurePage(nil, out, page.Next), nil
}

func wireErasure(e Erasure) wire.Erasure {
	return wire.Erasure{
		ID: e.ID, Target: string(e.Target), Channel: e.Channel, UID: e.UID, Prefix: e.Prefix,
		AcceptedAt: e.AcceptedAt, Until: e.Until, Erased: e.Erased, Done: e.Done,
	}
}
