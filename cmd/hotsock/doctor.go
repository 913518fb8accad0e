package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/token"
)

var doctorCommand = command{
	name:    "doctor",
	summary: "Check a running installation, and say what to change",
	about: `
Checks the address, TLS, where the handler is mounted, what proxies do to the upgrade, the
origins of pages, the clock, and the version. With a token or the key that signs tokens
also that connections live, with a WebSocket and without, that all nodes share a store, and
that messages come; with an API key, that the server takes it. With the address of Redis,
that it can carry an installation; that checks what a node checks when it starts, as a node
of an installation of its own whose keys begin with those of yours and "doctor-".

Most checks take a moment. The last one is silent on a connection for --silence, to find
who ends it. The exit code is 1 if something is wrong, and 0 for warnings.`,
	examples: `
hotsock doctor --url https://app.example.com/rt
hotsock doctor --origin https://www.example.com --key-file secret.txt --silence 0
HOTSOCK_REDIS=redis://localhost:6379 hotsock doctor
hotsock doctor --json --silence 5s | jq -e .ok`,
	define: func(f *flag.FlagSet) action {
		var x doctor
		x.party.define(f)
		x.redisURL = secret{what: "address of Redis", variable: "HOTSOCK_REDIS"}
		x.redisURL.define(f, "redis-file")
		f.StringVar(&x.keyPrefix, "key-prefix", "hotsock:", "the `PREFIX` of the installation's keys in Redis")
		f.StringVar(&x.origin, "origin", "", "the `ORIGIN` of the pages that connect, such as\nhttps://www.example.com (default that of the URL)")
		f.DurationVar(&x.silence, "silence", 35*time.Second, "how long a connection is to live silently, a `DURATION`;\n0 for no such check")
		f.BoolVar(&x.json, "json", false, "print the findings as JSON")
		return x.run
	},
}

// The results of a check.
const (
	resultOK   = "ok"
	resultWarn = "warn"
	resultFail = "fail"
	resultSkip = "skip"
)

// A finding is the result of one check.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"`
	Seen   string `json:"seen"`
	Change string `json:"change,omitempty"`
}

type doctor struct {
	party
	redisURL          secret
	keyPrefix, origin string
	silence           time.Duration
	json              bool

	s        *system
	base     *url.URL
	http     *http.Client // follows no redirects
	tokens   func(context.Context) (string, error)
	minted   bool // tokens permit what the checks do
	channel  string
	findings []finding
}

// A check finds something out. It returns false if the checks that follow make no
// sense.
type check func(ctx context.Context) bool

func (x *doctor) run(ctx context.Context, s *system, _ []string) error {
	x.s = s
	redis, err := x.redisURL.read(s)
	if err != nil {
		return err
	}
	if redis == "" || x.url != "" || s.env("HOTSOCK_URL") != "" {
		if err := x.prepare(); err != nil {
			return err
		}
		defer x.http.CloseIdleConnections()
		for _, do := range []check{x.address, x.tls, x.mount, x.upgrade, x.origins, x.connect, x.silent} {
			if !do(ctx) || ctx.Err() != nil {
				break
			}
		}
	}
	if redis != "" && ctx.Err() == nil {
		x.redis(ctx, redis)
	}
	return x.conclude(ctx)
}

// prepare reads what the checks of the server need.
func (x *doctor) prepare() error {
	var err error
	if x.base, err = x.party.address(x.s); err != nil {
		return err
	}
	if x.origin != "" {
		u, err := url.Parse(x.origin)
		if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" {
			return usagef("--origin is a scheme and a host, such as https://www.example.com")
		}
		x.origin = u.Scheme + "://" + u.Host
	}
	x.channel = "hotsock-doctor." + newID()
	c, err := x.credentials(x.s)
	claims := needs([]string{x.channel}, token.ChannelClaims{
		Subscribe: token.Allow, OmitFromSubCount: token.Allow,
		Messages: map[string]token.MessageClaims{"check": {Publish: token.Allow, Echo: token.Allow}},
	})
	claims.UID = x.uid
	x.tokens, x.minted = c.tokens(claims), c.signs
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = false // WebSockets are of HTTP/1.1
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	x.http = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return err
}

func (x *doctor) find(check, result, seen, change string) {
	f := finding{check, result, printable(x.s.mask(seen)), change}
	x.findings = append(x.findings, f)
	if x.json {
		return
	}
	const margin = "                "
	text := fmt.Sprintf("%-5s %-9s %s\n", result, check, strings.ReplaceAll(f.Seen, "\n", "\n"+margin))
	if change != "" {
		text += margin + "→ " + strings.ReplaceAll(printable(change), "\n", "\n"+margin+"  ") + "\n"
	}
	_ = x.s.write(text) // of the last one, conclude tells
}

func (x *doctor) ok(check, format string, args ...any) bool {
	x.find(check, resultOK, fmt.Sprintf(format, args...), "")
	return true
}

// warn and fail say what was seen, and what to change.
func (x *doctor) warn(check, seen, change string) bool {
	x.find(check, resultWarn, seen, change)
	return true
}

func (x *doctor) fail(check, seen, change string) bool {
	x.find(check, resultFail, seen, change)
	return false
}

func (x *doctor) skip(check, why string) bool {
	x.find(check, resultSkip, why, "")
	return true
}

// conclude tells whether all is well.
func (x *doctor) conclude(ctx context.Context) error {
	count := make(map[string]int)
	for _, f := range x.findings {
		count[f.Result]++
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	var err error
	if x.json {
		err = writeJSON(x.s.stdout, struct {
			OK       bool      `json:"ok"`
			Version  string    `json:"version"` // of this program
			Findings []finding `json:"findings"`
		}{count[resultFail] == 0, hotsock.Version, x.findings})
	} else {
		err = x.s.write(fmt.Sprintf("\n%d ok, %d warnings, %d failures, %d skipped\n",
			count[resultOK], count[resultWarn], count[resultFail], count[resultSkip]))
	}
	if err == nil && count[resultFail] > 0 {
		err = &codedError{exitFailed, errReported}
	}
	return err
}
