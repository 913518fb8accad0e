package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/appdata"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// A Tx is where rows are written: a [sql.Tx], or whatever else of an ORM has this
// method within a transaction. pgxoutbox.Tx makes one of a pgx.Tx.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Publish writes up to 1000 messages into the transaction, with one INSERT. They are
// published after COMMIT; messages of one channel in the order given. A message
// with an At is scheduled after COMMIT. Without a DeduplicationID, each gets one of its
// own.
//
// Whatever can be refused before, is: the error is a [*hotsock.Error] then, and nothing
// is written. Any other error is that of the database.
func (o *Outbox) Publish(ctx context.Context, tx Tx, messages ...hotsock.Message) error {
	if len(messages) > maxRows {
		return invalid(fmt.Sprintf("%d messages are more than %d", len(messages), maxRows))
	}
	rows := make([]newRow, len(messages))
	for i := range messages {
		var err error
		if rows[i], err = o.publishRow(&messages[i]); err != nil {
			return err
		}
	}
	return o.insert(ctx, tx, rows...)
}

func (o *Outbox) publishRow(m *hotsock.Message) (newRow, error) {
	data, err := marshal("data", m.Data, o.opts.MaxDataSize)
	if err != nil {
		return newRow{}, err
	}
	b := body{Event: m.Event, Data: data, DeduplicationID: m.DeduplicationID, Exclude: m.Exclude, Emit: m.EmitEvent}
	if m.From != nil {
		if err := validUID(m.From.UID); err != nil {
			return newRow{}, err
		}
		b.UID = m.From.UID
		if b.UMD, err = marshal("umd", m.From.UMD, o.opts.MaxDataSize); err != nil {
			return newRow{}, err
		}
	}
	switch {
	case !protocol.ValidEvent(m.Event):
		return newRow{}, invalid(fmt.Sprintf("%q is no name of an event", m.Event))
	case len(m.DeduplicationID) > maxDeduplicationID:
		return newRow{}, invalid("the DeduplicationID has more than 128 bytes")
	case m.Store != 0:
		if b.Store, err = seconds(m.Store); err != nil {
			return newRow{}, err
		}
	}
	if b.At, err = at(m.At); err != nil {
		return newRow{}, err
	}
	return rowOf(m.Channel, kindPublish, &b)
}

// SetStorage writes, clears or schedules the write of a storage entry after COMMIT. It
// cannot have an IfVersion, because nobody would learn of a conflict. After a crash it
// may be written twice in a row. Errors are those of Publish.
func (o *Outbox) SetStorage(ctx context.Context, tx Tx, e hotsock.Entry) error {
	if e.IfVersion != nil {
		return invalid("an entry of an outbox cannot have an IfVersion")
	}
	if !protocol.ValidKey(e.Key) {
		return invalid(fmt.Sprintf("%q is no key", e.Key))
	}
	data, err := marshal("data", e.Data, o.opts.MaxDataSize)
	if err != nil {
		return err
	}
	b := body{Key: e.Key, Data: data, Emit: e.EmitEvent}
	if e.Store != 0 {
		if b.Store, err = seconds(e.Store); err != nil {
			return err
		}
	}
	if b.At, err = at(e.At); err != nil {
		return err
	}
	return o.insertOne(ctx, tx, e.Channel, kindSet, &b)
}

// EraseChannel erases after COMMIT what the channel keeps then, as
// [hotsock.Handler.EraseChannel] does. Messages that were written before, of this
// channel, are published first and erased with the others. After a crash it may be
// erased twice. Errors are those of Publish.
func (o *Outbox) EraseChannel(ctx context.Context, tx Tx, channel string) error {
	return o.insertOne(ctx, tx, channel, kindErase, &body{Target: hotsock.ErasedChannel})
}

// EraseUser is EraseChannel for what a user has on the channel, as
// [hotsock.Handler.EraseUser].
func (o *Outbox) EraseUser(ctx context.Context, tx Tx, channel, uid string) error {
	if err := validUID(uid); err != nil {
		return err
	}
	return o.insertOne(ctx, tx, channel, kindErase, &body{Target: hotsock.ErasedUser, UID: uid})
}

