package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/hotsock-go/hotsock"
)

// maxLogin is the length of the longest body of a login, in bytes.
const maxLogin = 4 << 10

// login starts a session for whoever knows the password.
func (d *desk) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ Email, Password string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLogin)).Decode(&in); err != nil {
		fail(w, http.StatusBadRequest, invalid("The request is not what this server expects."))
		return
	}
	uid, err := d.db.signIn(r.Context(), in.Email, in.Password)
	if errors.Is(err, sql.ErrNoRows) {
		fail(w, http.StatusForbidden, &hotsock.Error{Code: "WRONG_PASSWORD", Message: "This address and this password do not belong together."})
		return
	}
	var secret string
	if err == nil {
		secret, err = d.db.beginSession(r.Context(), uid)
	}
	if err != nil {
		fail(w, http.StatusServiceUnavailable, d.refuse(r.Context(), err, errSignedOut))
		return
	}
	d.setCookie(w, secret, time.Now().Add(sessionLife))
	w.WriteHeader(http.StatusNoContent)
}

// logout ends the session, and with everywhere=true all sessions of the person.
func (d *desk) logout(w http.ResponseWriter, r *http.Request) {
	s, err := d.signedIn(r)
	switch {
	case errors.Is(err, errSignedOut):
		err = nil
	case err != nil:
	case r.FormValue("everywhere") == "true":
		err = d.signOutEverywhere(r.Context(), s.UID)
	default:
		err = d.signOut(r.Context(), s.ID)
	}
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err)
		return
	}
	d.setCookie(w, "", time.Unix(1, 0))
	w.WriteHeader(http.StatusNoContent)
}

// me tells the page who is signed in: null is nobody.
func (d *desk) me(w http.ResponseWriter, r *http.Request) {
	s, err := d.signedIn(r)
	switch {
	case errors.Is(err, errSignedOut):
		answer(w, http.StatusOK, nil)
	case err != nil:
		fail(w, http.StatusServiceUnavailable, err)
	default:
		answer(w, http.StatusOK, s.person)
	}
}

// setCookie gives the browser a session. No script can read it, and other sites'
// pages send it with nothing that changes anything.
func (d *desk) setCookie(w http.ResponseWriter, secret string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // A flag says whether the page comes over HTTPS.
		Name: sessionCookie, Value: secret, Path: "/", Expires: expires,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: d.https,
	})
}

func fail(w http.ResponseWriter, status int, err error) {
	e, ok := errors.AsType[*hotsock.Error](err)
	if !ok {
		e = &hotsock.Error{Code: hotsock.CodeInternal, Message: "Something went wrong."}
	}
	answer(w, status, map[string]any{"code": e.Code, "message": e.Message})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // if that fails, the client is gone
}
