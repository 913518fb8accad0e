package faults

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// A node is killed that has all subscriptions of a channel. The backend is told once
// that nobody is left, and a client of another node has the last count.
func TestOccupancyAfterKill(t *testing.T) {
	t.Parallel()
	fault{short: 2, full: 30, parallel: 2, trial: func(tr *trial) {
		s := startRedis(tr, tr.t.TempDir())
		db := redis.NewClient(&redis.Options{Addr: s.addr})
		defer db.Close()
		o := tr.vacate("redis://"+s.addr, db)
		o.member(o.other)
		o.await(1)
		tr.logf("restarting Redis, empty")
		s.Kill()
		s.start(tr)
		tr.within(10*time.Second, "being ready", func() bool { return o.other.ready(tr.ctx) })
		o.member(o.other)
		o.await(2)
	}}.run(t)
}

// The same on a cluster.
func TestOccupancyAfterKillOnCluster(t *testing.T) {
	t.Parallel()
	needsServers(t)
	c := redistest.StartCluster(t)
	db := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()})
	defer db.Close()
	address := "redis://" + c.Addrs()[0] + "?addr=" + strings.Join(c.Addrs()[1:], "&addr=")
	fault{short: 2, full: 30, parallel: 2, trial: func(tr *trial) { tr.vacate(address, db) }}.run(t)
}

// An occupancy is a channel whose count is watched.
type occupancy struct {
	tr      *trial
	other   *node // has no subscriptions of its own yet
	watcher *wstest.Conn
}

// vacate has a node with some subscriptions killed, on a Redis.
func (tr *trial) vacate(address string, db redis.UniversalClient) *occupancy {
	stream := tr.name + "-events"
	start := func() *node { return tr.node(address, tr.name+":", "-event-stream", stream) }
	victim := start()
	o := &occupancy{tr: tr, other: start()}
	o.watcher = o.connect(start(), `,"getInfo":true,"omitFromSubCount":true`)
	o.watcher.Send(`{"event":"hotsock.subscribe","channel":"room","data":{"info":true}}`)
	o.watcher.Expect("hotsock.subscribed")
	o.await(0)
	const subscribers = 3
	for range subscribers {
		o.member(victim)
	}
	o.await(subscribers)
	tr.sleep(tr.between(0, 2*time.Second))
	tr.logf("killing %s", victim.name)
	victim.Kill()
	killed := time.Now()
	o.await(0)
	tr.took("killed until the watcher was told", time.Since(killed))
	vacated := func() int {
		all, err := db.XRange(tr.ctx, stream, "-", "+").Result()
		if err != nil {
			return 0
		}
		n := 0
		for _, entry := range all {
			if strings.Contains(fmt.Sprint(entry.Values), hotsock.EventChannelVacated) {
				n++ // it may name the type twice
			}
		}
		return n
	}
	tr.within(10*time.Second, "the event", func() bool { return vacated() > 0 })
	tr.sleep(2 * time.Second) // for another one
	if n := vacated(); n != 1 {
		tr.failf("%d events say that the channel is vacated", n)
	}
	return o
}

// connect connects a client that may subscribe, and more.
func (o *occupancy) connect(n *node, more string) *wstest.Conn {
	var c hotsock.Claims
	claims := `{"scope":"connect","exp":4000000000,"channels":{"room":{"subscribe":true` + more + `}}}`
	if err := json.Unmarshal([]byte(claims), &c); err != nil {
		o.tr.fatalf("%v", err)
	}
	token, err := hotsock.SignToken(c, hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte(secret)})
	if err != nil {
		o.tr.fatalf("%v", err)
	}
	var client *wstest.Conn
	o.tr.within(10*time.Second, "connecting", func() bool {
		client, _, err = wstest.Try(o.tr.t, n.url("http")+"/rt/?token="+url.QueryEscape(token), wstest.Options{HTTPClient: web})
		return err == nil
	})
	if err != nil {
		o.tr.fatalf("%v", err)
	}
	client.Expect("hotsock.connected")
	return client
}

func (o *occupancy) member(n *node) { o.connect(n, "").Subscribe("room") }

// await waits until the watcher was told a count.
func (o *occupancy) await(count int) {
	for got := -1; got != count; {
		var info struct{ SubscriptionsCount int }
		o.watcher.Expect("hotsock.channelInfo").Decode(o.tr.t, &info)
		got = info.SubscriptionsCount
	}
}
