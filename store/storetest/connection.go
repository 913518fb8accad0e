package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

func testUseToken(e *env) {
	nodes := []*node{e.join(), e.join()}
	until := e.h.Now().Add(time.Hour)
	for _, token := range []string{"token", "{}", "a:b", "👍", fmt.Sprintf("%0512d", 1)} {
		var wg sync.WaitGroup
		var first atomic.Int32
		for i := range 16 {
			wg.Go(func() {
				ok, err := nodes[i%2].UseToken(e.Context(), token, until)
				if err != nil {
					e.Error(err)
				}
				if ok {
					first.Add(1)
				}
			})
		}
		wg.Wait()
		if n := first.Load(); n != 1 {
			e.Errorf("%d of 16 were the first to use token %.10q", n, token)
		}
	}
}

func testTokenStaysUsed(e *env) {
	a, b := e.join(), e.join()
	start := e.h.Now()
	use := func(n *node, token string, valid time.Duration) bool {
		ok, err := n.UseToken(e.Context(), token, start.Add(valid))
		if err != nil {
			e.Fatal(err)
		}
		return ok
	}
	if !use(a, "t", time.Hour) {
		e.Error("the first use was refused")
	}
	e.outliveBrief()
	if use(b, "t", brief) {
		e.Error("a second use was let through before the token's time, for naming another time")
	}
	if use(a, "t", time.Hour) {
		e.Error("a third use was let through: the second one changed until when the token is used")
	}
	if !use(b, "u", time.Hour) {
		e.Error("the first use of another token was refused")
	}
}

func testRemoveConnection(e *env) {
	a := e.join()
	if err := a.RemoveConnection(e.Context(), "never added"); err != nil {
		e.Error(err)
	}
}
