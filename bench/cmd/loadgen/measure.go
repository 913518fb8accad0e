package main

import "time"

// result is what -json prints, one line per run.
type result struct {
	Scenario    string  `json:"scenario"`
	Server      string  `json:"server"`
	Against     string  `json:"against,omitempty"`
	ConnectRate float64 `json:"connects_per_s"`
	ConnectCPU  float64 `json:"cpu_us_per_connect,omitempty"` // with -churn, of the server
	Pings       float64 `json:"pings_per_s,omitempty"`        // with -idle
	PingCPU     float64 `json:"cpu_us_per_ping,omitempty"`    // with -idle, of the server
	// Per idle connection, after -settle.
	RSS        float64 `json:"rss_bytes_per_conn"`
	Goroutines float64 `json:"goroutines_per_conn,omitempty"` // with -pprof
	Heap       float64 `json:"heap_bytes_per_conn,omitempty"`
	Stack      float64 `json:"stack_bytes_per_conn,omitempty"`

	Publishes  float64 `json:"publishes_per_s"`
	Deliveries float64 `json:"deliveries_per_s"`
	Bytes      float64 `json:"bytes_per_delivery"` // over the wire
	P50        float64 `json:"p50_us"`
	P90        float64 `json:"p90_us"`
	P99        float64 `json:"p99_us"`
	P999       float64 `json:"p999_us"`
	Max        float64 `json:"max_us"`
	Lost       int     `json:"lost"`
	Dups       int     `json:"duplicated"`
	Late       int     `json:"out_of_order"`
	Dropped    int     `json:"dropped_conns"`
	PubErrors  int     `json:"publish_errors"`
	Kept       int     `json:"stalled_kept,omitempty"` // with -stalled: not disconnected
	DropReason string  `json:"drop_reason,omitempty"`

	// Seconds of CPU per million deliveries, and CPUs in use.
	ServerCPUPerM float64 `json:"server_cpu_s_per_m"`
	ServerCPU     float64 `json:"server_cpu"`
	RedisCPUPerM  float64 `json:"redis_cpu_s_per_m,omitempty"`
	RedisCPU      float64 `json:"redis_cpu,omitempty"`
	// With -via join, of the server, and of all subscribers together.
	ChangeCPU   float64 `json:"cpu_ms_per_change,omitempty"`
	ChangeBytes float64 `json:"bytes_per_change,omitempty"`
	// With -crowd.
	ConnectSeconds  float64 `json:"connect_s,omitempty"`
	RedisConnectCPU float64 `json:"redis_cpu_us_per_connect,omitempty"`
	RedisRSS        float64 `json:"redis_rss_bytes_per_conn,omitempty"`
	Back            float64 `json:"back,omitempty"`   // clients of the server that died
	BackSeconds     float64 `json:"back_s,omitempty"` // from its death until all of them were subscribed again
	BackCPU         float64 `json:"back_cpu_s,omitempty"`
	BackRedisCPU    float64 `json:"back_redis_cpu_s,omitempty"`
	Attempts        float64 `json:"attempts_per_client,omitempty"`
	Refused         float64 `json:"refused,omitempty"`
	StormP50        float64 `json:"storm_p50_us,omitempty"` // of messages to the others meanwhile
	StormP99        float64 `json:"storm_p99_us,omitempty"`
	CaughtUp        float64 `json:"caught_up,omitempty"` // messages
	MembersSeconds  float64 `json:"members_s,omitempty"` // from the death until members were those who are there
	NotBack         int     `json:"not_back,omitempty"`
	NotRecovered    int     `json:"not_recovered,omitempty"`
	WrongMembers    int     `json:"wrong_members,omitempty"`

	Writes      float64 `json:"writes_per_delivery"` // write-like syscalls of the server
	Reads       float64 `json:"reads_per_delivery"`
	LoadgenBusy float64 `json:"loadgen_busy"` // share of time not waiting for events
	OtherCPU    float64 `json:"other_cpu"`    // CPUs used by anything else: noise
	Probe       float64 `json:"probe_us"`     // see probe
}

// span is what servers, Redis, loadgen and the whole machine have used from one
// moment to another.
type span struct {
	servers, redis, self usage
	machine              float64 // seconds of CPU
	secs                 float64
}

func look(cfg *config) span {
	return span{
		servers: usageOf(cfg.servers), redis: usageOf(cfg.redis), self: usageOf(selfPID),
		machine: machineCPU(), secs: time.Since(started).Seconds(),
	}
}

