package wire

import ("bytes"; "github.com/go-json-experiment/json"; "testing"; "github.com/go-json-experiment/json/jsontext")

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
func BenchmarkBare(b *testing.B) {
	f := []byte(`{"event":"chat","channel":"room.1","data":{"text":"Hello, everybody!","n":42}}`)
	var buf bytes.Buffer
	d := jsontext.NewDecoder(&buf)
	b.ReportAllocs()
	for b.Loop() {
		buf = *bytes.NewBuffer(f)
		d.ReadToken()
		for d.PeekKind() != '}' {
			d.ReadValue()
			d.ReadValue()
		}
		d.ReadToken()
		d.Reset(&buf)
	}
}
func BenchmarkUnmarshal(b *testing.B) {
	f := []byte(`{"event":"chat","channel":"room.1","data":{"text":"Hello, everybody!","n":42}}`)
	b.ReportAllocs()
	for b.Loop() {
		var c struct { Event string `json:"event"`; Channel string `json:"channel"`; Key string `json:"key"`; Data jsontext.Value `json:"data"`; Ref string `json:"ref"`}
		if err := json.Unmarshal(f, &c); err != nil { b.Fatal(err) }
	}
}
