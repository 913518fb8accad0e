package console

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/hotsock-go/hotsock"
)

// maxBody is the length of the longest request, in bytes. Two tokens and a few
// names have room.
const maxBody = 64 << 10

// An operation is what the page asks its own server for.
type operation struct {
	method string
	do     func(c *console, r *http.Request, body []byte) (any, error)
}

// operations are by the last segment of the path. Those that read are GET, so
// that nothing a browser does by itself can change anything.
var operations = map[string]operation{
	"config":      {http.MethodGet, (*console).config},
	"channel":     {http.MethodGet, (*console).channel},
	"channels":    {http.MethodGet, (*console).channels},
	"connections": {http.MethodGet, (*console).connections},
	"schedules":   {http.MethodGet, (*console).schedules},
	"cancel":      {http.MethodPost, (*console).cancel},
	"explain":     {http.MethodPost, (*console).explain},
	"token":       {http.MethodPost, (*console).token},
}

func (c *console) serveAPI(w http.ResponseWriter, r *http.Request, name string) {
	op, ok := operations[name]
	if !ok || name == "token" && c.Token == nil {
		answer(w, http.StatusNotFound, problem("NOT_FOUND", "there is nothing at this address"))
		return
	}
	if r.Method != op.method {
		w.Header().Set("Allow", op.method)
		answer(w, http.StatusMethodNotAllowed, problem("METHOD_NOT_ALLOWED", "this address takes another method"))
		return
	}
	var body []byte
	if r.Method == http.MethodPost {
		var err error
		if body, err = read(w, r); err != nil {
			refuse(w, err)
			return
		}
	}
	out, err := op.do(c, r, body)
	if err != nil {
		refuse(w, err)
		return
	}
	answer(w, http.StatusOK, out)
}

// read returns the body of a request that says it is JSON. A form of another
// site's page could not say so.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, invalid("the Content-Type must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, invalid("the body is too long, or cannot be read")
	}
	return body, nil
}

// decode reads a request into a struct.
func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return invalid("the request is not valid: " + err.Error())
	}
	return nil
}

func invalid(message string) error {
	return &hotsock.Error{Code: hotsock.CodeInvalidRequest, Message: message}
}

// statuses are those of the errors that are not the server's fault.
var statuses = map[hotsock.Code]int{
	hotsock.CodeInvalidRequest:   http.StatusBadRequest,
	hotsock.CodeScheduleNotFound: http.StatusNotFound,
	hotsock.CodeUnavailable:      http.StatusServiceUnavailable,
}

func refuse(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*hotsock.Error](err)
	if !ok {
		e = &hotsock.Error{Code: hotsock.CodeInternal, Message: "internal error"}
	}
	status := statuses[e.Code]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	answer(w, status, problem(string(e.Code), e.Message))
}

func problem(code, message string) any {
	return map[string]any{"error": map[string]string{"code": code, "message": message}}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone, if anything
}

func (c *console) config(*http.Request, []byte) (any, error) {
	return struct {
		Endpoint string `json:"endpoint"`
		CanMint  bool   `json:"canMint"`
		Version  string `json:"version"`
	}{c.Endpoint, c.Token != nil, hotsock.Version}, nil
}

func (c *console) token(r *http.Request, body []byte) (any, error) {
	var in struct {
		Claims *hotsock.Claims `json:"claims"`
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	if in.Claims == nil {
		return nil, invalid("the claims are missing")
	}
	token, err := c.Token(r, *in.Claims)
	if err != nil {
		return nil, invalid(err.Error())
	}
	return map[string]string{"token": token}, nil
}

func (c *console) cancel(r *http.Request, body []byte) (any, error) {
	var in struct {
		ARN string `json:"scheduleArn"`
	}
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	return struct{}{}, c.Handler.CancelSchedule(r.Context(), in.ARN)
}
