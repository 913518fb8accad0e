package hotsock

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/store"
)

// A caller is the connection on whose behalf an HTTP request was sent, which
// any node may hold.
type caller struct {
	h      *Handler
	id     string
	secret []byte // hash
	who    source
	meta   store.Meta
	claims []byte // of the connection, as JSON
	// grant of these, nil if it was not needed yet.
	grant *permission.Grant
	// access to the channel that the request names, or why there is none.
	access    *access
	accessErr error
}

// caller authenticates a request of the client's HTTP API. The channel is as
// the client names it, "" for none.
func (a *clientAPI) caller(r *http.Request, channel string) (*caller, error) {
	q := r.URL.Query()
	hash := sha256.Sum256([]byte(q.Get("connectionSecret")))
	c := &caller{h: a.h, id: q.Get("connectionId"), secret: hash[:]}
	node, ok := nodeOf(c.id)
	if !ok {
		return nil, refuse(CodeUnauthorized)
	}
	if err := validateChannel(channel); err != nil {
		channel, c.accessErr = "", err
	}
	var err error
	if node == a.h.node.ID() {
		err = c.here(channel)
	} else {
		err = c.there(r.Context(), node, channel)
	}
	if err != nil {
		return nil, err
	}
	c.who = a.h.opts.source(r, "client.http")
	c.who.ConnectionID = c.id
	return c, nil
}

// here fills in what this node knows.
func (c *caller) here(channel string) error {
	conn, err := c.h.conns.forCall(c.id, c.secret)
	if err != nil {
		return err
	}
	c.meta, c.claims, c.grant = conn.meta(), conn.claims(), conn.grant()
	if channel != "" {
		var acc access
		acc, c.accessErr = conn.access(channel)
		c.access = &acc
	}
	return nil
}

// there asks the node that holds the connection.
func (c *caller) there(ctx context.Context, node, channel string) error {
	a, err := c.h.peers.ask(ctx, node, &peerRequest{
		Op: peerLookup, Connection: c.id, Secret: c.secret, Channel: channel, Grants: true,
	})
	if errors.Is(err, store.ErrNoPeer) {
		return refuse(CodeUnauthorized)
	}
	if err != nil {
		return err
	}
	c.meta, c.claims = store.Meta{UID: a.UID, UMD: a.UMD}, a.Connect
	if channel == "" {
		return nil
	}
	connect, err := c.h.peers.grantOf(a.Connect)
	if err != nil {
		return err
	}
	var added permission.Added
	if added.Subscribe, err = c.h.peers.grantOf(a.Subscribe); err != nil {
		return err
	}
	if added.App, err = c.h.peers.grantOf(a.Granted); err != nil {
		return err
	}
	c.access = &access{
		channel: a.Channel, connection: c.id, claims: (*[]byte)(&a.Connect), meta: store.Meta{UID: a.SubUID, UMD: a.SubUMD},
		perms: permission.Resolve(a.Channel, connect, added), subscribed: a.Subscribed, from: a.From,
	}
	return nil
}

// connectGrant is that of the connect token.
func (c *caller) connectGrant() (*permission.Grant, error) {
	if c.grant != nil {
		return c.grant, nil
	}
	return c.h.peers.grantOf(c.claims)
}

// updateUMD is done by the node that holds the connection.
func (c *caller) updateUMD(ctx context.Context, channel, token string) error {
	node, _ := nodeOf(c.id)
	_, err := c.h.peers.ask(ctx, node, &peerRequest{
		Op: peerUMD, Connection: c.id, Secret: c.secret, Channel: channel, Token: token,
	})
	if errors.Is(err, store.ErrNoPeer) {
		return refuse(CodeUnauthorized)
	}
	return err
}
