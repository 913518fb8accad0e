package protocoltest

import (
	"fmt"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

const withInfo = `{"event":"hotsock.subscribe","channel":"room","data":{"info":true}}`

func infoOf(count int) string {
	return fmt.Sprintf(`{"event":"hotsock.channelInfo","channel":"room","data":{"subscriptionsCount":%d}}`, count)
}

// Section 4: a subscription that is told how many there are.
func TestChannelInfo(t *testing.T) {
	const (
		claims = `{"room":{"subscribe":true,"getInfo":true}}`
		plain  = `{"event":"hotsock.subscribe","channel":"room"}`
		leave  = `{"event":"hotsock.unsubscribe","channel":"room"}`
		again  = `{"event":"hotsock.subscribe","channel":"room","data":{"after":null,"info":%t}}`
		joined = `{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":null,"umd":null}}`
		caught = `{"event":"hotsock.subscribed","channel":"room","data":{"lastId":"$_"},"meta":{"uid":null,"umd":null}}`
		left   = `{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{"uid":null,"umd":null}}`
	)
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", claims))
		c.do(`{"event":"hotsock.subscribe","channel":"room","data":{"info":1}}`, failure("room", "INVALID_REQUEST"))
		c.do(withInfo, joined, infoOf(1))
		c.do(withInfo, failure("room", "ALREADY_SUBSCRIBED"))

		stranger := e.connect(t, user("", `{"room":{"subscribe":true},"other":{"getInfo":true}}`))
		stranger.do(withInfo, failure("room", "INFO_PERMISSION_DENIED"))
		stranger.do(`{"event":"hotsock.subscribe","channel":"other","data":{"info":true}}`, failure("other", "SUBSCRIBE_PERMISSION_DENIED"))
		stranger.do(plain, joined)
		c.expect(infoOf(2))
		stranger.do(fmt.Sprintf(again, true), failure("room", "INFO_PERMISSION_DENIED"))
		stranger.do(leave, left)
		c.expect(infoOf(1))

		// A subscription that is not counted changes nothing, and is told of the others.
		silent := e.connect(t, user("", `{"room":{"subscribe":true,"getInfo":true,"omitFromSubCount":true}}`))
		silent.do(withInfo, joined, infoOf(1))
		c.do(fmt.Sprintf(again, false), caught)
		stranger.do(plain, joined)
		silent.expect(infoOf(2))
		c.do(fmt.Sprintf(again, true), caught, infoOf(2))
		stranger.Close()
		c.expect(infoOf(1))
		silent.expect(infoOf(1))
		c.do(leave, left)
		silent.expect(infoOf(0))
	})
}

// However many come and go at once, those who are told get few frames, and the last
// count.
func TestChannelInfoOfMany(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: many come and go")
	}
	const many = 200
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", `{"room":{"subscribe":true,"getInfo":true}}`))
		c.send(withInfo)
		c.Until("hotsock.channelInfo")
		began := time.Now()
		for range many {
			other := e.connect(t, user("", `{"room":{"subscribe":true,"getInfo":true}}`))
			for range 3 { // on and off
				other.send(withInfo)
				other.send(`{"event":"hotsock.unsubscribe","channel":"room"}`)
			}
			other.send(withInfo)
		}
		frames, last := 0, ""
		await.That(t, "the last count", func() bool {
			f := c.Next()
			frames++
			last = f.Text
			return e.match(infoOf(1+many), last) == nil
		})
		if most := 2 + int(time.Since(began)/(900*time.Millisecond)); frames > most {
			t.Errorf("%d frames in %v, want at most %d", frames, time.Since(began), most)
		}
	})
}
