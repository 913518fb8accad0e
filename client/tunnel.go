package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// tunneled returns the transport for a handshake. A WebSocket goes through an
// HTTP proxy by CONNECT (RFC 6455, section 4.1), which net/http does for https
// only.
func tunneled(rt http.RoundTripper, r *http.Request) (http.RoundTripper, error) {
	t, ok := rt.(*http.Transport)
	if !ok || t.Proxy == nil || r.URL.Scheme != "http" {
		return rt, nil
	}
	proxy, err := t.Proxy(r)
	if err != nil {
		return nil, err
	}
	if proxy == nil || proxy.Scheme != "http" && proxy.Scheme != "https" {
		return rt, nil // SOCKS does not know HTTP
	}
	through := t.Clone()
	through.Proxy = nil
	through.DisableKeepAlives = true // It is for this handshake only.
	through.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialProxy(ctx, t, network, proxy)
		if err != nil {
			return nil, err
		}
		if err := connectTo(ctx, t, conn, proxy, addr); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return conn, nil
	}
	return through, nil
}

func dialProxy(ctx context.Context, t *http.Transport, network string, proxy *url.URL) (net.Conn, error) {
	dial := t.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	conn, err := dial(ctx, network, net.JoinHostPort(proxy.Hostname(), port))
	if err != nil || proxy.Scheme == "http" {
		return conn, err
	}
	config := new(tls.Config)
	if t.TLSClientConfig != nil {
		config = t.TLSClientConfig.Clone()
	}
	config.NextProtos = nil
	if config.ServerName == "" {
		config.ServerName = proxy.Hostname()
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// errNoTunnel begins what a proxy says that does not connect.
var errNoTunnel = errors.New("the proxy answered")

// connectTo asks the proxy for a connection to an address.
func connectTo(ctx context.Context, t *http.Transport, conn net.Conn, proxy *url.URL, addr string) error {
	header := t.ProxyConnectHeader
	if t.GetProxyConnectHeader != nil {
		var err error
		if header, err = t.GetProxyConnectHeader(ctx, proxy, addr); err != nil {
			return err
		}
	}
	if header = header.Clone(); header == nil {
		header = make(http.Header)
	}
	if u := proxy.User; u != nil && header.Get("Proxy-Authorization") == "" {
		password, _ := u.Password()
		header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: header}
	err := req.Write(conn)
	var res *http.Response
	if err == nil {
		// Nothing follows the answer before the tunnel is used.
		res, err = http.ReadResponse(bufio.NewReader(conn), req) //nolint:bodyclose // a tunnel has none
	}
	switch {
	case !stop():
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("the proxy does not answer: %w", err)
	case res.StatusCode/100 != 2:
		return fmt.Errorf("%w %s", errNoTunnel, res.Status)
	}
	return nil
}
