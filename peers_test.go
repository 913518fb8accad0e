package hotsock

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/store"
)

// Nodes that do not answer hold up neither this one nor each other, and the error
// says what is not known.
func TestNodesThatDoNotAnswer(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("a")
		r.s.dead = []string{"dead1", "dead2", "dead3", "dead4", "dead5"}
		for _, row := range []struct {
			what string
			do   func() (int, error)
		}{
			{"UnsubscribeUser", func() (int, error) { return r.h.UnsubscribeUser(t.Context(), "ann", "a") }},
			{"DisconnectUser", func() (int, error) { return r.h.DisconnectUser(t.Context(), "ann") }},
		} {
			start := time.Now()
			n, err := row.do()
			e, ok := errors.AsType[*Error](err)
			if n != 1 || !ok || e.Code != CodeUnavailable || !strings.HasPrefix(e.Message, "5 of 5 other servers did not answer") {
				t.Errorf("%s: %d, %v", row.what, n, err)
			}
			if d := time.Since(start); d > r.h.opts.StoreTimeout {
				t.Errorf("%s took %v", row.what, d)
			}
		}
		c.Expect("hotsock.unsubscribed")
		c.ExpectClose(websocket.StatusServiceRestart, "")
		_, err := r.h.Disconnect(t.Context(), strings.Repeat("x", randomLength)+"dead1")
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != CodeUnavailable || e.Message != unanswered {
			t.Errorf("Disconnect: %v", err)
		}
	})
}

// A node whose answer cannot be read, or that refuses, is told of as one that did
// not answer; what the others did counts.
func TestNodesThatAnswerNonsense(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		r.connect("ann")
		node := r.h.peers.node
		for _, row := range []struct {
			answer string
			code   Code
		}{
			{`}`, CodeInternal},
			{`[]`, CodeInternal},
			{`{"count":"1"}`, CodeInternal},
			{``, CodeInternal},
			{`{"error":"RATE_LIMITED","message":"later","retry":5}`, CodeRateLimited},
			{`{"error":"A_CODE_OF_TOMORROW","message":"no"}`, CodeUnavailable},
			{`{"unsupported":true}`, CodeUnavailable},
		} {
			r.h.peers.node = &nonsenseNode{node, row.answer}
			_, err := r.h.Disconnect(t.Context(), strings.Repeat("x", randomLength)+"other")
			if e := asError(err); err == nil || e.Code != row.code {
				t.Errorf("Disconnect with the answer %q: %v", row.answer, err)
			}
			n, err := r.h.UnsubscribeUser(t.Context(), "ann", "a")
			if e, ok := errors.AsType[*Error](err); n != 0 || !ok || e.Code != row.code || !strings.HasPrefix(e.Message, "1 of 1 other servers") {
				t.Errorf("UnsubscribeUser with the answer %q: %d, %v", row.answer, n, err)
			}
		}
		r.h.peers.node = node
		for _, request := range []string{``, `}`, `[]`} {
			if b, err := r.h.peers.answer([]byte(request)); err == nil && !strings.Contains(string(b), `"error":"INTERNAL"`) {
				t.Errorf("the request %q is answered with %s", request, b)
			}
		}
	})
}

// A node of another version is asked for what it does not know: it says so, does
// nothing, and who asked is told to wait for the deployment.
func TestNodesOfAnotherVersion(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		r.connect("ann")
		answer, err := r.h.peers.answer([]byte(`{"op":"of tomorrow","uid":"ann","more":{}}`))
		if err != nil || !strings.Contains(string(answer), `"unsupported":true`) {
			t.Fatalf("answered %s, %v", answer, err)
		}
		node := r.h.peers.node
		defer func() { r.h.peers.node = node }()
		r.h.peers.node = &nonsenseNode{node, string(answer)}
		_, err = r.h.Disconnect(t.Context(), strings.Repeat("x", randomLength)+"other")
		if e := asError(err); e.Code != CodeUnavailable || e.Message != unsupported {
			t.Errorf("Disconnect: %v", err)
		}
		n, err := r.h.UnsubscribeUser(t.Context(), "ann", "a")
		if e := asError(err); n != 0 || e.Code != CodeUnavailable || !strings.HasPrefix(e.Message, "1 of 1 other servers are of another version") {
			t.Errorf("UnsubscribeUser: %d, %v", n, err)
		}
		// What the other version adds to an answer is ignored.
		r.h.peers.node = &nonsenseNode{node, `{"count":2,"of tomorrow":[1]}`}
		if n, err := r.h.UnsubscribeUser(t.Context(), "ann", "a"); n != 2 || err != nil {
			t.Errorf("UnsubscribeUser: %d, %v", n, err)
		}
	})
}

