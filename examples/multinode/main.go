// Command multinode runs two nodes that share one Redis, and a load balancer in
// front of them, in one process. Start a Redis and then this:
//
//	redis-server --save '' --maxmemory-policy noeviction &
//	go run ./examples/multinode -redis redis://127.0.0.1:6379
//
// The page it serves opens four connections, which the balancer deals out to
// the nodes in turn: each hears what any of them says.
package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

const nodes = 2

//go:embed index.html
var page []byte

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "listen on this `host:port`")
	redisURL := flag.String("redis", "redis://127.0.0.1:6379", "`URL` of the Redis to share")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *redisURL); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, redisURL string) error {
	opts, err := redis.ParseURL(redisURL)
	if err != nil {
		return err
	}
	opts.ContextTimeoutEnabled = true // so that a dead connection costs a call no more than its time
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails; nodes in processes of their own must be given the same
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: secret}

	var b balancer
	for i := range nodes {
		// A client of its own for each node, as if it were a process.
		client := redis.NewClient(opts)
		defer client.Close()
		n, err := startNode(i+1, client, key)
		if err != nil {
			return fmt.Errorf("node %d: %w", i+1, err)
		}
		defer n.stop()
		b.nodes = append(b.nodes, n)
	}
	mux := http.NewServeMux()
	mux.Handle("/rt", &b)
	mux.Handle("/rt/", &b)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		token, err := mint(key, r.FormValue("name"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, token)
	})
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	log.Printf("listening on http://%s", l.Addr())

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return s.Close()
	}
}

func mint(key hotsock.SigningKey, name string) (string, error) {
	if name == "" {
		return "", errors.New("who?")
	}
	return hotsock.SignToken(hotsock.Claims{
		Scope:   hotsock.ScopeConnect,
		Expires: time.Now().Add(time.Minute),
		UID:     name,
		Channels: map[string]hotsock.ChannelClaims{
			"presence.square": {
				AutoSubscribe: hotsock.Allow,
				Messages:      map[string]hotsock.MessageClaims{"said": {Publish: hotsock.Allow, Echo: hotsock.Allow}},
			},
		},
	}, key)
}

// A node is a handler behind an HTTP server of its own.
type node struct {
	rt     *hotsock.Handler
	server *http.Server
	proxy  *httputil.ReverseProxy
}

func startNode(number int, client redis.UniversalClient, key hotsock.SigningKey) (*node, error) {
	st, err := storeredis.New(client, storeredis.Options{KeyPrefix: "multinode:"})
	if err != nil {
		return nil, err
	}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}, Store: st})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, rt.Close())
	}
	n := &node{rt: rt, server: &http.Server{Handler: rt, ReadHeaderTimeout: 5 * time.Second}}
	go func() { _ = n.server.Serve(l) }() // ends with stop
	target := &url.URL{Scheme: "http", Host: l.Addr().String()}
	n.proxy = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the browser's origin is compared with it
		r.SetXForwarded()
	}}
	log.Printf("node %d is at %s", number, target)
	return n, nil
}

func (n *node) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := errors.Join(n.rt.Shutdown(ctx), n.server.Shutdown(ctx)); err != nil {
		log.Print(err)
	}
}

// A balancer gives requests to the nodes in turn. Nothing needs to be sticky:
// a node that does not hold a connection asks the one that does.
type balancer struct {
	nodes []*node
	next  atomic.Uint64
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.nodes[b.next.Add(1)%uint64(len(b.nodes))].proxy.ServeHTTP(w, r)
}
