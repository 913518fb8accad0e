package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

const conversation = "conversation.tea"

func start(t *testing.T, m model) *hotsocktest.Server {
	t.Helper()
	return hotsocktest.Start(t, hotsocktest.Options{App: func(o hotsock.Options) (*hotsock.Handler, http.Handler, error) {
		a, err := newAssistant(o, m)
		if err != nil {
			return nil, nil, err
		}
		return a.rt, newMux(a.rt), nil
	}})
}

// guest returns the options of the browser with that session.
func guest(digit string) client.Options {
	return client.Options{Header: http.Header{"Cookie": {sessionCookie + "=" + strings.Repeat(digit, 2*sessionSize)}}}
}

func ask(t *testing.T, s *hotsocktest.Subscription, text string) (asked, error) {
	t.Helper()
	result, err := s.Call(t.Context(), "ask", question{text})
	var ids asked
	if err == nil {
		err = json.Unmarshal(result, &ids)
	}
	return ids, err
}

// An answerSeen is what a viewer has got of an answer.
type answerSeen struct {
	pieces []string
	err    error
}

// look reads an answer until it ends, and tells piece of each piece.
func look(ctx context.Context, s *hotsocktest.Subscription, id string, piece func(text string)) (seen answerSeen) {
	text := ""
	for p, err := range s.Stream(ctx, id) {
		if err != nil {
			seen.err = err
			break
		}
		seen.pieces = append(seen.pieces, p)
		text += p
		piece(text)
	}
	return seen
}

// TestAnswer: two viewers get all of an answer, one of whom comes in the middle.
func TestAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, scripted(pace))
		ada := s.ConnectWith(t, guest("a")).Subscribe(conversation)
		bo := s.ConnectWith(t, guest("b"))
		ids, err := ask(t, ada, "How do streams work?")
		if err != nil {
			t.Fatal(err)
		}
		m := ada.Expect("question", question{"How do streams work?"})
		if m.ID != ids.Question || m.From.UID != ada.User().UID {
			t.Errorf("the question is %s of %s", m.ID, m.From.UID)
		}
		if m = ada.Expect("answer", ""); m.ID != ids.Answer || m.Stream.State != client.StreamOpen {
			t.Errorf("the answer is %s, %s", m.ID, m.Stream.State)
		}

		late := make(chan answerSeen, 1)
		joined := false
		seen := look(t.Context(), ada, ids.Answer, func(text string) {
			if joined || len(text) < len(streamsAnswer)/2 {
				return
			}
			joined = true
			sub := bo.Subscribe(conversation)
			go func() { late <- look(t.Context(), sub, ids.Answer, func(string) {}) }()
		})
		for viewer, seen := range map[string]answerSeen{"from the beginning": seen, "from the middle": <-late} {
			if text := strings.Join(seen.pieces, ""); text != streamsAnswer || seen.err != nil {
				t.Errorf("%s: %q, %v", viewer, text, seen.err)
			}
			if len(seen.pieces) < 5 {
				t.Errorf("%s: it came in %d pieces, so it was not streamed", viewer, len(seen.pieces))
			}
		}
	})
}

// TestStop: whoever is in the conversation can stop an answer, and all are told.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		s := start(t, func(ctx context.Context, question string, out io.Writer) error {
			err := scripted(pace)(ctx, question, out)
			ended <- err
			return err
		})
		ada := s.ConnectWith(t, guest("a")).Subscribe(conversation)
		bo := s.ConnectWith(t, guest("b")).Subscribe(conversation)
		ids, err := ask(t, ada, "Count to 1000")
		if err != nil {
			t.Fatal(err)
		}
		stopped := false
		seen := look(t.Context(), ada, ids.Answer, func(text string) {
			if stopped || len(text) < 100 {
				return
			}
			stopped = true
			if err := bo.StopStream(t.Context(), ids.Answer); err != nil {
				t.Error(err)
			}
		})
		end, ok := errors.AsType[*client.StreamError](seen.err)
		if !ok || end.State != client.StreamAborted || end.Reason != "stopped" {
			t.Errorf("it ended with %v", seen.err)
		}
		if err := <-ended; !errors.Is(err, hotsock.ErrStreamStopped) {
			t.Errorf("the model ended with %v", err)
		}
		text := strings.Join(seen.pieces, "")
		if !strings.HasPrefix(count(1000), text) {
			t.Errorf("it is not how the answer begins: %q", text)
		}
		again := look(t.Context(), bo, ids.Answer, func(string) {})
		if strings.Join(again.pieces, "") != text {
			t.Errorf("the other viewer has %q, want %q", again.pieces, text)
		}
	})
}