// started is when this process was.
var started = time.Now()

func since(cfg *config, s span) span {
	now := look(cfg)
	return span{
		servers: now.servers.minus(s.servers), redis: now.redis.minus(s.redis), self: now.self.minus(s.self),
		machine: now.machine - s.machine, secs: now.secs - s.secs,
	}
}

// other is how many CPUs somebody else has used.
func (s span) other() float64 {
	return (s.machine - s.self.cpu - s.servers.cpu - s.redis.cpu) / s.secs
}

func never() bool { return false }

// measureConnections connects, and sees what idle connections cost.
func (l *loop) measureConnections(res *result) {
	n := float64(len(l.conns))
	rt0, begin := runtimeOf(l.cfg.pprof), look(l.cfg)
	l.connect()
	res.ConnectRate = n / (time.Since(started).Seconds() - begin.secs)
	l.run(l.cfg.settle, never)
	used := since(l.cfg, begin)
	res.OtherCPU = used.other()
	res.RSS = used.servers.rss / n
	rt := runtimeOf(l.cfg.pprof)
	res.Goroutines = (rt.goroutines - rt0.goroutines) / n
	res.Heap = (rt.heap - rt0.heap) / n
	res.Stack = (rt.stack - rt0.stack) / n
}

// measureChurn sees what it costs to connect and subscribe, and to end that.
func (l *loop) measureChurn(res *result) {
	l.churn()
	l.run(l.cfg.warmup, never)
	begin, connects, idle := look(l.cfg), l.connects, l.idleTime
	l.run(l.cfg.duration, never)
	used := since(l.cfg, begin)
	n := float64(l.connects - connects)
	res.ConnectRate = n / used.secs
	res.ConnectCPU = used.servers.cpu / n * 1e6
	res.ServerCPU = used.servers.cpu / used.secs
	res.OtherCPU = used.other()
	res.LoadgenBusy = 1 - (l.idleTime-idle).Seconds()/used.secs
}

// measureIdle sees what connections cost on which nothing happens.
func (l *loop) measureIdle(res *result) {
	begin, pings, idle := look(l.cfg), l.pings, l.idleTime
	l.run(l.cfg.idle, never)
	used := since(l.cfg, begin)
	res.ServerCPU = used.servers.cpu / used.secs
	if n := float64(l.pings - pings); n > 0 {
		res.Pings = n / used.secs
		res.PingCPU = used.servers.cpu / n * 1e6
	}
	res.OtherCPU = used.other()
	res.LoadgenBusy = 1 - (l.idleTime-idle).Seconds()/used.secs
}

// measureMessages publishes.
func (l *loop) measureMessages(res *result) {
	if err := l.connectPubs(); err != nil {
		fatalf("%v", err)
	}
	l.publishing, l.due = true, l.now()
	l.run(l.cfg.warmup, never)

	l.recording = true
	begin, published, idle := look(l.cfg), l.published, l.idleTime
	l.run(l.cfg.duration, never)
	used := since(l.cfg, begin)
	l.recording, l.publishing = false, false
	published = l.published - published
	l.run(5*time.Second, func() bool { return l.outstanding <= 0 && len(l.idle) == len(l.pubs) })

	got := float64(l.received)
	res.Publishes = float64(published) / used.secs
	res.Deliveries = got / used.secs
	res.Bytes = float64(l.bytes) / got
	res.ServerCPU = used.servers.cpu / used.secs
	res.RedisCPU = used.redis.cpu / used.secs
	res.ServerCPUPerM = used.servers.cpu / got * 1e6
	res.RedisCPUPerM = used.redis.cpu / got * 1e6
	res.Writes = used.servers.writes / got
	res.Reads = used.servers.reads / got
	if l.cfg.via == "join" {
		res.ChangeCPU = used.servers.cpu / float64(published) * 1e3
		res.ChangeBytes = float64(l.bytes) / float64(published)
	}
	res.OtherCPU = used.other()
	res.LoadgenBusy = 1 - (l.idleTime-idle).Seconds()/used.secs
	res.P50, res.P90, res.P99 = l.lat.quantile(.5), l.lat.quantile(.9), l.lat.quantile(.99)
	res.P999, res.Max = l.lat.quantile(.999), float64(l.lat.max)/1e3
	res.Lost, res.Dups, res.Late = l.lost+l.outstanding, l.dups, l.late
	res.PubErrors = l.pubErrors
	res.Kept = l.kept(15 * time.Second)
}
