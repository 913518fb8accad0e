package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// UnmarshalJSON reads the payload of a token. It refuses members with equal names,
// and takes a null for an absent claim; names in the wrong case are unknown. It
// does not check what the claims mean.
func (c *Claims) UnmarshalJSON(payload []byte) error {
	read := Claims{}
	if err := decodeClaims(payload, &read); err != nil {
		return fmt.Errorf("token: claims: %w", err)
	}
	*c = read
	return nil
}

func decodeClaims(payload []byte, c *Claims) error {
	return decodeObject(payload, func(r reader, name string) error { return r.claim(c, name) })
}

// decodeObject calls member for each member of the object that the text should
// be, to read its value.
func decodeObject(text []byte, member func(r reader, name string) error) error {
	d := decoders.Get().(*decoder)
	d.text = *bytes.NewBuffer(text)
	defer d.release()
	r := reader{&d.Decoder}
	if r.dec.PeekKind() == jsontext.KindNull {
		return errors.New("must be an object, not null")
	}
	if err := r.object(func(name string) error { return member(r, name) }); err != nil {
		return err
	}
	if _, err := r.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("must be one object and nothing else")
	}
	return nil
}

// A decoder is used again, because making one takes longer than reading most tokens.
type decoder struct {
	jsontext.Decoder
	text bytes.Buffer
}

var decoders = sync.Pool{New: func() any {
	d := new(decoder)
	d.Reset(&d.text)
	return d
}}

func (d *decoder) release() {
	d.text = bytes.Buffer{} // which is not kept
	d.Reset(&d.text)
	decoders.Put(d)
}

// A reader reads values, each into what it is given. A null changes
// nothing. Errors say where in the claims they are.
type reader struct {
	dec *jsontext.Decoder
}

func (r reader) claim(c *Claims, name string) error {
	switch name {
	case "scope":
		return r.scope(&c.Scope)
	case "exp":
		return r.date(&c.Expires)
	case "nbf":
		return r.date(&c.NotBefore)
	case "iat":
		return r.date(&c.IssuedAt)
	case "jti":
		return r.text(&c.ID)
	case "aud":
		return r.textOrTexts(&c.Audience)
	case "iss":
		return r.text(&c.Issuer)
	case "uid":
		return r.text(&c.UID)
	case "umd":
		return r.raw(&c.UMD)
	case "connectionId":
		return r.name(&c.ConnectionID)
	case "singleUse":
		return r.boolean(&c.SingleUse)
	case "keepAlive":
		return r.boolean(&c.KeepAlive)
	case "heartbeatTimeout":
		return r.heartbeat(&c.HeartbeatTimeout)
	case "umdUpdate":
		return r.boolean(&c.UMDUpdate)
	case "umdPropagate":
		return r.boolean(&c.UMDPropagate)
	case "channels":
		return decodeMap(r, &c.Channels, r.channel)
	case "calls":
		return r.permissions(&c.Calls)
	}
	return r.dec.SkipValue()
}

func (r reader) channel(c *ChannelClaims, name string) error {
	switch name {
	case "subscribe":
		return r.permission(&c.Subscribe)
	case "autoSubscribe":
		return r.permission(&c.AutoSubscribe)
	case "alias":
		return r.name(&c.Alias)
	case "getInfo":
		return r.permission(&c.GetInfo)
	case "historyStart":
		return r.date(&c.HistoryStart)
	case "omitFromSubCount":
		return r.permission(&c.OmitFromSubCount)
	case "umdUpdate":
		return r.permission(&c.UMDUpdate)
	case "messages":
		return decodeMap(r, &c.Messages, r.message)
	case "storage":
		return decodeMap(r, &c.Storage, r.storage)
	case "calls":
		return r.permissions(&c.Calls)
	}
	return r.skipPermission(name)
}

