package sinkredis

import (
	"embed"

	"github.com/redis/go-redis/v9"
)

//go:embed lua/*.lua
var sources embed.FS

var (
	appendScript   = newScript("append")
	renewScript    = newScript("renew")
	releaseScript  = newScript("release")
	setAsideScript = newScript("set_aside")
	tidyScript     = newScript("tidy")
)

func newScript(name string) *redis.Script {
	src, err := sources.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // A file that was embedded is not there: a bug.
	}
	return redis.NewScript(string(src))
}
