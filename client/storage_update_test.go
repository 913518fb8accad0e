package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// Many change one entry at once, and every change counts.
func TestUpdateStorage(t *testing.T) {
	const clients, times = 4, 10
	s := newSite(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all sync.WaitGroup
	for i := range clients {
		c := s.client(fmt.Sprint("user", i), nil)
		all.Go(func() {
			for range times {
				err := c.UpdateStorage(ctx, "room", "counter", func(e Entry) (any, error) {
					n := 0
					err := json.Unmarshal(e.Data, &n) // null changes nothing
					return n + 1, err
				})
				if err == nil {
					_, err = c.AddStorage(ctx, "room", "sum", .5)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	c := s.client("Jim", nil)
	for key, want := range map[string]string{"counter": fmt.Sprint(clients * times), "sum": fmt.Sprint(clients * times / 2)} {
		if e, err := c.Storage(ctx, "room", key); err != nil || string(e.Data) != want {
			t.Errorf("%s is %s, %v, want %s", key, e.Data, err, want)
		}
	}
}

// What the function sees, and what becomes of what it returns.
func TestUpdateStorageSteps(t *testing.T) {
	s := newSite(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := s.client("Jim", nil)
	var seen []string
	interfere := true
	err := c.UpdateStorage(ctx, "room", "k", func(e Entry) (any, error) {
		seen = append(seen, string(e.Data)+" by "+e.By.UID)
		if interfere {
			interfere = false
			if _, err := s.h.SetStorage(ctx, hotsock.Entry{Channel: "room", Key: "k", Data: "theirs"}); err != nil {
				return nil, err
			}
		}
		return "mine", nil
	})
	if err != nil || fmt.Sprint(seen) != `[null by  "theirs" by ]` {
		t.Errorf("%v, it saw %q", err, seen)
	}
	given := errors.New("never mind")
	if err := c.UpdateStorage(ctx, "room", "k", func(Entry) (any, error) { return 1, given }); !errors.Is(err, given) {
		t.Errorf("the function's error: %v", err)
	}
	if e, err := c.Storage(ctx, "room", "k"); string(e.Data) != `"mine"` {
		t.Errorf("after it: %s, %v", e.Data, err)
	}
	if err := c.UpdateStorage(ctx, "room", "k", func(Entry) (any, error) { return func() {}, nil }); err == nil {
		t.Error("what is no JSON was stored")
	}
	if _, err := c.AddStorage(ctx, "room", "k", 1); !errors.Is(err, &Error{Code: CodeConflict}) {
		t.Errorf("adding to text: %v", err)
	}
	if err := c.UpdateStorage(ctx, "room", "k", func(Entry) (any, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
	if e, err := c.Storage(ctx, "room", "k"); string(e.Data) != "null" {
		t.Errorf("cleared: %s, %v", e.Data, err)
	}
	if sum, err := c.AddStorage(ctx, "room", "k", -1.5); sum != -1.5 || err != nil {
		t.Errorf("adding to nothing: %v, %v", sum, err)
	}
}
