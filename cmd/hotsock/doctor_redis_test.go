package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

// TestDoctorRedis: a real server, as it should be and as it should not.
func TestDoctorRedis(t *testing.T) {
	for _, row := range []struct {
		why                         string
		args                        []string
		check, result, seen, change string
	}{
		{"as it should be", []string{"--maxmemory", "100mb", "--appendonly", "yes"}, "redis", resultOK, "a node starts", ""},
		{"it may evict", []string{"--maxmemory-policy", "allkeys-lru"}, "redis", resultFail, "noeviction is needed", "docs/redis.md"},
		{"nothing is saved, and memory has no bound", nil, "saving", resultWarn, "appendonly no", "appendonly yes"},
		{"it is nearly full", []string{"--maxmemory", "30mb"}, "memory", resultWarn, "of its maxmemory", "Raise"},
	} {
		t.Run(row.why, func(t *testing.T) {
			server := redistest.StartServer(t, row.args...)
			c := server.Client()
			const filling = 20 << 20
			if err := c.Do(t.Context(), "SETRANGE", "filling", filling, "x").Err(); err != nil {
				t.Fatal(err)
			}
			c.Expire(t.Context(), "filling", time.Minute)
			if row.check == "memory" {
				text, err := c.Info(t.Context(), "memory").Result()
				if err != nil {
					t.Fatal(err)
				}
				used, err := strconv.Atoi(infoOf(text)["used_memory"])
				if err != nil {
					t.Fatal(err)
				}
				c.ConfigSet(t.Context(), "maxmemory", strconv.Itoa(used+used/8))
			}
			_, found := examine(t, (&terminal{t, nil}).with("HOTSOCK_REDIS", "redis://"+server.Addr))
			if len(row.args) == 4 {
				for _, f := range found {
					if f.Result != resultOK {
						t.Errorf("%+v", f)
					}
				}
			}
			expect(t, found, row.check, row.result, row.seen, row.change)
			keys, err := c.Keys(t.Context(), "*").Result()
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys {
				if ttl, err := c.TTL(t.Context(), key).Result(); err != nil || ttl < 0 {
					t.Errorf("the key %s stays: %v %v", key, ttl, err)
				}
			}
		})
	}
}

// TestDoctorRedisUser: with the permissions that the guide gives a node, and with
// less.
func TestDoctorRedisUser(t *testing.T) {
	server := redistest.StartServer(t, "--maxmemory", "100mb", "--appendonly", "yes")
	c := server.Client()
	setUser := func(rules string) {
		args := []any{"ACL", "SETUSER", "hotsock"}
		for rule := range strings.FieldsSeq(rules) {
			args = append(args, rule)
		}
		if err := c.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	x := (&terminal{t, nil}).with("HOTSOCK_REDIS", "redis://hotsock:SECRETWORD@"+server.Addr)
	setUser("on >SECRETWORD ~hotsock:* &hotsock:* +@all")
	_, found := examine(t, x)
	expect(t, found, "redis", resultOK, "a node starts", "")
	setUser("-xadd")
	_, found = examine(t, x)
	expect(t, found, "redis", resultFail, "may not call XADD", "permissions")
	_, found = examine(t, x.with("HOTSOCK_REDIS", "redis://hotsock:ANOTHERWORD@"+server.Addr))
	expect(t, found, "redis", resultFail, "No node can start", "")
	for _, f := range found {
		if strings.Contains(f.Seen, "ANOTHERWORD") {
			t.Errorf("the password is told: %+v", f)
		}
	}
	server.Stop()
	_, found = examine(t, x)
	expect(t, found, "redis", resultFail, "No node can start", "docs/redis.md")
	code, out, errs := x.with("HOTSOCK_REDIS", "redis://a:b%zz@x").run("", "doctor")
	if code != exitFailed || strings.Contains(out+errs, "zz") {
		t.Errorf("an address that is none: %d %s%s", code, out, errs)
	}
}
