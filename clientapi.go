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
}

var operations = map[string]operation{
	"publishMessage":     {http.StatusAccepted, (*caller).publishMessage},
	"listMessages":       {http.StatusOK, (*caller).listMessages},
	"listReactions":      {http.StatusOK, (*caller).listReactions},
	"channelStorageGet":  {http.StatusOK, (*caller).storageGet},
	"channelStorageSet":  {http.StatusAccepted, (*caller).storageSet},
	"channelStorageAdd":  {http.StatusAccepted, (*caller).storageAdd},
	"channelStorageList": {http.StatusOK, (*caller).storageList},
	"getChannelInfo":     {http.StatusOK, (*caller).channelInfo},
	"umdUpdate":          {http.StatusOK, (*caller).umdUpdate},
	"listSchedules":      {http.StatusOK, (*caller).listSchedules},
	"call":               {http.StatusOK, (*caller).call},
	"cancelSchedule":     {http.StatusOK, (*caller).cancelSchedule},
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
		a.preflight(w, r)
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
	// All operations name their channel in the same way. Who calls is asked
	// first, so that only they learn what is wrong with the body.
	channel, _ := wire.DecodeChannelInfo(body)
	c, err := a.caller(r, channel)
	if err != nil {
		return nil, err
	}
	return op.do(c, r.Context(), body)
}