// TestBounds: what is asked, and how much is answered at once, is bounded.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail := make(chan struct{})
		s := start(t, func(ctx context.Context, _ string, _ io.Writer) error {
			select {
			case <-fail:
				return errors.New("the model is ill")
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		ada := s.ConnectWith(t, guest("a")).Subscribe(conversation)
		for _, row := range []struct {
			why, text string
			code      client.Code
		}{
			{"nothing", " \n", client.Code(hotsock.CodeInvalidParams)},
			{"one character too many", strings.Repeat("é", maxQuestion+1), client.Code(hotsock.CodeInvalidParams)},
			{"the longest", strings.Repeat("é", maxQuestion), ""},
			{"as many as a user can have", "Another", ""},
			{"one more", "And another", "BUSY"},
		} {
			_, err := ask(t, ada, row.text)
			if code := codeOf(err); code != row.code {
				t.Errorf("%s: %v", row.why, err)
			}
		}
		bo := s.ConnectWith(t, guest("b")).Subscribe(conversation)
		if _, err := ask(t, bo, "What of me?"); err != nil {
			t.Errorf("what one user does counts for another: %v", err)
		}
		fail <- struct{}{}
		synctest.Wait()
		for range maxAnswers { // One of the three has failed; it does not matter whose.
			_, _ = ask(t, ada, "Now?")
			_, _ = ask(t, bo, "Now?")
		}
		if _, err := ask(t, ada, "One more?"); codeOf(err) != "BUSY" {
			t.Errorf("above the bound: %v", err)
		}
		close(fail)
		synctest.Wait()
		ids, err := ask(t, ada, "And after all have failed?")
		if err != nil {
			t.Fatal(err)
		}
		seen := look(t.Context(), ada, ids.Answer, func(string) {})
		if end, ok := errors.AsType[*client.StreamError](seen.err); !ok || end.Reason != "The model has failed" {
			t.Errorf("it ended with %v", seen.err)
		}
	})
}

func codeOf(err error) client.Code {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Code
	}
	if err != nil {
		return client.Code(err.Error())
	}
	return ""
}

// TestUnheard: when everybody has gone, the model is not kept working.
func TestUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		s := start(t, func(ctx context.Context, _ string, _ io.Writer) error {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return context.Cause(ctx)
		})
		ada := s.ConnectWith(t, guest("a"))
		if _, err := ask(t, ada.Subscribe(conversation), "Is anybody there?"); err != nil {
			t.Fatal(err)
		}
		gone := time.Now()
		if err := ada.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, hotsock.ErrUnheard) || time.Since(gone) < unheard {
				t.Errorf("after %v: %v", time.Since(gone), err)
			}
		case <-time.After(3 * unheard):
			t.Error("the model works on")
		}
	})
}

// TestSession: only browsers with a session get in, and everybody has their own uid.
func TestSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, scripted(pace))
		for _, o := range []client.Options{{}, guest("z"), guest("ab")} {
			if err := s.Refused(t, o); !errors.Is(err, &client.Error{Code: client.CodeUnauthorized}) {
				t.Errorf("refused with %v", err)
			}
		}
		ada, bo := s.ConnectWith(t, guest("a")).Subscribe(conversation), s.ConnectWith(t, guest("b")).Subscribe(conversation)
		if ada.User().UID == bo.User().UID {
			t.Errorf("both are %s", ada.User().UID)
		}
	})
}

// TestScript: the tokens are all of the text.
func TestScript(t *testing.T) {
	for _, row := range []struct{ question, want string }{
		{"Hello?", helpAnswer},
		{"Explain STREAMS", streamsAnswer},
		{"Show me some code", codeAnswer},
		{"count to 3", "## Counting\n\n1, 2, 3, **done**.\n"},
		{"Count to 999999999", count(maxCount)},
		{"Count to 99999999999999999999", helpAnswer},
	} {
		if got := strings.Join(tokens.FindAllString(script(row.question), -1), ""); got != row.want {
			t.Errorf("%s: %q", row.question, got)
		}
	}
}
