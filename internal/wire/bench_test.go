package wire

import "testing"

func BenchmarkDecodeCommand(b *testing.B) {
	for _, bb := range []struct{ name, frame string }{
		{"typical", `{"event":"chat","channel":"room.1","data":{"text":"Hello, everybody!","n":42}}`},
		{"spaced", `{"event": "chat", "channel": "room.1", "data": {"text": "Hello, everybody!", "n": 42}}`},
		{"ping", `{"event":"hotsock.ping"}`},
	} {
		frame := []byte(bb.frame)
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			for b.Loop() {
				if _, err := DecodeCommand(frame, 32<<10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	buf := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		AppendMessage(buf, chat)
	}
}

func BenchmarkDigest(b *testing.B) {
	value := []byte(`{"theme":"dark","volume":0.8,"recent":["a","b","c"],"window":{"w":1280,"h":720}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		Digest(value)
	}
}

// racing is true under the race detector, which makes sync.Pool forget.
var racing bool

func TestDecodeCommandAllocates(t *testing.T) {
	if racing {
		t.Skip("allocations differ under the race detector")
	}
	for _, tt := range []struct {
		why, frame string
		want       float64
	}{
		{"the event and the channel", `{"event":"chat","channel":"room.1","data":{"text":"Hello!"}}`, 2},
		{"the same with another order", `{ "data" : {"text":"Hello!"}, "channel" : "room.1", "event" : "chat" }`, 2},
		{"and the data without its spaces", `{"event":"chat","channel":"room.1","data":{"text": "Hello!"}}`, 3},
	} {
		frame := []byte(tt.frame)
		n := testing.AllocsPerRun(100, func() {
			if _, err := DecodeCommand(frame, maxData); err != nil {
				t.Fatal(err)
			}
		})
		if n != tt.want {
			t.Errorf("%s: %v allocations, want %v", tt.why, n, tt.want)
		}
	}
}
