package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// A crowd is many clients of several servers, in as many processes as their file
// descriptors take. Each has a channel of its own, on which another client publishes
// a message a minute; a tenth of them are members of presence channels. One server is
// killed, and its clients come back to the others.
type crowd struct {
	cfg   *config
	parts []crowdProcess
}

// A crowdProcess is one process of clients: this program with -part.
type crowdProcess struct {
	orders  *json.Encoder
	answers *json.Decoder
}

// An order is what a process is told to do.
type order struct {
	Do string `json:"do"`
	// Node is the server that is about to be killed.
	Node int `json:"node"`
}

// A crowdTally is what each client of a process has got: of those by number, how many
// messages it has published and received, and whether it has left for good.
type crowdTally struct {
	Published, Received []uint32
	Left                []int
}

func newCrowd(cfg *config) *crowd {
	c := &crowd{cfg: cfg}
	for i := range cfg.processes {
		cmd := exec.Command("/proc/self/exe", append(slices.Clone(os.Args[1:]), "-part", strconv.Itoa(i))...)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			fatalf("%v", err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			fatalf("%v", err)
		}
		if err := cmd.Start(); err != nil {
			fatalf("%v", err)
		}
		// They end when their standard input does, with this process.
		c.parts = append(c.parts, crowdProcess{json.NewEncoder(in), json.NewDecoder(out)})
	}
	return c
}

// askCrowd gives all processes an order, and returns their answers.
func askCrowd[T any](c *crowd, o order) []T {
	for _, p := range c.parts {
		if err := p.orders.Encode(o); err != nil {
			fatalf("%s: %v", o.Do, err)
		}
	}
	answers := make([]T, len(c.parts))
	for i, p := range c.parts {
		if err := p.answers.Decode(&answers[i]); err != nil {
			fatalf("%s: %v", o.Do, err)
		}
	}
	return answers
}

func (c *crowd) order(o order) { askCrowd[struct{}](c, o) }

func (c *crowd) counts() (sum crowdCounts) {
	for _, n := range askCrowd[crowdCounts](c, order{Do: "count"}) {
		sum.add(n)
	}
	return sum
}

// latency returns that of the messages since it was called last.
func (c *crowd) latency() (sum histogram) {
	for _, h := range askCrowd[map[int]uint64](c, order{Do: "latency"}) {
		for b, n := range h {
			sum.counts[b] += n
			sum.n += n
		}
	}
	return sum
}

