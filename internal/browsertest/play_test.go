package browsertest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

const greeting = `{"event":"hotsock.connected","data":{"connectionId":"c","connectionSecret":"s"},"meta":{"uid":null,"umd":null}}`

// heardFrame is what a page's client sends.
type heardFrame struct {
	Event, Ref, DeduplicationID string
	Data                        json.RawMessage
}

// play plays a server on one connection: it greets the page, and sends what reply returns
// for each frame, $ref standing for its ref. It ends when the page is gone, or when reply
// returns false; until then, reply may have closed the connection.
func play(t *testing.T, w http.ResponseWriter, r *http.Request, greeting string, reply func(ws *websocket.Conn, f heardFrame) (answers []string, goOn bool)) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"hotsock"}})
	if err != nil {
		t.Error(err)
		return
	}
	defer ws.CloseNow()
	if !send(r.Context(), ws, greeting) {
		return
	}
	for {
		_, text, err := ws.Read(r.Context())
		if err != nil {
			return
		}
		var f heardFrame
		if err := json.Unmarshal(text, &f); err != nil {
			t.Errorf("%s: %v", text, err)
			return
		}
		answers, goOn := reply(ws, f)
		if !goOn {
			return
		}
		for _, answer := range answers {
			if !send(r.Context(), ws, strings.ReplaceAll(answer, "$ref", f.Ref)) {
				return
			}
		}
	}
}

func send(ctx context.Context, ws *websocket.Conn, text string) bool {
	kind := websocket.MessageText
	if strings.HasPrefix(text, "\x00") {
		kind = websocket.MessageBinary
	}
	return ws.Write(ctx, kind, []byte(text)) == nil
}
