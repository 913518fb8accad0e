package outbox_test

import (
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/process"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/outbox"
)

var full = flag.Bool("full", false, "kill the app a thousand times on each database")

const (
	fewTrials   = 20
	allTrials   = 100 // in each of as many rounds as make a thousand
	allRounds   = 10  // each with a Redis of its own, which would load for long otherwise
	redisEvery  = 7   // trials, Redis is killed
	steadyEvery = 11  // trials, the other app is killed
	frozenEvery = 5   // trials, it stands still for longer than its lease
)

// TestKilled kills apps that publish with their transactions, and wants of each
// transaction one message if it has committed, and none otherwise, in the order that is
// promised. Another app is always at work, and Redis is killed now and then.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: starts servers, and apps that are killed")
	}
	rounds, trials := 1, fewTrials
	if *full {
		rounds, trials = allRounds, allTrials
	}
	for _, each := range databases {
		for round := range rounds {
			t.Run(fmt.Sprintf("%s/%d", each.name, round), func(t *testing.T) {
				t.Parallel()
				killApps(t, each.make(t), trials)
			})
		}
	}
}

func killApps(t *testing.T, d database, trials int) {
	t.Helper()
	server := redistest.StartServer(t, "--appendonly", "yes", "--appendfsync", "always")
	config := appConfig{Dialect: d.dialect, Driver: d.driver, DSN: d.dsn, Redis: server.Addr}
	db := d.open(t)
	box, err := config.newOutbox(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	statements := []string{ledger, `create table counters (c int primary key, n bigint not null)`}
	for c := range ordered {
		statements = append(statements, fmt.Sprintf(`insert into counters values (%d, 0)`, c))
	}
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	steady := start(t, config, "steady")
	for i := range trials {
		config.Kill, config.After = killPoints[i%len(killPoints)], 1+rand.Int64N(20)
		victim := start(t, config, fmt.Sprintf("victim%d", i))
		if i%redisEvery == redisEvery-1 {
			server.Kill()
			await.Pass(rand.N(200*time.Millisecond), "Redis is away")
			server.Start()
		}
		if i%frozenEvery == 0 {
			steady.Freeze()
			await.Pass(lease+rand.N(lease), "the app stands still")
			steady.Thaw()
		}
		wantEnd(t, victim)
		if i%steadyEvery == steadyEvery-1 {
			steady.Kill()
			config.Kill = ""
			steady = start(t, config, fmt.Sprintf("steady%d", i))
		}
	}
	steady.Kill()
	rt, closeHandler, err := newHandler(server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer closeHandler()
	stop := run(t, box, db, rt)
	await.Within(t, 10*await.Patience, "no rows", func() bool {
		s, err := box.Stats(t.Context(), db)
		if err != nil || s.SetAside > 0 {
			t.Fatalf("%+v, %v", s, err)
		}
		return s.Waiting == 0
	})
	stop()
	total := 0
	for c := range ordered + unlocked {
		total += compare(t, db, rt, fmt.Sprintf("channel%d", c), c < ordered)
	}
	t.Logf("%d kills, %d transactions that committed", trials, total)
	if total < trials {
		t.Error("the apps did next to nothing")
	}
}

func start(t *testing.T, c appConfig, name string) *process.Process {
	t.Helper()
	c.Name = name
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), appEnv+"="+string(text))
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// wantEnd waits until an app has killed itself, and kills it if it does not come to where
// it would: on a busy machine the other one may do all the work.
func wantEnd(t *testing.T, p *process.Process) {
	t.Helper()
	late := time.NewTimer(await.Patience / 2)
	defer late.Stop()
	select {
	case <-p.Ended:
		if log := p.Log.String(); strings.Contains(log, endsByItself) || strings.Contains(log, "panic: ") {
			t.Fatalf("the app ended by itself:\n%s", log)
		}
	case <-late.C:
		p.Kill()
	}
}

// compare compares what was published on a channel with what has committed, and
// returns how much that is.
func compare(t *testing.T, db *sql.DB, rt *hotsock.Handler, channel string, inOrder bool) int {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), fmt.Sprintf(`select id from ledger where channel = '%s' order by n`, channel))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var committed []string
	waiting := make(map[string]bool)
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		committed = append(committed, id)
		waiting[id] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	last := make(map[string]int)
	i := 0
	for q := (hotsock.HistoryQuery{Channel: channel}); ; {
		page, err := rt.History(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Items {
			var n note
			if err := json.Unmarshal(m.Data, &n); err != nil {
				t.Fatal(err)
			}
			if !waiting[n.ID] {
				t.Errorf("%s: message %d, %s of %s, was published before, or was rolled back", channel, i, n.ID, n.Writer)
			}
			delete(waiting, n.ID)
			if inOrder && i < len(committed) && committed[i] != n.ID {
				t.Errorf("%s: message %d is of the transaction %d", channel, i, n.N)
			}
			if before, ok := last[n.Writer]; ok && before >= n.Seq { // its transactions follow each other
				t.Errorf("%s: %s published %d after %d", channel, n.Writer, n.Seq, before)
			}
			last[n.Writer] = n.Seq
			i++
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if len(waiting) > 0 {
		t.Errorf("%s: %d messages are lost of %d", channel, len(waiting), len(committed))
	}
	return len(committed)
}

var _ outbox.Handler = killer{}
