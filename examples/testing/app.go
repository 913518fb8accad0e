package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hotsock-go/hotsock"
)

// An app is a shop that tells its customers of their orders.
type app struct {
	rt *hotsock.Handler
	// sessions stand for the app's own login: users by session id.
	sessions map[string]string
}

// newApp makes the app. What depends on where it runs is in the options: in
// production the store, say, and in tests what the test kit puts there.
func newApp(o hotsock.Options, sessions map[string]string) (*app, error) {
	a := &app{sessions: sessions}
	o.Authenticate = a.authenticate
	var err error
	a.rt, err = hotsock.New(o)
	return a, err
}

func (a *app) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/rt", a.rt)
	mux.Handle("/rt/", a.rt)
	mux.HandleFunc("POST /orders/{order}/ship", a.ship)
	mux.HandleFunc("GET /support", a.support)
	mux.HandleFunc("PUT /notice", a.notice)
	return mux
}

// authenticate says what the user of a session may do: read about the own
// orders, ask the support, and see the shop's notice.
func (a *app) authenticate(r *http.Request) (*hotsock.Claims, error) {
	cookie, err := r.Cookie("session")
	if err != nil {
		return nil, err
	}
	user := a.sessions[cookie.Value]
	if user == "" {
		return nil, errors.New("no such session")
	}
	return &hotsock.Claims{
		UID:              user,
		HeartbeatTimeout: time.Minute,
		Channels: map[string]hotsock.ChannelClaims{
			"orders." + user: {Subscribe: hotsock.Allow, HistoryStart: time.Unix(0, 0)},
			"presence.support": {
				Subscribe: hotsock.Allow,
				Messages:  map[string]hotsock.MessageClaims{"question": {Publish: hotsock.Allow}},
			},
			"shop": {
				Subscribe: hotsock.Allow,
				Storage:   map[string]hotsock.StorageClaims{"notice": {Observe: hotsock.Allow}},
			},
		},
	}, nil
}

// ship tells a customer that an order is on its way, and asks six hours later
// how it was. It can be called again when it fails.
func (a *app) ship(w http.ResponseWriter, r *http.Request) {
	order, customer := r.PathValue("order"), r.FormValue("customer")
	about := map[string]any{"order": order}
	_, err := a.rt.Publish(r.Context(), hotsock.Message{
		Channel: "orders." + customer, Event: "shipped", Data: about,
		Store: 6 * time.Hour, DeduplicationID: "shipped " + order,
	})
	if err == nil {
		_, err = a.rt.Publish(r.Context(), hotsock.Message{
			Channel: "orders." + customer, Event: "review", Data: about,
			At: time.Now().Add(6 * time.Hour), DeduplicationID: "review " + order,
		})
	}
	answer(w, err)
}

// support says how many are there to help.
func (a *app) support(w http.ResponseWriter, r *http.Request) {
	info, err := a.rt.ChannelInfo(r.Context(), "presence.support")
	if err != nil {
		answer(w, err)
		return
	}
	fmt.Fprint(w, len(info.Members))
}

// notice shows every customer a text.
func (a *app) notice(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, err = a.rt.SetStorage(r.Context(), hotsock.Entry{Channel: "shop", Key: "notice", Data: string(text)})
	answer(w, err)
}

// answer tells a caller whether to try again.
func answer(w http.ResponseWriter, err error) {
	switch e, ok := errors.AsType[*hotsock.Error](err); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case ok && e.Code == hotsock.CodeUnavailable:
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	default:
		http.Error(w, "internal error", http.StatusInternalServerError)
	}
}
