package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"
)

// The most that a bench takes on, so that a typing error costs nobody a machine.
const (
	maxConnections = 50_000
	maxRate        = 1_000_000
	maxSize        = 1 << 20 // bytes
)

var benchCommand = command{
	name:    "bench",
	summary: "Load a server with connections and messages, and tell what came when",
	about: `
Opens connections, each subscribed to one of the channels, and then publishes on all of
them, evenly, from one more connection for each channel. A message is late from the moment
for which it was scheduled: a server that stands still makes all that was due meanwhile
late, not only one message. What is lost, doubled or out of order is counted, and makes the
exit code 1; so do connections that fail, and messages that could not be sent in time.

The figures are those of the server, the network and this machine together. If this machine
is too busy to publish in time, the summary says so.

With a token instead of the key, all connections use that: it must permit to subscribe to
the channels, whose names are --prefix and a number, and to broadcast the event "bench".
The server's limits count, such as --connection-rate of examples/server.`,
	examples: `
hotsock bench --connections 1000 --channels 100 --rate 500
hotsock bench --connections 50 --channels 1 --rate 20 --size 2000 --duration 1m
hotsock bench --json | jq -e '.received.lost == 0 and .latencyMs.p99 < 50'`,
	define: func(f *flag.FlagSet) action {
		var x bench
		x.login.define(f)
		f.IntVar(&x.connections, "connections", 100, "`N` connections")
		f.IntVar(&x.channels, "channels", 10, "`N` channels")
		f.Float64Var(&x.rate, "rate", 100, "publish `N` messages a second, on all channels together")
		f.IntVar(&x.size, "size", 200, "`BYTES` of data in each message, about")
		f.Float64Var(&x.ramp, "ramp", 200, "open `N` connections a second")
		f.DurationVar(&x.duration, "duration", 10*time.Second, "publish for this `DURATION`")
		f.StringVar(&x.prefix, "prefix", "", "how the names of the channels begin, a `TEXT`\n(default one that nobody else has)")
		f.BoolVar(&x.json, "json", false, "print the summary as JSON")
		return x.run
	},
}

type bench struct {
	login
	connections, channels, size int
	rate, ramp                  float64
	duration                    time.Duration
	prefix                      string
	json                        bool
}

func (x *bench) check() error {
	switch {
	case x.connections < 1 || x.connections > maxConnections:
		return usagef("--connections is from 1 to %d", maxConnections)
	case x.channels < 1 || x.channels > x.connections:
		return usagef("--channels is from 1 to the number of connections")
	case !(x.rate > 0 && x.rate <= maxRate) || !(x.ramp > 0 && x.ramp <= maxRate):
		return usagef("--rate and --ramp are more than 0, and at most %d", maxRate)
	case x.size < 0 || x.size > maxSize:
		return usagef("--size is at most %d", maxSize)
	case x.duration <= 0 || x.duration > 24*time.Hour:
		return usagef("--duration is from a moment to a day")
	}
	return nil
}

func (x *bench) run(ctx context.Context, s *system, _ []string) error {
	if err := x.check(); err != nil {
		return err
	}
	if x.prefix == "" {
		x.prefix = "hotsock-bench." + newID() + "."
	}
	r, err := newLoad(ctx, s, x)
	if err != nil {
		return err
	}
	defer r.close()
	progress := x.progress(s, r)
	r.connect(ctx)
	r.publish(ctx)
	r.drain()
	progress()
	sum := r.summary()
	if x.json {
		err = writeJSON(s.stdout, sum)
	} else {
		err = s.write(sum.text())
	}
	if err == nil && !sum.OK {
		err = &codedError{exitFailed, errReported}
	}
	return err
}

// progress tells how far it is, once a second, where somebody looks. It returns what
// ends that.
func (x *bench) progress(s *system, r *load) (end func()) {
	if !s.watched {
		return func() {}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(s.stderr, "\r%-78s\r%s", "", r.progress())
			case <-stop:
				fmt.Fprintf(s.stderr, "\r%-78s\r", "")
				return
			}
		}
	}()
	return func() {
		close(stop)
		<-done
	}
}

// A benchSummary is what came of it. Durations are in milliseconds.
type benchSummary struct {
	OK          bool    `json:"ok"`
	Seconds     float64 `json:"seconds"`
	Connections struct {
		Wanted    int    `json:"wanted"`
		Connected int64  `json:"connected"`
		Failed    int64  `json:"failed"`
		Broken    int64  `json:"broken"` // and made again
		Error     string `json:"error,omitempty"`
		Connect   spread `json:"connectMs"`
	} `json:"connections"`
	Published struct {
		Scheduled int64  `json:"scheduled"`
		Accepted  int64  `json:"accepted"`
		Refused   int64  `json:"refused"`
		Unknown   int64  `json:"unknown"` // sent, and not answered
		Unsent    int64  `json:"unsent"`
		Error     string `json:"error,omitempty"`
		Accept    spread `json:"acceptMs"`
	} `json:"published"`
	Received struct {
		Expected  int64 `json:"expected"`
		Distinct  int64 `json:"distinct"`
		Lost      int64 `json:"lost"`
		Doubled   int64 `json:"doubled"`
		Reordered int64 `json:"reordered"`
		Gaps      int64 `json:"gaps"`
	} `json:"received"`
	Latency  spread   `json:"latencyMs"`
	Warnings []string `json:"warnings"`
}

func (b *benchSummary) text() string {
	var t strings.Builder
	c, p, r := &b.Connections, &b.Published, &b.Received
	fmt.Fprintf(&t, "connections  %d of %d, %d failed, %d broken and made again\n", c.Connected, c.Wanted, c.Failed, c.Broken)
	fmt.Fprintf(&t, "published    %d of %d in %.1f s, %d refused, %d unknown, %d unsent\n", p.Accepted, p.Scheduled, b.Seconds, p.Refused, p.Unknown, p.Unsent)
	fmt.Fprintf(&t, "received     %d of %d, %d lost, %d doubled, %d out of order, %d gaps\n\n", r.Distinct, r.Expected, r.Lost, r.Doubled, r.Reordered, r.Gaps)
	fmt.Fprintf(&t, "%-12s %9s %9s %9s %9s %9s\n", "ms", "50%", "90%", "99%", "99.9%", "max")
	for _, row := range []struct {
		name string
		s    spread
	}{{"connected", c.Connect}, {"accepted", p.Accept}, {"received", b.Latency}} {
		fmt.Fprintf(&t, "%-12s %9.2f %9.2f %9.2f %9.2f %9.2f\n", row.name, row.s.P50, row.s.P90, row.s.P99, row.s.P999, row.s.Max)
	}
	for _, text := range []string{c.Error, p.Error} {
		if text != "" {
			fmt.Fprintf(&t, "\nfirst error  %s\n", printable(text))
		}
	}
	for _, warning := range b.Warnings {
		fmt.Fprintf(&t, "\nwarning      %s\n", warning)
	}
	return t.String()
}
