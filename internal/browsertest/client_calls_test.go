package browsertest

import (
	"context"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// TestClientCalls: a slow call holds up nothing and passes for no dead link, and what
// became of one that was cut off is not claimed to be known.
func TestClientCalls(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	release, begun := make(chan struct{}), make(chan struct{}, 9)
	slow := func(ctx context.Context, _ hotsock.Call) (any, error) {
		begun <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return "at last", ctx.Err()
	}
	s.rt.Handle("slow", slow)
	s.rt.Handle("double", hotsock.Typed(func(_ context.Context, _ hotsock.Call, n int) (int, error) { return 2 * n, nil }))
	s.rt.Handle("where", func(_ context.Context, c hotsock.Call) (any, error) { return c.Channel, nil })
	s.rt.Handle("none", func(context.Context, hotsock.Call) (any, error) { return nil, nil })
	claims := `{"uid":"Jim","calls":{"*":true},"channels":{"room":{"subscribe":true,"calls":{"*":true}}}}`
	p := b.openClient("Jim", "http://"+link.addr+"/", claims)
	got := run[string](p, `
		client.close();
		globalThis.client = new hotsock.Client({ token: async () => args[0], timeout: 1000 });
		client.connect();
		const fails = (promise) => promise.then(() => "resolved", ({ code, message }) => [code, message]);
		const codeOf = async (promise) => (await fails(promise))[0];
		globalThis.codeOf = codeOf;
		globalThis.slow = client.call("slow");
		const room = client.channel("room");
		const results = [await client.call("double", 21), await client.call("none"), await codeOf(room.call("where"))];
		await room.subscribe();
		results.push(await room.call("where"), await fails(client.call("double", "x")), await codeOf(client.call("unknown")));
		results.push(await codeOf(client.call("slow", null, { signal: AbortSignal.timeout(100) })));
		results.push(await codeOf(client.call("slow", null, { signal: AbortSignal.abort() })));
		await new Promise((resolve) => setTimeout(resolve, 3000)); // longer than the timeout
		results.push(client.state);
		return JSON.stringify(results);
	`, signed(t, "connect", claims))
	want(t, "results", got, `[42, null, "NOT_SUBSCRIBED", "room", ["INVALID_PARAMS", "params must be a number"], "UNKNOWN_METHOD", "NO_ANSWER", "NOT_CONNECTED", "open"]`)
	close(release)
	want(t, "the slow one", run[string](p, `return JSON.stringify(await slow)`), `"at last"`)

	<-begun
	<-begun
	s.rt.Handle("hang", func(ctx context.Context, _ hotsock.Call) (any, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	run[any](p, `globalThis.cut = codeOf(client.call("hang"))`)
	<-begun
	p.expectBrokenLinks()
	link.cut()
	want(t, "the one that was cut off", run[string](p, `return JSON.stringify(await cut)`), `"NO_ANSWER"`)
	link.mend()
	want(t, "after that", run[string](p, `return JSON.stringify(await client.call("double", 2))`), `4`)
	select {
	case <-begun:
		t.Error("a call was sent again")
	default:
	}
}
