package hotsock

import (
	"context"
	"net/http"

	"github.com/hotsock-go/hotsock/internal/wire"
)

// A clientAPI is the client's HTTP API (docs/protocol.md#12-client-http-api).
type clientAPI struct {
	*responder
	h *Handler
}

// An operation of the client's HTTP API carries out a request and returns the answer.
type operation struct {
	status int
	do     func(c *caller, ctx context.Context, body []byte) ([]byte, error)
	// post takes the place of do if the connection itself is to get what was sent.
	post func(body []byte) (*peerRequest, error)
}

func isOperation(name string) bool {
	_, is := operations[name]
	return is
}

var operations = map[string]operation{
	"publishMessage":     {status: http.StatusAccepted, do: (*caller).publishMessage},
	"listMessages":       {status: http.StatusOK, do: (*caller).listMessages},
	"listReactions":      {status: http.StatusOK, do: (*caller).listReactions},
	"channelStorageGet":  {status: http.StatusOK, do: (*caller).storageGet},
	"channelStorageSet":  {status: http.StatusAccepted, do: (*caller).storageSet},
	"channelStorageAdd":  {status: http.StatusAccepted, do: (*caller).storageAdd},
	"channelStorageList": {status: http.StatusOK, do: (*caller).storageList},
	"getChannelInfo":     {status: http.StatusOK, do: (*caller).channelInfo},
	"umdUpdate":          {status: http.StatusOK, do: (*caller).umdUpdate},
	"listSchedules":      {status: http.StatusOK, do: (*caller).listSchedules},
	"call":               {status: http.StatusOK, do: (*caller).call},
	"cancelSchedule":     {status: http.StatusOK, do: (*caller).cancelSchedule},
	"send":               {status: http.StatusAccepted, post: postSend},
	"close":              {status: http.StatusAccepted, post: postClose},
}

func (a *clientAPI) serve(w http.ResponseWriter, r *http.Request, name string) {
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Add("Vary", "Origin")
		if !a.h.origins.allowAPI(origin, r) {
			a.writeError(w, r, a.refuseOrigin(r))
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	}
	op, ok := operations[name]
	if !ok {
		a.writeError(w, r, refuse(CodeNotFound))
		return
	}
	if r.Method == http.MethodOptions {
		a.h.opts.preflight(w, r, http.MethodPost, "Content-Type")
		return
	}
	if r.Method != http.MethodPost {
		a.refuseMethod(w, r, http.MethodPost+", "+http.MethodOptions)
		return
	}
	answer, err := a.operate(w, r, op)
	if err != nil {
		a.writeError(w, r, err)
		return
	}
	writeJSON(w, op.status, answer)
}

func (a *clientAPI) operate(w http.ResponseWriter, r *http.Request, op operation) ([]byte, error) {
	if err := a.h.requests.begin(); err != nil {
		return nil, err
	}
	defer a.h.requests.end()
	body, err := readBody(w, r, a.h.opts.MaxBodySize, nil)
	if err != nil {
		return nil, err
	}
	if op.post != nil {
		return wire.AppendEmpty(nil), a.post(r, body, op.post)
	}
	// All operations name their channel in the same way. Who calls is asked
	// first, so that only they learn what is wrong with the body.
	channel, _ := wire.DecodeChannelInfo(body)
	c, err := a.caller(r, channel)
	if err != nil {
		return nil, err
	}
	return op.do(c, r.Context(), body)
}
