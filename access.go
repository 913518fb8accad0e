package hotsock

import (
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/store"
)

// An access is what a client is and may do on one channel at the moment. Any node
// can have it. Its checks need no store, and their errors are what clients are told.
type access struct {
	channel    string // real name
	connection string
	claims     *[]byte // of the connection, as JSON
	meta       store.Meta
	perms      *permission.Channel
	// subscribed, and if so after which item.
	subscribed bool
	from       ulid.ULID
}

// access returns the connection's own, on the channel that it calls name.
func (c *connection) access(name string) (access, error) {
	if err := validateChannel(name); err != nil {
		return access{}, err
	}
	channel := c.perms.RealName(name, nil)
	if s := c.subscription(channel); s != nil {
		return access{
			channel: channel, connection: c.id, claims: &c.connect.Load().claims, meta: s.meta(), perms: s.perms(),
			subscribed: true, from: s.from,
		}, nil
	}
	return access{channel: channel, connection: c.id, claims: &c.connect.Load().claims, meta: c.meta(), perms: c.perms.Channel(channel)}, nil
}

// permitHistory is for what only subscribers may read.
func (a *access) permitHistory() error {
	if !a.subscribed {
		return refuse(CodeNotSubscribed)
	}
	return nil
}

// permitRead is for a message.
func (a *access) permitRead(id ulid.ULID) error {
	if id.Compare(a.oldest()) <= 0 {
		return refuse(CodeHistoryPermissionDenied)
	}
	return nil
}

func (a *access) permitPublish(event string) (*permission.Event, error) {
	if err := validateEvent(event); err != nil {
		return nil, err
	}
	perms := a.perms.Event(event)
	if !perms.Broadcast && !(a.subscribed && perms.Publish) {
		if perms.Publish {
			return nil, refuse(CodeNotSubscribed)
		}
		return nil, refuse(CodePublishPermissionDenied)
	}
	return perms, nil
}

// deduplicationID is the client's id as the store has it: apart from those of other
// users and from the app's, which are text and so have no byte 0xFF. Of a client
// without a user, it is the connection's.
func (a *access) deduplicationID(id string) string {
	if a.meta.UID == "" {
		return "\xffconnection\xff" + a.connection + "\xff" + id
	}
	return "\xffuid\xff" + a.meta.UID + "\xff" + id
}

// permitReacting is what all reactions need, and permitReaction what one to a
// message of the event does.
func (a *access) permitReacting() error {
	if !a.subscribed {
		return refuse(CodeNotSubscribed)
	}
	if a.meta.UID == "" {
		return refuse(CodeReactionPermissionDenied)
	}
	return nil
}

func (a *access) permitReaction(event, reaction string) (*permission.Event, error) {
	perms := a.perms.Event(event)
	if !perms.MayReact(reaction) {
		return nil, refuse(CodeReactionPermissionDenied)
	}
	return perms, nil
}

// permitEditing is what all edits need, and permitEdit what one of a message does that
// somebody has sent.
func (a *access) permitEditing() error {
	if !a.subscribed {
		return refuse(CodeNotSubscribed)
	}
	return nil
}

func (a *access) permitEdit(event string, by *store.Meta, remove bool) error {
	own := by != nil && by.UID != "" && by.UID == a.meta.UID
	switch {
	case a.perms.Event(event).MayEdit(remove, own):
		return nil
	case remove:
		return refuse(CodeDeletePermissionDenied)
	}
	return refuse(CodeUpdatePermissionDenied)
}

// permitStopping is what stopping any stream needs, and permitStop what one of the event
// does that a user has sent, "" being the app.
func (a *access) permitStopping(id ulid.ULID) error {
	if err := a.permitEditing(); err != nil {
		return err
	}
	if err := a.permitRead(id); err != nil {
		return err
	}
	if !a.perms.MayStop() {
		return refuse(CodeStopPermissionDenied)
	}
	return nil
}

func (a *access) permitStop(event, uid string) error {
	if !a.perms.Event(event).MayStop(uid != "" && uid == a.meta.UID) {
		return refuse(CodeStopPermissionDenied)
	}
	return nil
}

func (a *access) permitGet(key string) error {
	if err := validateKey(key); err != nil {
		return err
	}
	if !a.perms.Entry(key).Get {
		return refuse(CodeStoragePermissionDenied)
	}
	return nil
}

func (a *access) permitSet(key string) (*permission.Entry, error) {
	if err := validateKey(key); err != nil {
		return nil, err
	}
	perms := a.perms.Entry(key)
	if !perms.Set {
		return nil, refuse(CodeStoragePermissionDenied)
	}
	return perms, nil
}

func (a *access) permitInfo() error {
	if !a.perms.GetInfo {
		return refuse(CodeInfoPermissionDenied)
	}
	return nil
}

// oldest returns the exclusive lower bound of what may be read.
func (a *access) oldest() ulid.ULID { return oldestReadable(a.perms, a.from) }

// oldestReadable is that of a subscription after an item.
func oldestReadable(perms *permission.Channel, from ulid.ULID) ulid.ULID {
	start, ok := perms.History()
	if !ok {
		return from
	}
	return before(start)
}

// before returns the greatest id that is older than t.
func before(t time.Time) ulid.ULID {
	ms := t.UnixMilli()
	if ms <= 0 {
		return ulid.ULID{}
	}
	var id ulid.ULID
	// Both only fail for times beyond the year 10889.
	_ = id.SetTime(uint64(ms) - 1)
	_ = id.SetEntropy([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	return id
}

// permitSubscribe says whether a user, uid on this channel, may subscribe.
func permitSubscribe(perms *permission.Channel, channel, uid string) error {
	if !perms.Subscribe {
		return refuse(CodeSubscribePermissionDenied)
	}
	if protocol.IsPresence(channel) && uid == "" {
		return refuse(CodePresenceUserIDRequired)
	}
	return nil
}

// permitDue says whether something may be scheduled with such a
// "scheduleBefore"; with a zero time, whether anything may.
func permitDue(due, latest time.Time) error {
	if !latest.After(time.Now()) || due.After(latest) {
		return refuse(CodeSchedulePermissionDenied)
	}
	return nil
}

// permitUMD says whether a umd token permits to change metadata, on a channel that the
// client has access to, or with nil of the connection.
func permitUMD(g *permission.Grant, on *access) error {
	switch {
	case on == nil && !g.MayUpdateUMD(""), on != nil && !g.MayUpdateUMD(on.channel):
		return refuse(CodeUMDUpdatePermissionDenied)
	case on != nil && !on.subscribed:
		return refuse(CodeNotSubscribed)
	}
	return nil
}
