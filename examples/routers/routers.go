package main

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v5"
	echomiddleware "github.com/labstack/echo/v5/middleware"

	"github.com/hotsock-go/hotsock"
)

// routers are the ways to mount a handler at /rt, by name.
var routers = map[string]func(rt *hotsock.Handler) http.Handler{
	"net/http":    withServeMux,
	"StripPrefix": withStripPrefix,
	"chi":         withChi,
	"gin":         withGin,
	"echo":        withEcho,
}

// hello stands for the rest of the app.
func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Hello!\n") }

func withServeMux(rt *hotsock.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	return mux
}

func withStripPrefix(rt *hotsock.Handler) http.Handler {
	api := http.NewServeMux()
	api.Handle("/rt", rt)
	api.Handle("/rt/", rt)

	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", api))
	// Not needed: it shows that an empty prefix works too.
	mux.Handle("/rt", http.StripPrefix("/rt", rt))
	mux.Handle("/rt/", http.StripPrefix("/rt", rt))
	return mux
}

func withChi(rt *hotsock.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.Recoverer)
	r.Mount("/rt", rt) // /rt, and everything below
	r.Group(func(r chi.Router) {
		r.Use(middleware.Logger) // it would log tokens
		r.Get("/", hello)
	})
	return r
}

func withGin(rt *hotsock.Handler) http.Handler {
	r := gin.New()
	r.Use(gin.LoggerWithConfig(gin.LoggerConfig{SkipQueryString: true}), gin.Recovery())
	r.Any("/rt", gin.WrapH(rt))
	r.Any("/rt/*path", gin.WrapH(rt))
	return r
}

func withEcho(rt *hotsock.Handler) http.Handler {
	e := echo.New()
	e.Use(echomiddleware.RequestID(), echomiddleware.Recover())
	e.Any("/rt", echo.WrapHandler(rt))
	e.Any("/rt/*", echo.WrapHandler(rt))
	e.GET("/", echo.WrapHandler(http.HandlerFunc(hello)), echomiddleware.RequestLogger()) // it would log tokens
	return e
}