// wait looks at the counts until done returns true, or the time is up.
func (c *crowd) wait(d time.Duration, done func(crowdCounts) bool) (n crowdCounts, took time.Duration) {
	begin := time.Now()
	for {
		n = c.counts()
		took = time.Since(begin)
		if done(n) || took > d {
			return n, took
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// measureCrowd is the whole scenario.
func measureCrowd(cfg *config, res *result) {
	c := newCrowd(cfg)
	all := float64(cfg.conns)
	begin := look(cfg)
	c.order(order{Do: "connect"})
	n, took := c.wait(cfg.timeout, func(n crowdCounts) bool { return n.Live == cfg.conns })
	if n.Live != cfg.conns {
		fatalf("%d of %d connections live", n.Live, cfg.conns)
	}
	used := since(cfg, begin)
	res.ConnectSeconds, res.ConnectRate = took.Seconds(), all/took.Seconds()
	res.ConnectCPU, res.RedisConnectCPU = used.servers.cpu/all*1e6, used.redis.cpu/all*1e6
	c.order(order{Do: "publish"})
	time.Sleep(cfg.settle)
	used = since(cfg, begin)
	res.RSS, res.RedisRSS = used.servers.rss/all, used.redis.rss/all
	res.OtherCPU = used.other()
	if wrong := c.wrongMembers(nil); wrong > 0 {
		fatalf("%d members missing, or too many, before anything has happened", wrong)
	}
	c.measureDay(res)
	c.measureDeath(res)
}

// measureDay measures while nothing special happens.
func (c *crowd) measureDay(res *result) {
	c.latency()
	begin, before := look(c.cfg), c.counts()
	time.Sleep(c.cfg.duration)
	used, n := since(c.cfg, begin), c.counts()
	lat := c.latency()
	res.Publishes = float64(n.Published-before.Published) / used.secs
	res.Deliveries = float64(n.Received-before.Received) / used.secs
	res.Pings = float64(n.Pings-before.Pings) / used.secs
	res.ServerCPU, res.RedisCPU = used.servers.cpu/used.secs, used.redis.cpu/used.secs
	res.P50, res.P90, res.P99, res.P999 = lat.quantile(.5), lat.quantile(.9), lat.quantile(.99), lat.quantile(.999)
	if n.Live != c.cfg.conns {
		res.Dropped = c.cfg.conns - n.Live
	}
}

// measureDeath kills a server, and waits until all is as it should be again.
func (c *crowd) measureDeath(res *result) {
	const patience = time.Minute
	victim := len(c.cfg.servers) - 1
	pid := c.cfg.servers[victim]
	c.order(order{Do: "expect", Node: victim})
	c.cfg.servers = c.cfg.servers[:victim] // It uses no CPU any more.
	begin, before := look(c.cfg), c.counts()
	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		fatalf("%v", err)
	}
	c.wait(patience, func(n crowdCounts) bool { return n.Broken > before.Broken })
	victims := 0
	for id := range c.cfg.conns {
		if c.cfg.beginsOn(id) == victim {
			victims++
		}
	}
	n, _ := c.wait(patience, func(n crowdCounts) bool { return n.Away == 0 && n.Broken-before.Broken >= victims })
	res.BackSeconds = time.Since(killed).Seconds()
	used := since(c.cfg, begin)
	back := n.Broken - before.Broken - n.Left
	res.Back, res.NotBack = float64(back), n.Away
	res.Attempts = float64(n.Attempts-before.Attempts) / float64(max(back, 1))
	res.Refused = float64(n.Refused - before.Refused)
	res.BackCPU, res.BackRedisCPU = used.servers.cpu, used.redis.cpu
	lat := c.latency()
	res.StormP50, res.StormP99 = lat.quantile(.5), lat.quantile(.99)

	left := make(map[int]bool)
	for _, t := range askCrowd[crowdTally](c, order{Do: "tally"}) {
		for _, id := range t.Left {
			left[id] = true
		}
	}
	for time.Since(killed) < patience {
		if res.WrongMembers = c.wrongMembers(left); res.WrongMembers == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	res.MembersSeconds = time.Since(killed).Seconds()

	c.order(order{Do: "stop"})
	c.wait(patience, func(n crowdCounts) bool { return n.Pending == 0 })
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if res.Lost = c.missing(left); res.Lost == 0 {
			break
		}
	}
	n = c.counts()
	res.CaughtUp, res.Dups, res.NotRecovered, res.PubErrors = float64(n.CaughtUp), n.Dups, n.NotRecovered, n.Errors
	res.Lost += n.Skipped
	if others := n.Broken - before.Broken - back - len(left); others > 0 {
		res.Dropped += others
	}
}

// missing is how many messages were accepted and have not come.
func (c *crowd) missing(left map[int]bool) (lost int) {
	var published, received []uint32
	for _, t := range askCrowd[crowdTally](c, order{Do: "tally"}) {
		published, received = append(published, t.Published...), append(received, t.Received...)
	}
	for id, n := range published {
		if to := c.cfg.reader(id); !left[to] {
			lost += int(max(n, received[to]) - received[to])
		}
	}
	return lost
}

// beginsOn is the server that a client connects to first. Members, and those of them that
// leave, are on all of them.
func (cfg *config) beginsOn(id int) int {
	const round = memberEvery * leavesEvery
	return (id%round + id/round) % len(cfg.urls)
}

// reader is the client that receives what one publishes: if possible one that began on
// another server.
func (cfg *config) reader(id int) int {
	const round = memberEvery * leavesEvery
	rounds := cfg.conns / 2 / round
	if rounds%len(cfg.urls) == 0 {
		rounds++
	}
	return (id + rounds*round) % cfg.conns
}
