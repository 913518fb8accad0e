package spectest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// An openDocument is docs/openapi.yaml, and what was seen of it.
type openDocument struct {
	*openapi3.T

	// routes by the id of their operation.
	routes map[string]*routers.Route
	seen   map[outcome]bool
}

// An outcome is one way in which an operation can be answered.
type outcome struct {
	operation string
	status    int
	code      string // "" if it is no error
}

func loadOpen(t *testing.T) *openDocument {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(docsFile(t, "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !doc.IsOpenAPI31OrLater() {
		t.Fatalf("the document is of OpenAPI %s", doc.OpenAPI)
	}
	d := &openDocument{T: doc, routes: map[string]*routers.Route{}, seen: map[outcome]bool{}}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" || d.routes[op.OperationID] != nil {
				t.Fatalf("%s %s has the id %q", method, path, op.OperationID)
			}
			d.routes[op.OperationID] = &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}
		}
	}
	return d
}

// outcomes returns all that the document has.
func (d *openDocument) outcomes(t *testing.T) map[outcome]bool {
	t.Helper()
	all := map[outcome]bool{}
	for id, route := range d.routes {
		for text, response := range route.Operation.Responses.Map() {
			status, err := strconv.Atoi(text)
			if err != nil {
				t.Fatalf("%s has the status %q", id, text)
			}
			if status < http.StatusBadRequest {
				all[outcome{id, status, ""}] = true
			}
			found := false
			for _, media := range response.Value.Content {
				for _, code := range codesOf(media.Schema) {
					all[outcome{id, status, code}], found = true, true
				}
			}
			if status >= http.StatusBadRequest && !found {
				t.Errorf("%s has no code for %d", id, status)
			}
		}
	}
	return all
}

// codesOf returns the values that a schema allows for members called "code".
func codesOf(ref *openapi3.SchemaRef) (codes []string) {
	if ref == nil || ref.Value == nil {
		return nil
	}
	s := ref.Value
	for name, p := range s.Properties {
		if name != "code" {
			codes = append(codes, codesOf(p)...)
			continue
		}
		for _, code := range p.Value.Enum {
			codes = append(codes, code.(string))
		}
	}
	for _, part := range slices.Concat(s.AllOf, s.OneOf, openapi3.SchemaRefs{s.Items}) {
		codes = append(codes, codesOf(part)...)
	}
	return codes
}

// options make the validation strict.
func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true,
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}
}

func TestOpenAPI(t *testing.T) {
	for _, text := range []string{"text/javascript", "text/event-stream"} {
		openapi3filter.RegisterBodyDecoder(text, openapi3filter.PlainBodyDecoder)
	}
	d := loadOpen(t)
	async := loadAsync(t)
	t.Run("golden bodies", func(t *testing.T) { goldenBodies(t, d) })
	t.Run("client", func(t *testing.T) { clientOperations(t, d, async) })
	t.Run("client refusals", func(t *testing.T) { clientRefusals(t, d, async) })
	t.Run("server", func(t *testing.T) { serverOperations(t, d, async) })
	t.Run("server refusals", func(t *testing.T) { serverRefusals(t, d, async) })
	t.Run("erasures", func(t *testing.T) { serverErasures(t, d, async) })
	t.Run("without a WebSocket", func(t *testing.T) { feedOperations(t, d, async) })
	t.Run("browser", func(t *testing.T) { browserOperations(t, d, async) })
	for o := range d.outcomes(t) {
		if !d.seen[o] {
			t.Errorf("the document says that %s can be answered with %d %s, and it never was", o.operation, o.status, o.code)
		}
	}
}

var pathParameter = regexp.MustCompile(`\{\w+\}`)

// TestRoutes holds the addresses of the document to those of the handler.
func TestRoutes(t *testing.T) {
	d := loadOpen(t)
	var documented []string
	for _, r := range d.routes {
		documented = append(documented, r.Method+" "+pathParameter.ReplaceAllString(strings.TrimPrefix(r.Path, "/"), "*"))
	}
	slices.Sort(documented)
	if have := routesOfHandler(t); !slices.Equal(have, documented) {
		t.Errorf("the handler has\n%s\nand the document has\n%s", strings.Join(have, "\n"), strings.Join(documented, "\n"))
	}

	// What other methods are answered with names those of the document.
	s := newSite(t, loadAsync(t), nil)
	for path, item := range d.Paths.Map() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.base+pathParameter.ReplaceAllString(path, "x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := s.http.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		var want []string
		for method := range item.Operations() {
			want = append(want, method)
		}
		if strings.HasPrefix(path, "/connection/") || path == "/stream" {
			want = append(want, http.MethodOptions)
		}
		if path == "/client.js" {
			want = append(want, http.MethodHead)
		}
		slices.Sort(want)
		got := strings.Split(answer.Header.Get("Allow"), ", ")
		slices.Sort(got)
		if answer.StatusCode != http.StatusMethodNotAllowed || !slices.Equal(got, want) {
			t.Errorf("PUT %s: %d, Allow: %v, want %v", path, answer.StatusCode, got, want)
		}
	}
}

