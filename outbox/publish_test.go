package outbox_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/outbox"
)

// A writer is a transaction that remembers what was written.
type writer struct {
	statements []string
	args       []any
}

func (w *writer) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	w.statements = append(w.statements, query)
	w.args = append(w.args, args...)
	return nil, nil
}

func TestRefusedInTheTransaction(t *testing.T) {
	box, err := outbox.New(outbox.Postgres, outbox.Options{MaxDataSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	long, none := strings.Repeat("x", 129), ""
	valid := hotsock.Message{Channel: "a", Event: "e"}
	with := func(change func(m *hotsock.Message)) func(tx outbox.Tx) error {
		m := valid
		change(&m)
		return func(tx outbox.Tx) error { return box.Publish(t.Context(), tx, valid, m) }
	}
	for _, row := range []struct {
		why  string
		code hotsock.Code
		do   func(tx outbox.Tx) error
	}{
		{"no channel", hotsock.CodeInvalidRequest, with(func(m *hotsock.Message) { m.Channel = "" })},
		{"a pattern", hotsock.CodeInvalidRequest, with(func(m *hotsock.Message) { m.Channel = "a*" })},
		{"no event", hotsock.CodeInvalidRequest, with(func(m *hotsock.Message) { m.Event = "" })},
		{"a reserved event", hotsock.CodeInvalidRequest, with(func(m *hotsock.Message) { m.Event = "hotsock.x" })},
		{"long data", hotsock.CodePayloadTooLarge, with(func(m *hotsock.Message) { m.Data = "123456789" })},
		{"no JSON", hotsock.CodeInvalidJSON, with(func(m *hotsock.Message) { m.Data = []byte("x") })},
		{"no JSON that claims to be", hotsock.CodeInvalidJSON, with(func(m *hotsock.Message) { m.Data = json.RawMessage("x") })},
		{"a channel as data", hotsock.CodeInvalidRequest, with(func(m *hotsock.Message) { m.Data = make(chan int) })},
		{"a long id", hotsock.CodeInvalidRequest, with(func(m *hotsock.Message) { m.DeduplicationID = long })},
		{"nobody", hotsock.CodeInvalidRequest, with(func(m *hotsock.Message) { m.From = &hotsock.Member{} })},
		{"half a second", hotsock.CodeInvalidRequest, with(func(m *hotsock.Message) { m.Store = time.Second / 2 })},
		{"the year 1900", hotsock.CodeInvalidScheduleExpression, with(func(m *hotsock.Message) { m.At = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC) })},
		{"too many", hotsock.CodeInvalidRequest, func(tx outbox.Tx) error {
			return box.Publish(t.Context(), tx, make([]hotsock.Message, 1001)...)
		}},
		{"no key", hotsock.CodeInvalidRequest, func(tx outbox.Tx) error {
			return box.SetStorage(t.Context(), tx, hotsock.Entry{Channel: "a"})
		}},
		{"a condition", hotsock.CodeInvalidRequest, func(tx outbox.Tx) error {
			return box.SetStorage(t.Context(), tx, hotsock.Entry{Channel: "a", Key: "k", IfVersion: &none})
		}},
		{"no user", hotsock.CodeInvalidRequest, func(tx outbox.Tx) error { return box.EraseUser(t.Context(), tx, "a", "") }},
		{"no channel to erase", hotsock.CodeInvalidRequest, func(tx outbox.Tx) error { return box.EraseChannel(t.Context(), tx, "") }},
	} {
		t.Run(row.why, func(t *testing.T) {
			var w writer
			if err := row.do(&w); !isCode(err, row.code) {
				t.Errorf("got %v, want %s", err, row.code)
			}
			if len(w.statements) > 0 {
				t.Errorf("wrote %q", w.statements)
			}
		})
	}
}

func isCode(err error, c hotsock.Code) bool {
	e, ok := err.(*hotsock.Error) //nolint:errorlint // it is what is promised
	return ok && e.Code == c
}

// TestOneInsert: nothing but one INSERT is in the app's transaction.
func TestOneInsert(t *testing.T) {
	for dialect, want := range map[outbox.Dialect]string{
		outbox.Postgres: "insert into hotsock_outbox (version, channel, kind, body) values (1, $1, $2, $3), (1, $4, $5, $6)",
		outbox.MySQL:    "insert into hotsock_outbox (version, channel, kind, body) values (1, ?, ?, ?), (1, ?, ?, ?)",
		outbox.SQLite:   "insert into hotsock_outbox (version, channel, kind, body) values (1, ?, ?, ?), (1, ?, ?, ?)",
	} {
		box, err := outbox.New(dialect, outbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var w writer
		if err := box.Publish(t.Context(), &w); err != nil || len(w.statements) > 0 {
			t.Errorf("of no message: %q, %v", w.statements, err)
		}
		m := hotsock.Message{Channel: "a", Event: "e"}
		if err := box.Publish(t.Context(), &w, m, m); err != nil || len(w.statements) != 1 || w.statements[0] != want {
			t.Errorf("%q, %v", w.statements, err)
		}
	}
}

// A keeper is a handler that notes messages and entries as they are.
type keeper struct {
	recorder
	messages chan hotsock.Message
	entries  chan hotsock.Entry
}

func (k *keeper) Publish(_ context.Context, m hotsock.Message) (hotsock.PublishResult, error) {
	k.messages <- m
	return hotsock.PublishResult{}, nil
}

func (k *keeper) SetStorage(_ context.Context, e hotsock.Entry) (hotsock.SetResult, error) {
	k.entries <- e
	return hotsock.SetResult{}, nil
}

// TestEveryFieldArrives compares what is carried out with what was written.
func TestEveryFieldArrives(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t)
		box := d.outbox(t, db, outbox.Options{})
		h := &keeper{messages: make(chan hotsock.Message, 10), entries: make(chan hotsock.Entry, 10)}
		run(t, box, db, h)
		due := time.Date(2100, 1, 2, 3, 4, 5, 600_000_000, time.FixedZone("", 3600))
		commit(t, db, func(tx *sql.Tx) error {
			if err := box.Publish(t.Context(), tx,
				hotsock.Message{
					Channel: "Räume/7", Event: "ä", Data: json.RawMessage(` {"b": 1.50, "a": "\u2028"} `), Store: time.Hour, DeduplicationID: "d",
					From: &hotsock.Member{UID: "jim", UMD: json.RawMessage(`{"n":1}`)}, Exclude: "c1", EmitEvent: true, At: due,
				},
				hotsock.Message{Channel: "Räume/7", Event: "e", Store: hotsock.Forever},
				hotsock.Message{Channel: "Räume/7", Event: "e"}); err != nil {
				return err
			}
			return box.SetStorage(t.Context(), tx, hotsock.Entry{Channel: "Räume/7", Key: "k", Data: 1, Store: time.Minute, EmitEvent: true, At: due})
		})
		m := <-h.messages
		if data, _ := json.Marshal(m.Data); string(data) != `{"b":1.50,"a":"\u2028"}` { //nolint:errchkjson // it is JSON
			t.Errorf("data %s", data)
		}
		if m.Channel != "Räume/7" || m.Event != "ä" || m.Store != time.Hour || m.DeduplicationID != "d" || m.From.UID != "jim" ||
			string(m.From.UMD) != `{"n":1}` || m.Exclude != "c1" || !m.EmitEvent || !m.At.Equal(due) {
			t.Errorf("got %+v", m)
		}
		forever, plain := <-h.messages, <-h.messages
		if forever.Store != hotsock.Forever || plain.Store != 0 || plain.Data != nil || plain.From != nil || !plain.At.IsZero() ||
			!strings.HasPrefix(plain.DeduplicationID, "outbox.") || plain.DeduplicationID == forever.DeduplicationID {
			t.Errorf("got %+v and %+v", forever, plain)
		}
		if e := <-h.entries; e.Key != "k" || e.Store != time.Minute || !e.EmitEvent || !e.At.Equal(due) {
			t.Errorf("got %+v", e)
		}
	})
}

