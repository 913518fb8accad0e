package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock"
)

const (
	keepMessages = 24 * time.Hour
	// maxQuestion is the length of the longest question, in characters.
	maxQuestion = 2000
	// maxAnswers is how many answers a user can have written at once.
	maxAnswers = 2
	// unheard is how long an answer goes on while nobody looks: longer than a reload.
	unheard = 30 * time.Second
)

// An assistant answers the questions that users ask in conversations. A conversation is a
// channel; its messages are questions and answers.
type assistant struct {
	rt    *hotsock.Handler
	model model

	answers sync.WaitGroup // those that are being written
	mu      sync.Mutex
	writing map[string]int // how many answers, by the uid of who has asked
}

func newAssistant(o hotsock.Options, m model) (*assistant, error) {
	o.Authenticate = func(r *http.Request) (*hotsock.Claims, error) {
		uid, ok := userOf(r)
		if !ok {
			return nil, errors.New("no session")
		}
		return claims(uid), nil
	}
	rt, err := hotsock.New(o)
	if err != nil {
		return nil, err
	}
	a := &assistant{rt: rt, model: m, writing: make(map[string]int)}
	rt.Handle("ask", hotsock.Typed(a.ask))
	return a, nil
}

// claims say what a user may do. The name of a conversation cannot be guessed, so whoever
// knows it was given it: they may read it, ask in it, and stop its answers. A real app
// would look up who takes part.
func claims(uid string) *hotsock.Claims {
	return &hotsock.Claims{
		UID: uid,
		Channels: map[string]hotsock.ChannelClaims{"conversation.*": {
			Subscribe:    hotsock.Allow,
			HistoryStart: time.Unix(0, 0),
			Calls:        map[string]hotsock.Permission{"ask": hotsock.Allow},
			Messages:     map[string]hotsock.MessageClaims{"answer": {Stop: hotsock.Allow}},
		}},
	}
}

type question struct {
	Text string `json:"text"`
}

// asked names the two messages of a question.
type asked struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// ask publishes the question in the name of who asks, and begins to answer it. All who
// are in the conversation see both.
func (a *assistant) ask(ctx context.Context, c hotsock.Call, q question) (asked, error) {
	if strings.TrimSpace(q.Text) == "" || utf8.RuneCountInString(q.Text) > maxQuestion {
		return asked{}, &hotsock.Error{
			Code: hotsock.CodeInvalidParams, Message: fmt.Sprintf("A question has 1 to %d characters.", maxQuestion),
		}
	}
	if !a.begin(c.UID) {
		return asked{}, &hotsock.Error{
			Code: "BUSY", Message: fmt.Sprintf("You can have %d answers at once. Wait for one, or stop it.", maxAnswers),
		}
	}
	sent, err := a.rt.Publish(ctx, hotsock.Message{
		Channel: c.Channel, Event: "question", Data: q, Store: keepMessages, From: &hotsock.Member{UID: c.UID},
	})
	if err != nil {
		a.end(c.UID)
		return asked{}, err
	}
	// The answer does not end with the call, or with the connection of who has asked.
	stream, err := a.rt.Stream(context.WithoutCancel(ctx), hotsock.Message{
		Channel: c.Channel, Event: "answer", Store: keepMessages, From: &hotsock.Member{UID: "assistant"},
	}, hotsock.WhileHeard(unheard))
	if err != nil {
		a.end(c.UID)
		return asked{}, err
	}
	a.answers.Go(func() {
		defer a.end(c.UID)
		a.answer(stream, q.Text)
	})
	return asked{sent.ID, stream.ID()}, nil
}

// answer has the model write, until it is done or nobody needs the rest.
func (a *assistant) answer(stream *hotsock.Stream, question string) {
	err := a.model(stream.Context(), question, stream)
	if err == nil {
		err = stream.Close()
	} else {
		_ = stream.Abort("The model has failed") // If the stream has ended, it keeps its own reason.
	}
	if err != nil && !errors.Is(err, hotsock.ErrStreamStopped) && !errors.Is(err, hotsock.ErrUnheard) {
		log.Printf("an answer is not complete: %v", err)
	}
}

// begin counts an answer for the user, unless there are too many.
func (a *assistant) begin(uid string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.writing[uid] >= maxAnswers {
		return false
	}
	a.writing[uid]++
	return true
}

func (a *assistant) end(uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.writing[uid]--; a.writing[uid] == 0 {
		delete(a.writing, uid)
	}
}
