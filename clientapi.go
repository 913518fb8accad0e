package hotsock

import (
	"context"
	"net/http"

	"github.com/hotsock-go/hotsock/internal/wire"
)

// An operation of the client's HTTP API (docs/protocol.md#12-client-http-api)
// carries out a request and returns the answer.
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
	"channelStorageList": {http.StatusOK, (*caller).storageList},
	"getChannelInfo":     {http.StatusOK, (*caller).channelInfo},
	"umdUpdate":          {http.StatusOK, (*caller).umdUpdate},
	"cancelSchedule":     {http.StatusOK, (*caller).cancelSchedule},
}

func (h *Handler) serveOperation(w http.ResponseWriter, r *http.Request, name string) {
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Add("Vary", "Origin")
		if !h.origins.allowAPI(origin, r) {
			h.writeError(w, r, h.refuseOrigin(r))
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	}
	op, ok := operations[name]
	if !ok {
		h.writeError(w, r, refuse(CodeNotFound))
		return
	}
	if r.Method == http.MethodOptions {
		h.preflight(w, r)
		return
	}
	if r.Method != http.MethodPost {
		h.refuseMethod(w, r, http.MethodPost+", "+http.MethodOptions)
		return
	}
	answer, err := h.operate(w, r, op)
	if err != nil {
		h.writeError(w, r, err)
		return
	}
	writeJSON(w, op.status, answer)
}

func (h *Handler) operate(w http.ResponseWriter, r *http.Request, op operation) ([]byte, error) {
	if h.isStopping() {
		return nil, refuse(CodeUnavailable)
	}
	body, err := h.readBody(w, r, nil)
	if err != nil {
		return nil, err
	}
	// All operations name their channel in the same way. Who calls is asked
	// first, so that only they learn what is wrong with the body.
	channel, _ := wire.DecodeChannelInfo(body)
	c, err := h.caller(r, channel)
	if err != nil {
		return nil, err
	}
	return op.do(c, r.Context(), body)
}
