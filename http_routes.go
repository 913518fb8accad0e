package hotsock

import (
	"net/http"
	"slices"
	"strings"
)

// An endpoint answers requests of the server's HTTP API
// (docs/protocol.md#13-server-http-api). args are the segments of the path that
// its route leaves open, as they came.
type endpoint func(a *serverAPI, w http.ResponseWriter, r *http.Request, args []string) (status int, body []byte, err error)

// A route is an address of the server's HTTP API.
type route struct {
	// tail is how its path ends; "*" is any segment.
	tail []string
	// methods in the order in which Allow names them.
	methods []method
}

type method struct {
	name string
	do   endpoint
}

// routes has longer ones first: a channel may have the name of a shorter one.
var routes = []route{
	ending("channels/*/users/*/messages", method{http.MethodDelete, (*serverAPI).eraseUser}),
	ending("channels/*/users/*", method{http.MethodDelete, (*serverAPI).unsubscribeUser}),
	ending("channels/*/subscriptions", method{http.MethodPost, (*serverAPI).subscribe}),
	ending("channels/*/messages", method{http.MethodGet, (*serverAPI).channelMessages}),
	ending("channels/*/storage", method{http.MethodGet, (*serverAPI).channelStorage}, method{http.MethodDelete, (*serverAPI).eraseStorage}),
	ending("users/*/connections", method{http.MethodDelete, (*serverAPI).disconnectUser}),
	ending("schedules/*/*", method{http.MethodDelete, (*serverAPI).cancelSchedule}, method{http.MethodPatch, (*serverAPI).moveSchedule}),
	ending("channels/*", method{http.MethodGet, (*serverAPI).channel}, method{http.MethodDelete, (*serverAPI).eraseChannel}),
	ending("connections/*", method{http.MethodDelete, (*serverAPI).disconnect}),
	ending("messages/latest", method{http.MethodPost, (*serverAPI).latest}),
	ending("messages/count", method{http.MethodPost, (*serverAPI).countSince}),
	ending("publish/batch", method{http.MethodPost, (*serverAPI).publishBatch}),
	ending("publish", method{http.MethodPost, (*serverAPI).publish}),
	ending("revocations", method{http.MethodPost, (*serverAPI).revoke}),
	ending("schedules", method{http.MethodGet, (*serverAPI).schedules}),
	ending("connections", method{http.MethodGet, (*serverAPI).connections}),
	ending("erasures", method{http.MethodGet, (*serverAPI).erasures}),
	ending("users", method{http.MethodGet, (*serverAPI).online}),
	ending("channels", method{http.MethodGet, (*serverAPI).channels}),
}

func ending(tail string, methods ...method) route {
	return route{strings.Split(tail, "/"), methods}
}

// match returns the open segments of a path that ends as the route does.
func (r *route) match(segments []string) (args []string, ok bool) {
	if len(segments) < len(r.tail) {
		return nil, false
	}
	for i, s := range segments[len(segments)-len(r.tail):] {
		if r.tail[i] == "*" {
			args = append(args, s)
		} else if r.tail[i] != s {
			return nil, false
		}
	}
	return args, true
}

// findRoute returns the endpoint for a request, and otherwise the methods that
// the address supports, "" if there is no such address.
//
// Where a path can be read in two ways, because the host has chosen a prefix
// that ends like a route, the method may tell which is meant.
func findRoute(name string, segments []string) (do endpoint, args []string, allow string) {
	for i := range routes {
		r := &routes[i]
		args, ok := r.match(segments)
		if !ok {
			continue
		}
		if j := slices.IndexFunc(r.methods, func(m method) bool { return m.name == name }); j >= 0 {
			return r.methods[j].do, args, ""
		}
		if allow == "" {
			allow = r.allow()
		}
	}
	return nil, nil, allow
}

func (r *route) allow() string {
	var names []string
	for _, m := range r.methods {
		names = append(names, m.name)
	}
	return strings.Join(names, ", ")
}