func (r reader) message(c *MessageClaims, name string) error {
	switch name {
	case "publish":
		return r.permission(&c.Publish)
	case "broadcast":
		return r.permission(&c.Broadcast)
	case "echo":
		return r.permission(&c.Echo)
	case "store":
		return r.keep(&c.Store)
	case "scheduleBefore":
		return r.date(&c.ScheduleBefore)
	case "emitPubSubEvent":
		return r.permission(&c.EmitPubSubEvent)
	case "react":
		if r.dec.PeekKind() == jsontext.KindBeginArray {
			return r.texts(&c.Reactions)
		}
		return r.permission(&c.React)
	case "update":
		return r.editPermission(&c.Update)
	case "delete":
		return r.editPermission(&c.Delete)
	case "stop":
		return r.editPermission(&c.Stop)
	}
	return r.skipPermission(name)
}

func (r reader) storage(c *StorageClaims, name string) error {
	switch name {
	case "get":
		return r.permission(&c.Get)
	case "set":
		return r.permission(&c.Set)
	case "observe":
		return r.permission(&c.Observe)
	case "store":
		return r.keep(&c.Store)
	case "scheduleBefore":
		return r.date(&c.ScheduleBefore)
	case "emitPubSubEvent":
		return r.permission(&c.EmitPubSubEvent)
	}
	return r.skipPermission(name)
}

// permissionNames are the members of permissions, of all kinds together.
var permissionNames = []string{
	"subscribe", "autoSubscribe", "alias", "getInfo", "historyStart", "omitFromSubCount", "umdUpdate", "messages", "storage",
	"publish", "broadcast", "echo", "store", "scheduleBefore", "emitPubSubEvent", "react", "update", "delete", "stop", "get", "set", "observe", "calls",
}

// skipPermission skips what is not known. But what differs from a permission only
// in case was meant as one: ignored, what it denies would be permitted.
func (r reader) skipPermission(name string) error {
	for _, known := range permissionNames {
		if name != known && strings.EqualFold(name, known) {
			return r.wrong("must be written " + known)
		}
	}
	return r.dec.SkipValue()
}

// object calls member for each member of an object, to read its value.
func (r reader) object(member func(name string) error) error {
	if _, ok, err := r.next("an object", jsontext.KindBeginObject); !ok {
		return err
	}
	for r.dec.PeekKind() != jsontext.KindEndObject {
		name, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// decodeMap reads an object of objects that have the same members.
func decodeMap[T any](r reader, values *map[string]T, member func(*T, string) error) error {
	if r.dec.PeekKind() == jsontext.KindBeginObject {
		*values = make(map[string]T)
	}
	return r.object(func(key string) error {
		var value T
		err := r.object(func(name string) error { return member(&value, name) })
		(*values)[key] = value
		return err
	})
}

// permissions reads an object of booleans.
func (r reader) permissions(values *map[string]Permission) error {
	if r.dec.PeekKind() == jsontext.KindBeginObject {
		*values = make(map[string]Permission)
	}
	return r.object(func(key string) error {
		var p Permission
		err := r.permission(&p)
		(*values)[key] = p
		return err
	})
}

// next reads a token of one of the kinds. It returns false, and no error, if
// there is a null instead.
func (r reader) next(want string, kinds ...jsontext.Kind) (jsontext.Token, bool, error) {
	t, err := r.dec.ReadToken()
	switch {
	case err != nil:
		return t, false, err
	case slices.Contains(kinds, t.Kind()):
		return t, true, nil
	case t.Kind() == jsontext.KindNull:
		return t, false, nil
	}
	return t, false, r.wrong("must be " + want + ", not " + kindName(t.Kind()))
}

// wrong is an error about the value that was read last.
func (r reader) wrong(what string) error {
	return fmt.Errorf("%s: %s", r.dec.StackPointer(), what)
}

func kindName(k jsontext.Kind) string {
	switch k {
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	case jsontext.KindBeginArray:
		return "an array"
	default:
		return "an object"
	}
}
