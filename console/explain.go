package console

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/hotsock-go/hotsock"
)

// explainRequest is hotsock.ExplainRequest as JSON.
type explainRequest struct {
	Action        hotsock.Action  `json:"action"`
	Token         string          `json:"token"`
	Claims        *hotsock.Claims `json:"claims"`
	CommandToken  string          `json:"commandToken"`
	CommandClaims *hotsock.Claims `json:"commandClaims"`
	// The page does not ask about what the app grants.
	Granted      *hotsock.ChannelClaims `json:"-"`
	ConnectionID string                 `json:"connectionId"`
	Channel      string                 `json:"channel"`
	Event        string                 `json:"event"`
	Key          string                 `json:"key"`
	Reaction     string                 `json:"reaction"`
	Method       string                 `json:"method"`
	At           time.Time              `json:"at"`
}

// explanation is hotsock.Explanation as JSON.
type explanation struct {
	Action            hotsock.Action `json:"action"`
	Channel           string         `json:"channel,omitempty"`
	Allowed           bool           `json:"allowed"`
	NeedsSubscription bool           `json:"needsSubscription"`
	Code              hotsock.Code   `json:"code,omitempty"`
	Hook              string         `json:"hook,omitempty"`
	Reason            string         `json:"reason"`
	Claims            []claim        `json:"claims"`
}

type claim struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
	Keys  []key           `json:"keys"`
}

type key struct {
	Text   string          `json:"text"`
	Value  json.RawMessage `json:"value,omitempty"`
	Counts bool            `json:"counts"`
}

func (c *console) explain(r *http.Request, body []byte) (any, error) {
	var in explainRequest
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	e, err := c.Handler.Explain(r.Context(), hotsock.ExplainRequest(in))
	if err != nil {
		return nil, err
	}
	out := explanation{
		Action: e.Action, Channel: e.Channel, Allowed: e.Allowed, NeedsSubscription: e.NeedsSubscription,
		Code: e.Code, Hook: e.Hook, Reason: e.Reason, Claims: make([]claim, 0, len(e.Claims)),
	}
	for _, ec := range e.Claims {
		cl := claim{Name: ec.Name, Value: ec.Value, Keys: make([]key, 0, len(ec.Keys))}
		for i := range ec.Keys {
			k := &ec.Keys[i]
			cl.Keys = append(cl.Keys, key{Text: k.String(), Value: k.Value, Counts: k == ec.By})
		}
		out.Claims = append(out.Claims, cl)
	}
	return out, nil
}
