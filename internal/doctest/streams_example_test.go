package doctest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// answer has the model answer, for all who are in the conversation.
func answer(ctx context.Context, rt *hotsock.Handler, conversation string, model func(ctx context.Context, out io.Writer) error) error {
	stream, err := rt.Stream(ctx, hotsock.Message{
		Channel: conversation, Event: "answer", Store: 30 * 24 * time.Hour, From: &hotsock.Member{UID: "assistant"},
	}, hotsock.WhileHeard(30*time.Second))
	if err != nil {
		return err
	}
	if err := model(stream.Context(), stream); err != nil {
		return errors.Join(err, stream.Abort("The model has failed"))
	}
	return stream.Close()
}

// answerTo begins an answer that shows the question, too.
func answerTo(ctx context.Context, rt *hotsock.Handler, conversation, question string) (*hotsock.Stream, error) {
	stream, err := rt.Stream(ctx, hotsock.Message{
		Channel: conversation, Event: "answer", Store: time.Hour,
		Data: map[string]any{"question": question, "text": ""},
	})
	return stream, err
}

// asker may ask in their own conversations, and stop the answers.
func asker(uid string) hotsock.Claims {
	return hotsock.Claims{
		Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Minute), UID: uid,
		Channels: map[string]hotsock.ChannelClaims{"conversation." + uid + ".*": {
			Subscribe: hotsock.Allow, HistoryStart: time.Unix(0, 0),
			Messages: map[string]hotsock.MessageClaims{
				"question": {Publish: hotsock.Allow, Store: 30 * 24 * time.Hour},
				"answer":   {Stop: hotsock.Allow},
			},
		}},
	}
}

func TestStreamRecipes(t *testing.T) {
	s := hotsocktest.Start(t, hotsocktest.Options{Nodes: 2})
	rt := s.Handler()
	const conversation = "conversation.jim.1"
	s.Connect(t, asker("jim")).Subscribe(conversation)
	failed := errors.New("no more")
	for _, row := range []struct {
		fails error
		want  hotsock.StreamState
	}{{nil, hotsock.StreamState{State: "complete"}}, {failed, hotsock.StreamState{State: "aborted", Reason: "The model has failed"}}} {
		err := answer(t.Context(), rt, conversation, func(ctx context.Context, out io.Writer) error {
			for i := range 10 {
				if _, err := fmt.Fprint(out, i, " "); err != nil {
					return err
				}
			}
			return errors.Join(ctx.Err(), row.fails)
		})
		if !errors.Is(err, row.fails) {
			t.Fatal(err)
		}
		page, err := rt.History(t.Context(), hotsock.HistoryQuery{Channel: conversation, Reverse: true, Limit: 1})
		if err != nil || len(page.Items) != 1 {
			t.Fatal(page, err)
		}
		m := page.Items[0]
		if string(m.Data) != `"0 1 2 3 4 5 6 7 8 9 "` || m.Stream == nil || *m.Stream != row.want || m.By.UID != "assistant" {
			t.Errorf("the history has %s, %+v of %+v", m.Data, m.Stream, m.By)
		}
	}
	stream, err := answerTo(t.Context(), rt, conversation, "Why?")
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.StopStream(t.Context(), conversation, stream.ID()); err != nil {
		t.Fatal(err)
	}
	<-stream.Context().Done()
	if err := stream.Close(); !errors.Is(err, hotsock.ErrStreamStopped) {
		t.Errorf("closing what was stopped: %v", err)
	}
}
