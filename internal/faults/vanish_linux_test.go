package faults

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/netns"
	"github.com/hotsock-go/hotsock/internal/process"
)

// A client on another machine vanishes without a word: its cable is pulled, or it
// gets and sends nothing although its link is up, or it is stopped and its kernel
// goes on. Whether its channel is silent or not, and whether it is connected
// directly, or by a proxy, with TLS or without, the others must be told in time.
func TestClientVanished(t *testing.T) {
	t.Parallel()
	netns.New(t) // skips the test where there are none
	limit, pings := 45*time.Second, []string(nil)
	if !*fullFlag {
		limit, pings = 15*time.Second, []string{"-ping-interval", "2s", "-pong-timeout", "1s"}
	}
	s := newSite(t, 2)
	hows, traffics, ways := []string{"unplugged", "lost", "stopped"}, []string{"silent", "busy"}, []string{"direct", "proxy", "proxy with TLS"}
	fault{short: 6, full: 72, parallel: 12, trial: func(tr *trial) {
		how, traffic, way := hows[tr.kind(3)], traffics[tr.kind(2)], ways[(tr.seed+tr.seed/3)%3]
		tr.watch(s.nodes...)
		m := netns.New(t)
		near := tr.node(s.url(), s.prefix, append([]string{"-addr", m.Near + ":0"}, pings...)...)
		channel := "presence." + tr.name
		observers := []*subscriber{
			tr.subscribe("observer 0", "observer0", always(s.nodes[0]), channel),
			tr.subscribe("observer 1", "observer1", always(s.nodes[1]), channel),
			tr.subscribe("observer 2", "observer2", always(near), channel),
		}
		reached := near
		if way != "direct" {
			reached = tr.front(m, near, way == "proxy with TLS")
		}
		far := tr.far(m, reached, channel)
		present := []string{"far", "observer0", "observer1", "observer2"}
		shown := func(want []string) func() bool {
			return func() bool {
				return !slices.ContainsFunc(observers, func(o *subscriber) bool { return !o.shows(channel, want) })
			}
		}
		tr.within(startLimit, "seeing the client", shown(present))
		if traffic == "busy" {
			defer tr.load(newJournal(), channel, 500*time.Millisecond, always(s.nodes[0]), nil)()
		}
		tr.sleep(tr.between(0, 5*time.Second))

		tr.logf("the client of a %s channel, connected by %s, is %s", traffic, way, how)
		switch how {
		case "unplugged":
			m.Unplug()
		case "lost":
			m.Lose()
		case "stopped":
			far.Freeze()
		}
		tr.took(way+", "+how+", "+traffic+", until gone", tr.within(limit, "the client being gone", shown(present[1:])))
		tr.sleep(tr.between(0, 2*time.Second)) // What is announced twice would come now.
		for _, o := range observers {
			if removed := o.views[channel].removed(); removed["far"] != 1 || len(removed) != 1 {
				tr.failf("%s saw memberRemoved %v", o.name, removed)
			}
		}
		for _, n := range append(s.nodes, near) {
			if count, uids, err := n.members(tr.ctx, channel); err != nil || count != 3 {
				tr.failf("%s: %d subscriptions, members %v, %v", n.name, count, uids, err)
			}
		}
	}}.run(t)
}

// far starts a client on a machine, until the trial ends.
func (tr *trial) far(m *netns.Machine, n *node, channel string) *process.Process {
	cmd := m.Command(os.Args[0])
	cmd.Env = append(os.Environ(), farClient+"="+n.url("ws")+" "+channel)
	p, err := process.Start(cmd)
	if err != nil {
		tr.fatalf("the client does not start: %v", err)
	}
	tr.onEnd(p.Kill)
	return p
}

// front starts a proxy before a node, which a machine reaches, until the trial ends.
// It returns the node as it is seen from there.
func (tr *trial) front(m *netns.Machine, n *node, tls bool) *node {
	l, err := net.Listen("tcp", m.Near+":0")
	if err != nil {
		tr.fatalf("the proxy does not start: %v", err)
	}
	s := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: n.addr}))
	_ = s.Listener.Close()
	s.Listener = l
	sockets := make(chan net.Conn, 8)
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			sockets <- c
		}
	}
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	tr.onEnd(func() {
		s.Close()
		// The proxy waits for both ends to close, and one has vanished.
		for len(sockets) > 0 {
			_ = (<-sockets).Close()
		}
	})
	return &node{addr: l.Addr().String(), tls: tls}
}
