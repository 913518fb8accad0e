package storeredis

import (
	"embed"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var sources embed.FS

// A script is one of the files in lua, with those that it builds on in front.
type script struct {
	name string
	// src and sha are what EVAL and EVALSHA take.
	src, sha string
	// reads is true if the script takes no operation: it changes nothing. A
	// replica refuses it all the same.
	reads bool
	// many is true if one execution can serve several requests.
	many bool
}

// newScript makes a script that changes something.
func newScript(name string, parts ...string) *script {
	return compose(name, append([]string{"operation"}, parts...)...)
}

func compose(name string, parts ...string) *script {
	var src []byte
	for _, part := range append(append([]string{"lib"}, parts...), name) {
		b, err := sources.ReadFile("lua/" + part + ".lua")
		if err != nil {
			panic(err) // A file that was embedded is not there: a bug.
		}
		src = append(src, b...)
	}
	return &script{name: name, src: string(src), sha: redis.NewScript(string(src)).Hash()}
}

func newReader(name string, parts ...string) *script {
	s := compose(name, append([]string{"reading"}, parts...)...)
	s.reads = true
	return s
}

// newBatcher makes a script that changes channels, and of which one execution can serve
// several requests: see pipeline_batch.go.
func newBatcher(name string, parts ...string) *script {
	s := compose(name, append([]string{"channel", "batch"}, parts...)...)
	s.many = true
	return s
}

var (
	publishScript     = newBatcher("publish")
	appendScript      = newBatcher("append", "message", "editing")
	eraseScript       = newScript("erase", "channel")
	eraseFreeScript   = newScript("erase_free", "channel")
	reactScript       = newScript("react", "channel", "reactions")
	editScript        = newScript("edit", "channel", "message", "editing")
	setScript         = newScript("set", "channel", "entry")
	cleanScript       = newScript("clean", "channel", "entry")
	subscribeScript   = newScript("subscribe", "channel", "presence")
	unsubscribeScript = newScript("unsubscribe", "channel", "presence")
	updateScript      = newScript("update", "channel", "presence")
	sweepScript       = newScript("sweep", "channel", "presence")
	fireScript        = newScript("fire", "channel", "entry")
	scheduleScript    = newScript("schedule")
	raiseFloorScript  = newScript("raise_floor")
	enterScript       = newScript("enter")
	renewScript       = newScript("renew")
	heartbeatScript   = newScript("heartbeat")
	resignScript      = newScript("resign")
	connectScript     = newScript("connect")
	disconnectScript  = newScript("disconnect")
	watchCountScript  = newScript("watch_count")
	useTokenScript    = newScript("use_token")
	expiredScript     = newScript("expired")

	permitsScript   = newReader("permits")
	readScript      = newReader("read")
	readAfterScript = newReader("read_after", "message", "items")
	historyScript   = newReader("history", "message", "items")
	countScript     = newReader("count", "message", "items")
	replayScript    = newReader("replay", "message", "items")
	talliesScript   = newReader("tallies", "reactions")
	reactorsScript  = newReader("reactors", "reactions")
	entriesScript   = newReader("entries")
	dueScript       = newReader("due")
	schedulesScript = newReader("schedules")
	findLostScript  = newReader("find_lost", "message", "items")
	probeScript     = newReader("probe")
)
