package storeredis

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/redis/go-redis/v9"
)

// documentedUser returns the commands of docs/redis.md that make a user: the
// first for every server, the second for one of a cluster.
func documentedUser(t *testing.T) []string {
	t.Helper()
	doc, err := os.ReadFile("../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(doc)) {
		if strings.HasPrefix(line, "ACL SETUSER hotsock ") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	if len(out) != 2 {
		t.Fatalf("%d commands that make a user in docs/redis.md, want 2", len(out))
	}
	return out
}

// restrict gives the commands to a server.
func restrict(t *testing.T, s *redistest.Server, commands []string) {
	t.Helper()
	for _, command := range commands {
		var args []any
		for word := range strings.FieldsSeq(command) {
			args = append(args, word)
		}
		if err := s.Client().Do(t.Context(), args...).Err(); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
}

// TestPermissions takes permissions from the user that docs/redis.md describes.
// A node that lacks one does not start, says so at once, and leaves nothing.
func TestPermissions(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	for _, row := range []struct {
		why    string
		change string
		// want is in the error, or in the log if the node starts.
		want   string
		starts bool
	}{
		{"all that is needed", "", "", true},
		{"no configuration", "-config", "", true},
		{"no version", "-info", "'info'", false},
		{"no scripts", "-evalsha", "'evalsha'", false},
		{"no scripts that are new", "-eval", "'eval'", false},
		{"a command that scripts call", "-xadd", "may not call XADD", false},
		{"another one", "-zrevrangebylex", "may not call ZREVRANGEBYLEX", false},
		{"one that read.lua is given", "-srandmember", "may not call SRANDMEMBER", false},
		{"no channels", "resetchannels", "may not call PUBLISH, SUBSCRIBE, with", false},
		{"no subscribing", "-subscribe", "may not call SUBSCRIBE", false},
		{"no publishing", "-publish", "may not call PUBLISH", false},
		{"other keys", "resetkeys ~other:*", "NOPERM", false},
		{"another password", "resetpass >other", "WRONGPASS", false},
	} {
		// Scripts that are known would hide that they may not be sent.
		if err := srv.Client().ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		restrict(t, srv, []string{"ACL SETUSER hotsock reset", documentedUser(t)[0], "ACL SETUSER hotsock " + row.change})
		var log bytes.Buffer
		client := redis.NewClient(&redis.Options{
			Addr: srv.Addr, ContextTimeoutEnabled: true, Username: "hotsock", Password: "PASSWORD",
		})
		s, err := New(client, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		n, err := s.Join(unhurried(t), newInbox(t), testJoin)
		took := time.Since(began)
		if err == nil {
			if err := n.Leave(unhurried(t)); err != nil {
				t.Errorf("%s: leave: %v", row.why, err)
			}
		}
		said := log.String()
		if err != nil {
			said = err.Error()
		}
		if (err == nil) != row.starts || !strings.Contains(said, row.want) || row.want == "" && said != "" {
			t.Errorf("%s: error %v, log %s; want %q", row.why, err, &log, row.want)
		}
		if took > givesUp {
			t.Errorf("%s: took %v, more than %v", row.why, took, givesUp)
		}
		if keys, err := srv.Client().Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 && !row.starts {
			t.Errorf("%s: keys %q (%v), want none", row.why, keys, err)
		}
		if err := srv.Client().FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		_ = client.Close()
	}
}

// TestEvictionIsRefused starts nodes on servers that may drop keys.
func TestEvictionIsRefused(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t, "--maxmemory-policy", "allkeys-lru")
	_, err := openAt(t, srv.Addr).Join(unhurried(t), newInbox(t), testJoin)
	if err == nil || !strings.Contains(err.Error(), "is allkeys-lru, noeviction is needed") {
		t.Errorf("error %v, want that keys may be evicted", err)
	}
	c := redistest.StartCluster(t)
	// One master is enough.
	if err := c.Servers[1].Client().ConfigSet(t.Context(), "maxmemory-policy", "volatile-ttl").Err(); err != nil {
		t.Fatal(err)
	}
	_, err = openCluster(t, c).Join(unhurried(t), newInbox(t), testJoin)
	if err == nil || !strings.Contains(err.Error(), "is volatile-ttl, noeviction is needed") {
		t.Errorf("error %v, want that keys may be evicted", err)
	}
}

func TestVersions(t *testing.T) {
	for _, row := range []struct {
		version string
		cluster bool
		ok      bool
	}{
		{"6.0.20", false, false},
		{"6.2.0", false, true},
		{"6.2.0", true, false},
		{"7.0.15", true, true},
		{"10.1", true, true},
		{"5.0", false, false},
		{"of another maker", true, true},
	} {
		if err := checkVersion(row.version, row.cluster); (err == nil) != row.ok {
			t.Errorf("version %s, cluster %v: %v", row.version, row.cluster, err)
		}
	}
	// A real server tells its version.
	srv := redistest.StartServer(t)
	info, err := srv.Client().Info(t.Context()).Result()
	if err != nil || checkVersion(parseInfo(info)["redis_version"], true) != nil {
		t.Errorf("version %q (%v)", parseInfo(info)["redis_version"], err)
	}
}
