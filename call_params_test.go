package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

type orderParams struct {
	Item    string         `json:"item"`
	Amount  int8           `json:"amount"`
	Price   float64        `json:"price"`
	Gift    bool           `json:"gift"`
	Due     time.Time      `json:"due"`
	Seal    []byte         `json:"seal"`
	Parts   []orderPart    `json:"parts"`
	Pair    [2]int         `json:"pair"`
	Labels  map[string]int `json:"labels"`
	Next    *orderPart     `json:"next"`
	Counter uint           `json:"counter"`
	Any     any            `json:"any"`
}

type orderPart struct {
	Size int `json:"size"`
}

func TestTypedSaysWhatIsWrong(t *testing.T) {
	f := Typed(func(context.Context, Call, orderParams) (int, error) { return 1, nil })
	for params, want := range map[string]string{
		`{"amount":"2"}`:                "params.amount must be a number",
		`{"amount":1.5}`:                "params.amount must be an integer that is not too large",
		`{"amount":128}`:                "params.amount must be an integer that is not too large",
		`{"counter":-1}`:                "params.counter must be an integer that is not too large, and not negative",
		`{"price":true}`:                "params.price must be a number",
		`{"price":1e999}`:               "params.price is too large a number",
		`{"item":7}`:                    "params.item must be a string",
		`{"gift":"yes"}`:                "params.gift must be true or false",
		`{"due":"tomorrow"}`:            "params.due must be a time such as 2030-07-24T09:00:00Z",
		`{"seal":"~"}`:                  "params.seal must be base64 in a string",
		`{"parts":{}}`:                  "params.parts must be an array",
		`{"parts":[{},{"size":"big"}]}`: "params.parts[1].size must be a number",
		`{"pair":[1]}`:                  "params.pair must be an array of 2 elements",
		`{"labels":{"a":1,"b":"x"}}`:    "params.labels.b must be a number",
		`{"labels":[]}`:                 "params.labels must be an object",
		`{"next":3}`:                    "params.next must be an object",
		`{"next":{"depth":3}}`:          "params.next.depth is not known",
		`{"Amount":1}`:                  "params.Amount is not known",

		`{"a` + strings.Repeat("é", 99) + `":1}`: "params.a" + strings.Repeat("é", 96) + "… is not known",

		`[1]`:    "params must be an object",
		`"text"`: "params must be an object",
	} {
		_, err := f(t.Context(), Call{Params: json.RawMessage(params)})
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != CodeInvalidParams || e.Message != want {
			t.Errorf("%s: %v, want %q", params, err, want)
		}
	}
	for _, params := range []string{``, `null`, `{}`, `{"item":null,"amount":-128,"next":null,"any":[1,{"a":2}],"due":"2030-07-24T09:00:00Z","seal":"YQ=="}`} {
		if got, err := f(t.Context(), Call{Params: json.RawMessage(params)}); got != 1 || err != nil {
			t.Errorf("%s: %v, %v", params, got, err)
		}
	}
}

func TestTypedTakesAnyType(t *testing.T) {
	sum := Typed(func(_ context.Context, _ Call, numbers []int) (int, error) {
		total := 0
		for _, n := range numbers {
			total += n
		}
		return total, nil
	})
	if got, err := sum(t.Context(), Call{Params: json.RawMessage(`[1,2]`)}); got != 3 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := sum(t.Context(), Call{Params: json.RawMessage(`[1,"2"]`)}); err == nil || !strings.Contains(err.Error(), "params[1] must be a number") {
		t.Error(err)
	}
}
