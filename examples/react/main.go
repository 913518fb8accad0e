// Command react serves a room whose page is written with React and TypeScript: messages,
// members, a topic and dice. The page is in src, and has to be built first:
//
//	cd examples/react && npm run packed && npm ci && npm run build && go run .
//
// Open the address that it prints, with #Ada after it, and again with #Bo. Everything lives
// in memory and ends with the process. Anyone who reaches the server can be anybody: do not
// show it to the internet.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hotsock-go/hotsock"
)

const room = "presence.lobby"

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	dist := flag.String("dist", "dist", "`folder` of the built page")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *dist); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr, dist string) error {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: secret}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		return err
	}
	defer rt.Close()
	rt.Handle("roll", hotsock.Typed(func(ctx context.Context, c hotsock.Call, _ struct{}) (int64, error) {
		n, err := rand.Int(rand.Reader, big.NewInt(6))
		if err != nil {
			return 0, err
		}
		eyes := n.Int64() + 1
		_, err = rt.Publish(ctx, hotsock.Message{
			Channel: c.Channel, Event: "rolled", Data: eyes, Store: time.Hour, From: &hotsock.Member{UID: c.UID},
		})
		return eyes, err
	}))

	mux := http.NewServeMux()
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	mux.Handle("POST /token", tokens(key))
	mux.Handle("/", http.FileServer(http.Dir(dist)))
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "The room is at http://%s/\n", listener.Addr())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// tokens gives a token to whoever asks, by the name that they say.
func tokens(key hotsock.SigningKey) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, err := hotsock.SignToken(hotsock.Claims{
			Scope:   hotsock.ScopeConnect,
			Expires: time.Now().Add(time.Minute),
			UID:     r.FormValue("name"),
			Channels: map[string]hotsock.ChannelClaims{room: {
				Subscribe:    hotsock.Allow,
				HistoryStart: time.Unix(0, 0),
				Messages:     map[string]hotsock.MessageClaims{"chat": {Publish: hotsock.Allow, Store: time.Hour}},
				Storage:      map[string]hotsock.StorageClaims{"topic": {Set: hotsock.Allow, Observe: hotsock.Allow}},
				Calls:        map[string]hotsock.Permission{"roll": hotsock.Allow},
			}},
		}, key)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, token)
	}
}