// triggers publish when a row of orders is inserted.
var triggers = map[outbox.Dialect][]string{
	outbox.Postgres: {
		`create function tell() returns trigger language plpgsql as
			$$ begin perform hotsock_publish('a', 'ordered', to_json(new.id)); return new; end $$`,
		`create trigger ordered after insert on orders for each row execute function tell()`,
	},
	outbox.MySQL: {
		`create trigger ordered after insert on orders for each row
			insert into hotsock_outbox (channel, kind, body) values ('a', 'publish', json_object('event', 'ordered', 'data', new.id))`,
	},
	outbox.SQLite: {
		`create trigger ordered after insert on orders begin
			insert into hotsock_outbox (channel, kind, body) values ('a', 'publish', json_object('event', 'ordered', 'data', new.id));
		end`,
	},
}

// TestTriggers: rows that were written without the package are the same.
func TestTriggers(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db, h := d.open(t), &recorder{}
		box := d.outbox(t, db, outbox.Options{PollInterval: 20 * time.Millisecond})
		run(t, box, db, h)
		statements := []string{`insert into hotsock_outbox (channel, kind, body) values ('a', 'publish', '{"event":"shipped","data":{"n":1}}')`}
		want := []string{`a shipped {"n":1}`}
		if d.dialect == outbox.Postgres {
			statements = append(statements,
				`select hotsock_publish('a', 'lost')`,
				`select hotsock_publish('a', 'kept', '{"b": 1.50, "a": 2}', '{"store": 60}')`)
			want = append(want, "a lost null", `a kept {"b":1.50,"a":2}`)
		}
		statements = append(statements, `create table orders (id int)`)
		statements = append(append(statements, triggers[d.dialect]...), `insert into orders (id) values (7)`)
		want = append(want, "a ordered 7")
		for _, s := range statements {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		wantDone(t, h, want...)
		await.That(t, "no rows", func() bool {
			s, err := box.Stats(t.Context(), db)
			return err == nil && s.Waiting == 0
		})
	})
}

func TestOptions(t *testing.T) {
	if _, err := outbox.New(0, outbox.Options{}); err == nil {
		t.Error("there is a dialect 0")
	}
	_, err := outbox.New(outbox.SQLite, outbox.Options{
		MaxDataSize: 9 << 20, BatchSize: 10_001, PollInterval: 1, Lease: time.Millisecond, Keep: -1,
	})
	for _, name := range []string{"MaxDataSize", "BatchSize", "PollInterval", "Lease", "Keep"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not refused: %v", name, err)
		}
	}
}