// A node that knows nothing of what the app grants is not given the rest of what counts on
// a channel: it would leave out what the app denies.
func TestGrantsAreNotLeftOut(t *testing.T) {
	var o Options
	o.Hooks.BeforeSubscribe = func(_ context.Context, _ Requester, s SubscribeRequest) (*ChannelClaims, error) {
		if s.Channel == "open" {
			return nil, nil
		}
		return &ChannelClaims{Messages: map[string]MessageClaims{"e": {Publish: Deny}}}, nil
	}
	inRig(t, o, func(t *testing.T, r *rig) {
		c := r.connect("ann")
		c.Subscribe("open")
		c.Subscribe("room")
		hash := sha256.Sum256([]byte(c.Secret))
		for _, tt := range []struct {
			q    peerRequest
			want string
		}{
			{peerRequest{Channel: "room"}, `"unsupported":true`},
			{peerRequest{Channel: "room", Grants: true}, `"granted":{"channels":{"room":{"messages":{"e":{"publish":false}}}}}`},
			{peerRequest{Channel: "open"}, `"channel":"open"`},
			{peerRequest{}, `"uid":"ann"`},
		} {
			tt.q.Op, tt.q.Connection, tt.q.Secret = peerLookup, c.ID, hash[:]
			request, err := json.Marshal(&tt.q)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := r.h.peers.answer(request)
			if err != nil || !strings.Contains(string(answer), tt.want) {
				t.Errorf("%s: %s, %v", request, answer, err)
			}
		}
	})
}

// A nonsenseNode has one peer, which answers the same to everything.
type nonsenseNode struct {
	store.Node
	answer string
}

func (n *nonsenseNode) Peers(context.Context) ([]string, error) { return []string{"other"}, nil }

func (n *nonsenseNode) Call(context.Context, string, []byte) ([]byte, error) {
	return []byte(n.answer), nil
}

// What this node holds takes no store to be changed or ended.
func TestControlWhileUnavailable(t *testing.T) {
	inRig(t, Options{Keys: []Key{tokenHS256.Key()}}, func(t *testing.T, r *rig) {
		ann, bob := r.connect("ann"), r.connect("bob")
		bob.Subscribe("a")
		a := r.h.conns.ofUser("ann")[0]
		r.s.setDown(true)
		if there, err := r.h.Disconnect(t.Context(), a.id); !there || err != nil {
			t.Errorf("Disconnect: %v, %v", there, err)
		}
		ann.ExpectClose(websocket.StatusServiceRestart, "")
		n, err := r.h.UnsubscribeUser(t.Context(), "bob", "a")
		if e, ok := errors.AsType[*Error](err); n != 1 || !ok || e.Code != CodeUnavailable {
			t.Errorf("UnsubscribeUser: %d, %v", n, err)
		}
		bob.Expect("hotsock.unsubscribed")
		n, err = r.h.DisconnectUser(t.Context(), "bob")
		if e, ok := errors.AsType[*Error](err); n != 1 || !ok || e.Code != CodeUnavailable {
			t.Errorf("DisconnectUser: %d, %v", n, err)
		}
		bob.ExpectClose(websocket.StatusServiceRestart, "")
		r.s.setDown(false)
	})
}

// Of the client's HTTP API, metadata is changed where the connection is.
func TestUMDOverHTTPWhileUnavailable(t *testing.T) {
	inRig(t, Options{Keys: []Key{tokenHS256.Key()}}, func(t *testing.T, r *rig) {
		r.connect("ann")
		c := r.h.conns.ofUser("ann")[0]
		r.s.setDown(true)
		token, err := SignToken(Claims{
			Scope: ScopeUMD, UID: "ann", UMD: []byte(`"new"`), Expires: time.Now().Add(time.Hour), UMDUpdate: true,
		}, tokenHS256)
		if err != nil {
			t.Fatal(err)
		}
		a, err := r.h.peers.ask(t.Context(), r.h.node.ID(), &peerRequest{Op: peerUMD, Connection: c.id, Secret: c.secret[:], Token: token})
		if err != nil || a.Count != 1 || string(c.meta().UMD) != `"new"` {
			t.Errorf("%+v, %v, metadata %s", a, err, c.meta().UMD)
		}
		_, err = r.h.peers.ask(t.Context(), r.h.node.ID(), &peerRequest{Op: peerUMD, Connection: c.id, Secret: []byte("wrong"), Token: token})
		if e, ok := errors.AsType[*Error](err); !ok || codes[e.Code].status != http.StatusUnauthorized {
			t.Errorf("with a wrong secret: %v", err)
		}
		r.s.setDown(false)
	})
}
