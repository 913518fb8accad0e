// Command desk is a support desk: customers open tickets, and agents answer them.
//
//	go run .
//
// Open the address that it prints in two windows, and sign in as a customer in one and
// as an agent in the other. Without flags, everything is in memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock"
)

// stopTimeout is how long the end may take.
const stopTimeout = 20 * time.Second

// A config is what the flags say.
type config struct {
	addr, db, redis string
	https           bool
}

func main() {
	var c config
	flag.StringVar(&c.addr, "addr", "127.0.0.1:8080", "listen on this `host:port`; port 0 picks a free one")
	flag.StringVar(&c.db, "db", "", "keep people and tickets in this `file`, in memory by default")
	flag.StringVar(&c.redis, "redis", "", "keep messages in the Redis with this `URL`, in memory by default")
	flag.BoolVar(&c.https, "https", false, "a proxy serves the page over HTTPS: send cookies only there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends. It prints the address once it is listening.
func run(ctx context.Context, c config, out io.Writer) error {
	db, err := openDatabase(ctx, c.db)
	if err != nil {
		return err
	}
	defer db.Close()
	store, closeStore, err := openStore(c.redis)
	if err != nil {
		return err
	}
	defer closeStore()
	d, err := newDesk(db, hotsock.Options{Store: store})
	if err != nil {
		return err
	}
	d.https = c.https
	if err := d.seed(ctx); err != nil {
		return errors.Join(err, d.rt.Close())
	}
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return errors.Join(err, d.rt.Close())
	}
	fmt.Fprintf(out, "The desk is at http://%s/\n", listener.Addr())
	return d.serve(ctx, listener)
}

// serve serves until ctx ends, and then lets everything come to its end.
func (d *desk) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: d.routes(), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	g, ctx := errgroup.WithContext(ctx)
	relayed := make(chan struct{})
	g.Go(func() error {
		defer close(relayed) // what it has begun needs the handler
		return d.db.box.Run(ctx, d.db.DB, d.rt)
	})
	g.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		<-relayed
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		// The HTTP server first: it stops listening at once, so that clients whose
		// connections are closed come back to another node.
		return errors.Join(server.Shutdown(ctx), d.rt.Shutdown(ctx))
	})
	return g.Wait()
}
