package token

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// MarshalJSON returns the payload of a token. It fails for what the payload cannot
// express, such as a Store of half a second or text that is not UTF-8.
func (c Claims) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	w := writer{enc: jsontext.NewEncoder(&b, jsontext.PreserveRawStrings(true))}
	w.claims(&c)
	if w.err != nil {
		return nil, fmt.Errorf("token: claims: %w", w.err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// A writer writes members of objects, each only if it is set. After an
// error it does nothing.
type writer struct {
	enc *jsontext.Encoder
	err error
}

func (w *writer) claims(c *Claims) {
	w.token(jsontext.BeginObject)
	if c.Scope != 0 {
		w.text("scope", c.Scope.String())
	}
	w.date("exp", c.Expires)
	w.date("nbf", c.NotBefore)
	w.date("iat", c.IssuedAt)
	w.text("jti", c.ID)
	w.texts("aud", c.Audience)
	w.text("iss", c.Issuer)
	w.text("uid", c.UID)
	if len(c.UMD) > 0 {
		w.token(jsontext.String("umd"))
		w.check(w.enc.WriteValue(jsontext.Value(c.UMD)))
	}
	w.text("connectionId", c.ConnectionID)
	w.boolean("singleUse", c.SingleUse)
	w.boolean("keepAlive", c.KeepAlive)
	if c.HeartbeatTimeout != 0 {
		w.seconds("heartbeatTimeout", c.HeartbeatTimeout)
	}
	w.boolean("umdUpdate", c.UMDUpdate)
	w.boolean("umdPropagate", c.UMDPropagate)
	encodeMap(w, "channels", c.Channels, w.channel)
	w.permissions("calls", c.Calls)
	w.token(jsontext.EndObject)
}

func (w *writer) channel(c *ChannelClaims) {
	w.permission("subscribe", c.Subscribe)
	w.permission("autoSubscribe", c.AutoSubscribe)
	w.text("alias", c.Alias)
	w.permission("getInfo", c.GetInfo)
	w.date("historyStart", c.HistoryStart)
	w.permission("omitFromSubCount", c.OmitFromSubCount)
	w.permission("umdUpdate", c.UMDUpdate)
	encodeMap(w, "messages", c.Messages, w.message)
	encodeMap(w, "storage", c.Storage, w.storage)
	w.permissions("calls", c.Calls)
}

func (w *writer) message(c *MessageClaims) {
	w.permission("publish", c.Publish)
	w.permission("broadcast", c.Broadcast)
	w.permission("echo", c.Echo)
	w.keep(c.Store)
	w.date("scheduleBefore", c.ScheduleBefore)
	w.permission("emitPubSubEvent", c.EmitPubSubEvent)
	w.permission("react", c.React)
	// Had React been written too, the encoder would refuse the second one.
	w.texts("react", c.Reactions)
	w.permission("update", c.Update)
	w.permission("delete", c.Delete)
	w.permission("stop", c.Stop)
}

func (w *writer) storage(c *StorageClaims) {
	w.permission("get", c.Get)
	w.permission("set", c.Set)
	w.permission("observe", c.Observe)
	w.keep(c.Store)
	w.date("scheduleBefore", c.ScheduleBefore)
	w.permission("emitPubSubEvent", c.EmitPubSubEvent)
}

func encodeMap[T any](w *writer, name string, values map[string]T, members func(*T)) {
	if values == nil {
		return
	}
	w.token(jsontext.String(name), jsontext.BeginObject)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := values[key]
		w.token(jsontext.String(key), jsontext.BeginObject)
		members(&value)
		w.token(jsontext.EndObject)
	}
	w.token(jsontext.EndObject)
}

func (w *writer) permissions(name string, values map[string]Permission) {
	if values == nil {
		return
	}
	w.token(jsontext.String(name), jsontext.BeginObject)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		w.permission(key, values[key])
	}
	w.token(jsontext.EndObject)
}

func (w *writer) check(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) token(tokens ...jsontext.Token) {
	for _, t := range tokens {
		if w.err == nil {
			w.err = w.enc.WriteToken(t)
		}
	}
}

func (w *writer) text(name, s string) {
	if s != "" {
		w.token(jsontext.String(name), jsontext.String(s))
	}
}

func (w *writer) texts(name string, list []string) {
	if list == nil {
		return
	}
	w.token(jsontext.String(name), jsontext.BeginArray)
	for _, s := range list {
		w.token(jsontext.String(s))
	}
	w.token(jsontext.EndArray)
}

func (w *writer) boolean(name string, b bool) {
	if b {
		w.token(jsontext.String(name), jsontext.True)
	}
}

func (w *writer) permission(name string, p Permission) {
	switch p {
	case Unset:
	case Own:
		w.text(name, own)
	default:
		w.token(jsontext.String(name), jsontext.Bool(p == Allow))
	}
}

func (w *writer) date(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	s, fraction := t.Unix(), t.Nanosecond()/1000
	if s < 0 || s > maxDate {
		w.check(errors.New(name + " is not within the years 1970 to 9999"))
	}
	w.token(jsontext.String(name))
	if fraction == 0 || s >= 1<<33 { // as reader.date
		w.token(jsontext.Int(s))
		return
	}
	w.token(jsontext.Float(float64(t.UnixMicro()) / 1e6))
}

func (w *writer) seconds(name string, d time.Duration) {
	if d < 0 || d%time.Second != 0 {
		w.check(fmt.Errorf("%s is %v, which is not a number of seconds", name, d))
	}
	w.token(jsontext.String(name), jsontext.Int(int64(d/time.Second)))
}

func (w *writer) keep(d time.Duration) {
	switch d {
	case 0:
	case Forever:
		w.token(jsontext.String("store"), jsontext.Int(-1))
	case Never:
		w.token(jsontext.String("store"), jsontext.Int(0))
	default:
		w.seconds("store", d)
	}
}