// TestCodes finds every error of the handler in one of the documents.
func TestCodes(t *testing.T) {
	var text []byte
	for _, name := range []string{"openapi.yaml", "asyncapi.yaml"} {
		part, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part...)
	}
	for _, code := range codesOfHandler(t) {
		if !regexp.MustCompile(`\b` + code + `\b`).Match(text) {
			t.Errorf("no document has %s", code)
		}
	}
}

// goldenBodies holds the bodies and answers of docs/protocol.md to the
// document. Each says in its name which operation it is of.
func goldenBodies(t *testing.T, d *openDocument) {
	t.Helper()
	names := map[string]string{
		"channel": "getChannel", "schedules": "getSchedules", "disconnected": "disconnect", "unsubscribed": "unsubscribeUser", "subscribed": "subscribe",
		"messages": "getChannelMessages", "connections": "listConnections", "channels": "listChannels", "users": "getOnline", "error": "getChannel",
		"erasure": "eraseUser", "erasures": "listErasures",
	}
	operation := func(name string) *openapi3.Operation {
		id, _, _ := strings.Cut(name, "-")
		if other := names[id]; other != "" {
			id = other
		}
		if d.routes[id] == nil {
			t.Fatalf("%s is of no operation", name)
		}
		return d.routes[id].Operation
	}
	check := func(name string, schema *openapi3.SchemaRef, text []byte) {
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		if err := schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range goldenFiles(t, "body-") {
		check(name, operation(strings.TrimPrefix(name, "body-")).RequestBody.Value.Content["application/json"].Schema, text)
	}
	for name, text := range goldenFiles(t, "answer-") {
		responses := operation(strings.TrimPrefix(name, "answer-")).Responses
		response := responses.Status(http.StatusOK)
		if accepted := responses.Status(http.StatusAccepted); accepted != nil {
			response = accepted
		}
		switch {
		case name == "answer-error":
			response = responses.Status(http.StatusUnauthorized)
		case strings.HasSuffix(name, "-conflict"):
			response = responses.Status(http.StatusConflict)
		}
		schema := response.Value.Content["application/json"].Schema
		check(name, schema, text)
		var value map[string]any
		_ = json.Unmarshal(text, &value)
		value["surprise"] = 1
		if err := schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err == nil {
			t.Errorf("%s may have a member too many", name)
		}
	}
}

// A call is a request, and how it must be answered.
type call struct {
	operation string
	path      map[string]string // values of the open segments
	query     map[string]string
	header    map[string]string
	body      string
	// wrong requests must be refused by the document as well.
	wrong  bool
	status int
	code   string // "" if it is no error
}

// do sends the request, and holds it and its answer to the document.
func (s *site) do(t *testing.T, d *openDocument, c call) []byte {
	t.Helper()
	route := d.routes[c.operation]
	if route == nil {
		t.Fatalf("the document has no %s", c.operation)
	}
	request := s.request(t, route, c)
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: c.path, Route: route, Options: options()}
	if err := openapi3filter.ValidateRequest(t.Context(), input); (err != nil) != c.wrong {
		if err == nil {
			err = errors.New("the document allows it")
		}
		t.Errorf("%s %v %s: %v", c.operation, c.path, c.body, err)
	}
	request.Body = bodyOf(c.body)
	answer, err := s.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: answer.StatusCode, Header: answer.Header, Options: options(),
	}
	response.SetBodyBytes(body.Bytes())
	if err := openapi3filter.ValidateResponse(t.Context(), response); err != nil {
		t.Errorf("%s is answered with %d %s: %v", c.operation, answer.StatusCode, body.Bytes(), err)
	}
	codes := errorCodes(body.Bytes())
	if answer.StatusCode != c.status || !codes[c.code] {
		t.Errorf("%s %v %s is answered with %d %s, want %d %s", c.operation, c.path, c.body, answer.StatusCode, body.Bytes(), c.status, c.code)
	}
	for code := range codes {
		d.seen[outcome{c.operation, answer.StatusCode, code}] = true
	}
	return body.Bytes()
}

// errorCodes returns the errors of an answer, and "" if something is none.
func errorCodes(body []byte) map[string]bool {
	type result struct{ Error struct{ Code string } }
	var answer struct {
		result

		Results []result
	}
	_ = json.Unmarshal(body, &answer) // it may be no JSON
	if len(answer.Results) == 0 {
		return map[string]bool{answer.Error.Code: true}
	}
	codes := map[string]bool{}
	for _, r := range answer.Results {
		codes[r.Error.Code] = true
	}
	return codes
}
