package doctest

// docs/tokens.md shows a part of this file; TestGuideCode compares them.

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

var signingKey = hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret that is only for these tests")}

// sessionUser knows one user, by the request's name.
func sessionUser(r *http.Request) (user string, ok bool) {
	user, _, ok = r.BasicAuth()
	return user, ok
}

// permittedNow is what the app's database says.
func permittedNow(_ context.Context, user string) channels { return inbox(user) }

// tokens answers with what the user may do for the next five minutes.
func tokens(w http.ResponseWriter, r *http.Request) {
	const life = 5 * time.Minute
	user, ok := sessionUser(r)
	if !ok {
		http.Error(w, "signed out", http.StatusForbidden)
		return
	}
	token, err := hotsock.SignToken(hotsock.Claims{
		Scope: hotsock.ScopeConnect, IssuedAt: time.Now(), Expires: time.Now().Add(life),
		UID: user, Channels: permittedNow(r.Context(), user), // from your database
	}, signingKey)
	if err != nil {
		http.Error(w, "no token", http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "seconds": life.Seconds()})
}

// The page that docs/tokens.md shows runs in internal/browsertest.
func TestRefreshRecipe(t *testing.T) {
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{signingKey.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	r := httptest.NewRequest(http.MethodPost, "/token", nil)
	answer := httptest.NewRecorder()
	if tokens(answer, r); answer.Code != http.StatusForbidden {
		t.Errorf("without a session: %d", answer.Code)
	}
	r.SetBasicAuth("jim", "")
	answer = httptest.NewRecorder()
	tokens(answer, r)
	var got struct {
		Token   string
		Seconds float64
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || got.Seconds != 300 {
		t.Fatalf("%+v, %v", got, err)
	}
	old := hotsock.Claims{UID: "jim", Channels: channels{"team": {Subscribe: hotsock.Allow}}}
	e, err := rt.Explain(t.Context(), hotsock.ExplainRequest{Action: hotsock.ActionRefresh, Claims: &old, CommandToken: got.Token})
	const want = "the fresh token takes the place of the connection's, and subscribes to inbox.jim, and what is subscribed of these ends: team"
	if err != nil || !e.Allowed || e.Reason != want {
		t.Errorf("%v, %v", e, err)
	}
}