// EraseStorage is EraseChannel for the entries whose keys begin with the prefix, ""
// for all of them, as [hotsock.Handler.EraseStorage].
func (o *Outbox) EraseStorage(ctx context.Context, tx Tx, channel, prefix string) error {
	return o.insertOne(ctx, tx, channel, kindErase, &body{Target: hotsock.ErasedStorage, Prefix: prefix})
}

// A newRow is one to be inserted.
type newRow struct{ channel, kind, body string }

func rowOf(channel, kind string, b *body) (newRow, error) {
	if !protocol.ValidChannel(channel) {
		return newRow{}, invalid(fmt.Sprintf("%q is no name of a channel", channel))
	}
	text, err := json.Marshal(b)
	if err == nil && len(text) > maxBody {
		err = invalid("the row is longer than 16 MiB")
	}
	return newRow{channel, kind, string(text)}, err
}

func (o *Outbox) insertOne(ctx context.Context, tx Tx, channel, kind string, b *body) error {
	row, err := rowOf(channel, kind, b)
	if err != nil {
		return err
	}
	return o.insert(ctx, tx, row)
}

// insert is the one statement in the app's transaction.
func (o *Outbox) insert(ctx context.Context, tx Tx, rows ...newRow) error {
	if len(rows) == 0 {
		return nil
	}
	var sql strings.Builder
	sql.WriteString("insert into hotsock_outbox (version, channel, kind, body) values ")
	args := make([]any, 0, 3*len(rows))
	for i, row := range rows {
		if i > 0 {
			sql.WriteString(", ")
		}
		fmt.Fprintf(&sql, "(%d, %s, %s, %s)", version,
			o.dialect.placeholder(len(args)+1), o.dialect.placeholder(len(args)+2), o.dialect.placeholder(len(args)+3))
		args = append(args, row.channel, row.kind, row.body)
	}
	if _, err := tx.ExecContext(ctx, sql.String(), args...); err != nil {
		return fmt.Errorf("outbox: inserting: %w", err)
	}
	if o.opts.Listen == nil {
		select {
		case o.written <- struct{}{}:
		default:
		}
	}
	return nil
}

const maxDeduplicationID = 128 // bytes

func invalid(text string) *hotsock.Error {
	return &hotsock.Error{Code: hotsock.CodeInvalidRequest, Message: text}
}

func validUID(uid string) error {
	if uid == "" || !utf8.ValidString(uid) || utf8.RuneCountInString(uid) > protocol.MaxUID {
		return invalid("the UID must be 1 to 128 characters")
	}
	return nil
}

// marshal makes compact and checked JSON of what the app supplies; nil of nil.
func marshal(name string, data any, most int) (json.RawMessage, error) {
	raw, isRaw := data.(json.RawMessage)
	if data == nil || isRaw && raw == nil {
		return nil, nil
	}
	raw, err := appdata.Marshal(data)
	if err != nil {
		code := hotsock.CodeInvalidRequest
		if errors.Is(err, appdata.ErrNotJSON) {
			code = hotsock.CodeInvalidJSON
		}
		return nil, &hotsock.Error{Code: code, Message: err.Error()}
	}
	value, err := wire.Value(name, raw, most)
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return nil, &hotsock.Error{Code: hotsock.Code(e.Code), Message: e.Message}
	}
	return value, err
}

// seconds returns how long something is kept, in the form of a body.
func seconds(d time.Duration) (*int64, error) {
	n := int64(-1)
	if d != hotsock.Forever {
		if d < 0 || d%time.Second != 0 || d > protocol.MaxStore*time.Second {
			return nil, invalid("Store must be whole seconds, at most 3155695200, or Forever")
		}
		n = int64(d / time.Second)
	}
	return &n, nil
}

func at(t time.Time) (*time.Time, error) {
	if t.IsZero() {
		return nil, nil
	}
	t = t.UTC()
	if y := t.Year(); y < 1970 || y > 2261 {
		return nil, &hotsock.Error{Code: hotsock.CodeInvalidScheduleExpression, Message: "At must be in the years 1970 to 2261"}
	}
	return &t, nil
}
