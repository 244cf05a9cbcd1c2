package link

import (
	"context"
	"errors"
	"fmt"
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
	status := statusOf(r)
	switch {
	case r.StatusCode == http.StatusProxyAuthRequired:
		return &fault.Fault{Code: fault.ProxyLogin, Step: fault.Proxy, Text: fmt.Sprintf("the proxy %s requires a log-in (it answered %s)", proxy, status)}
	case r.StatusCode/100 == 3 || r.StatusCode == http.StatusNetworkAuthenticationRequired:
		text := fmt.Sprintf("a captive portal answered for the proxy %s (%s)", proxy, status)
		if r.Header.Get("Location") != "" {
			text = fmt.Sprintf("a captive portal answered for the proxy %s (%s, to %s)", proxy, status, redirectHost(r))
		}
		return &fault.Fault{Code: fault.ProxyPortal, Step: fault.Proxy, Text: text}
	case r.StatusCode/100 == 5:
		return &fault.Fault{Code: fault.ProxyNoRoute, Step: fault.TCP, Text: fmt.Sprintf("the proxy %s cannot connect to the manager (it answered %s)", proxy, status)}
	case r.StatusCode/100 == 2:
		return &fault.Fault{Code: fault.ProxyBroken, Step: fault.Proxy, Text: fmt.Sprintf("the proxy %s answered CONNECT with %s", proxy, status)}
	default:
		return &fault.Fault{Code: fault.ProxyForbids, Step: fault.Proxy, Text: fmt.Sprintf("the proxy %s refuses to connect to the manager (it answered %s)", proxy, status)}
	}
}

// explainSocks names the cause of an error of net/http's SOCKS client. It returns nil for any other error. That client has
// only texts: those of RFC 1928.
func explainSocks(err error, proxy string) *fault.Fault {
	var op *net.OpError
	if !errors.As(err, &op) || !strings.HasPrefix(op.Op, "socks ") {
		return nil
	}
	text := op.Err.Error()
	says := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(text, part) {
				return true
			}
		}
		return false
	}
	f := &fault.Fault{Step: fault.Proxy, Cause: err}
	switch {
	case says("authentication"):
		f.Code, f.Text = fault.ProxyLogin, fmt.Sprintf("the proxy %s does not accept the log-in (%s)", proxy, text)
	case says("ruleset"):
		f.Code, f.Text = fault.ProxyForbids, fmt.Sprintf("the proxy %s refuses to connect to the manager (%s)", proxy, text)
	case says("unknown error"):
		f.Code, f.Step = fault.ProxyNoRoute, fault.TCP
		f.Text = fmt.Sprintf("the proxy %s cannot connect to the manager (%s)", proxy, strings.TrimPrefix(text, "unknown error "))
	default:
		f.Code, f.Text = fault.ProxyBroken, fmt.Sprintf("the proxy %s does not speak SOCKS5 (%s)", proxy, text)
	}
	return f
}
