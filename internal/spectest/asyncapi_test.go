package spectest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oasdiff/yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A direction is whose messages are meant, as the server sees it.
type direction string

const (
	received direction = "receive"
	sent     direction = "send"
)

// An asyncDocument is docs/asyncapi.yaml, and what was seen of it.
type asyncDocument struct {
	schemas map[direction]map[string]*jsonschema.Schema
	// matched are the messages that occurred, and codes the errors.
	matched map[direction]map[string]bool
	codes   map[string]bool
}

// asyncFile is the part of the document that says who sends what.
type asyncFile struct {
	AsyncAPI string
	Channels map[string]struct{ Messages map[string]reference }
	// Replies are sent by the other side.
	Operations map[string]struct {
		Action   direction
		Channel  reference
		Messages []reference
		Reply    struct {
			Channel  reference
			Messages []reference
		}
	}
	Components struct {
		Messages map[string]struct {
			Summary string
			Payload json.RawMessage
		}
	}
}

type reference struct {
	Ref string `json:"$ref"`
}

// docsFile returns a document as JSON.
func docsFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	text, err = yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// loadAsync reads the document and checks that it hangs together.
func loadAsync(t *testing.T) *asyncDocument {
	t.Helper()
	text := docsFile(t, "asyncapi.yaml")
	var file asyncFile
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(file.AsyncAPI, "3.") {
		t.Fatalf("the document is of AsyncAPI %q", file.AsyncAPI)
	}
	resource, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7) // AsyncAPI's own is a superset of it
	compiler.AssertFormat()
	if err := compiler.AddResource("asyncapi.json", resource); err != nil {
		t.Fatal(err)
	}
	d := &asyncDocument{
		schemas: map[direction]map[string]*jsonschema.Schema{received: {}, sent: {}},
		matched: map[direction]map[string]bool{received: {}, sent: {}},
		codes:   map[string]bool{},
	}
	add := func(action direction, messages []reference) {
		for _, m := range messages {
			name, ok := strings.CutPrefix(m.Ref, "#/channels/socket/messages/")
			want := reference{"#/components/messages/" + name}
			if !ok || file.Channels["socket"].Messages[name] != want || file.Components.Messages[name].Payload == nil {
				t.Fatalf("%s leads nowhere", m.Ref)
			}
			schema, err := compiler.Compile("asyncapi.json#/components/messages/" + name + "/payload")
			if err != nil {
				t.Fatal(err)
			}
			d.schemas[action][name] = schema
		}
	}
	for name, o := range file.Operations {
		if socket := (reference{"#/channels/socket"}); o.Channel != socket || o.Reply.Messages != nil && o.Reply.Channel != socket {
			t.Fatalf("the operation %s is on no channel", name)
		}
		other := map[direction]direction{received: sent, sent: received}[o.Action]
		if other == "" {
			t.Fatalf("the operation %s has the action %q", name, o.Action)
		}
		add(o.Action, o.Messages)
		add(other, o.Reply.Messages)
	}
	for name := range file.Components.Messages {
		if (d.schemas[received][name] == nil) == (d.schemas[sent][name] == nil) {
			t.Errorf("%s is not of exactly one side", name)
		}
	}
	return d
}

// match returns the only message of that direction that the text is.
func (d *asyncDocument) match(of direction, text []byte) (string, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return "", err
	}
	var names []string
	var refusals []error
	for name, schema := range d.schemas[of] {
		if err := schema.Validate(value); err != nil {
			refusals = append(refusals, fmt.Errorf("%s: %w", name, err))
			continue
		}
		names = append(names, name)
	}
	switch len(names) {
	case 0:
		return "", fmt.Errorf("it is no message of the document: %v", refusals)
	case 1:
		d.matched[of][names[0]] = true
		return names[0], nil
	}
	return "", fmt.Errorf("it is %d messages of the document: %v", len(names), names)
}

func TestAsyncAPI(t *testing.T) {
	d := loadAsync(t)
	t.Run("golden frames", func(t *testing.T) { goldenFrames(t, d) })
	// What the golden frames have shown must be shown again by a real server.
	golden := maps.Clone(d.matched[sent])
	clear(d.matched[sent])
	t.Run("session", func(t *testing.T) { session(t, d) })
	t.Run("crowd", func(t *testing.T) { crowd(t, d) })
	t.Run("refusals", func(t *testing.T) { refusals(t, d) })
	for action, schemas := range d.schemas {
		for name := range schemas {
			if !d.matched[action][name] {
				t.Errorf("no frame was ever seen that is %s", name)
			}
			if action == sent && !golden[name] {
				t.Errorf("no golden frame is %s", name)
			}
		}
	}
	for _, code := range asyncCodes(t) {
		if !d.codes[code] {
			t.Errorf("the error %s was never seen", code)
		}
	}
	t.Run("commands of the handler", func(t *testing.T) {
		var documented []string
		for name := range d.schemas[received] {
			if name != "publish" {
				documented = append(documented, name)
			}
		}
		slices.Sort(documented)
		if have := commandsOfHandler(t); !slices.Equal(have, documented) {
			t.Errorf("the handler has the commands %v, the document %v", have, documented)
		}
	})
}

// asyncCodes returns the codes that the document has.
func asyncCodes(t *testing.T) []string {
	t.Helper()
	var file struct {
		Components struct {
			Messages struct {
				Error struct {
					Payload struct {
						Properties struct {
							Error struct {
								Properties struct{ Code struct{ Enum []string } }
							}
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal(docsFile(t, "asyncapi.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	codes := file.Components.Messages.Error.Payload.Properties.Error.Properties.Code.Enum
	if len(codes) == 0 {
		t.Fatal("the document has no codes")
	}
	return codes
}

// goldenFrames holds the frames of docs/protocol.md to the document. Each says
// in its name which message it is.
func goldenFrames(t *testing.T, d *asyncDocument) {
	t.Helper()
	names := map[string]string{"command-pong": "clientPong", "frame-message-server": "message"}
	for prefix, action := range map[string]direction{"command-": received, "frame-": sent} {
		for name, text := range goldenFiles(t, prefix) {
			want := names[name]
			if want == "" {
				want, _, _ = strings.Cut(strings.TrimPrefix(name, prefix), "-")
			}
			got, err := d.match(action, text)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if got != want {
				t.Errorf("%s is %s", name, got)
			}
			// As it is, and with nothing more: the schemas are strict.
			if action == sent {
				more := append([]byte(`{"surprise":1,`), bytes.TrimPrefix(text, []byte("{"))...)
				if got, err := d.match(sent, more); err == nil {
					t.Errorf("%s with a member too many is %s", name, got)
				}
			}
		}
	}
	for _, text := range []string{
		`{"event":"hotsock.unknown","channel":"room"}`, `{"event":"chat"}`, `{"channel":"room"}`, `{"event":"a*b","channel":"room"}`,
		`{"event":"hotsock.subscribe","channel":"a b"}`, `{"event":"hotsock.channelStorageSet","channel":"room"}`, `[]`,
	} {
		if name, err := d.match(received, []byte(text)); err == nil {
			t.Errorf("%s is %s", text, name)
		}
	}
}

// goldenFiles returns the golden files whose names begin like that, by name.
func goldenFiles(t *testing.T, prefix string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "frames", prefix+"*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files %s: %v", prefix, err)
	}
	slices.Sort(files)
	texts := make(map[string][]byte, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(file), ".json")] = text
	}
	return texts
}
