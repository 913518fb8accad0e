package hotsock

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// origins is the list of browser origins that are let in.
type origins struct {
	patterns []string // lower case
	any      bool
}

func newOrigins(patterns []string) origins {
	var o origins
	for _, p := range patterns {
		o.any = o.any || p == "*"
		o.patterns = append(o.patterns, strings.ToLower(p))
	}
	return o
}

// allowSocket decides on an upgrade. Requests without Origin do not come from
// browsers.
func (o *origins) allowSocket(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || o.any {
		return true
	}
	u, err := url.Parse(origin)
	if err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host) {
		return true
	}
	return o.match(origin)
}

// allowAPI decides on a call of the client's HTTP API, which carries its own
// secret: by default anybody's.
func (o *origins) allowAPI(origin string) bool {
	return o.any || len(o.patterns) == 0 || o.match(origin)
}

// refuseOrigin logs what was compared: where the host is not that of the page,
// a proxy has set another one.
func (h *Handler) refuseOrigin(r *http.Request) error {
	h.logger.Info("hotsock: origin refused", "origin", clip(r.Header.Get("Origin")), "host", clip(r.Host), "path", r.URL.Path)
	return refuse(CodeOriginDenied)
}

func (o *origins) match(origin string) bool {
	u, err := url.Parse(strings.ToLower(origin))
	if err != nil || u.Host == "" {
		return false
	}
	for _, p := range o.patterns {
		target := u.Host
		if strings.Contains(p, "://") {
			target = u.Scheme + "://" + u.Host
		}
		// Errors were found when the options were validated.
		if ok, _ := path.Match(p, target); ok {
			return true
		}
	}
	return false
}
