package link

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/zedops/zedops/agent/internal/fault"
)

// checkTunnel names the cause if a proxy refuses CONNECT. net/http itself keeps only the words of the status.
func checkTunnel(_ context.Context, proxy *url.URL, _ *http.Request, r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	return proxyRefusal(proxyAddress(proxy), r)
}

// proxyRefusal names the cause of a proxy's answer that is not the manager's.
func proxyRefusal(proxy string, r *http.Response) *fault.Fault {
	status, code := statusOf(r), fault.ProxyForbids
	switch {
	case r.StatusCode == http.StatusProxyAuthRequired:
		code = fault.ProxyLogin
	case r.StatusCode/100 == 3 || r.StatusCode == http.StatusNetworkAuthenticationRequired:
		code = fault.ProxyPortal
		if r.Header.Get("Location") != "" {
			status += ", to " + redirectHost(r)
		}
	case r.StatusCode/100 == 5:
		code = fault.ProxyNoRoute
	case r.StatusCode/100 == 2:
		code = fault.ProxyBroken
	}
	return fault.New(code, nil, proxy, status)
}

// explainSocks names the cause of an error of net/http's SOCKS client. It returns nil for any other error. That client has
// only texts: those of RFC 1928.
func explainSocks(err error, proxy string) *fault.Fault {
	var op *net.OpError
	if !errors.As(err, &op) || !strings.HasPrefix(op.Op, "socks ") {
		return nil
	}
	text, code := op.Err.Error(), fault.ProxyBroken
	switch {
	case strings.Contains(text, "authentication"):
		code = fault.ProxyLogin
	case strings.Contains(text, "ruleset"):
		code = fault.ProxyForbids
	case strings.Contains(text, "unknown error"):
		code = fault.ProxyNoRoute
	}
	return fault.New(code, err, proxy, strings.TrimPrefix(text, "unknown error "))
}
