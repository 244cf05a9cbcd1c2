package identity

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// Manager is the base URL of a manager in canonical form, so that == compares managers.
type Manager struct{ base string }

// ParseManager accepts http, https, ws and wss URLs without a path. It refuses credentials, a query and a fragment, because
// a URL should hold no secrets. For the same reason its errors repeat neither the input nor the cause.
func ParseManager(text string) (Manager, error) {
	noScheme := errors.New("the manager's URL must begin with http:// or https://")
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil && !strings.Contains(text, "://"): // url.Parse cannot read 127.0.0.1:8787
		return Manager{}, noScheme
	case err != nil:
		return Manager{}, errors.New("the manager's URL cannot be parsed")
	}
	switch u.Scheme {
	case "http", "https":
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	default:
		return Manager{}, noScheme
	}
	if u.Hostname() == "" {
		return Manager{}, errors.New("the manager's URL names no host")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return Manager{}, errors.New("the manager's URL must not hold credentials, a query or a fragment")
	}
	if strings.Trim(u.Path, "/") != "" {
		return Manager{}, errors.New("the manager's URL has no path: leave out everything after the host and port")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		port = ""
	}
	switch {
	case port != "":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return Manager{base: u.Scheme + "://" + host}, nil
}

func (m Manager) String() string { return m.base }

// Endpoint is the URL that agents dial.
func (m Manager) Endpoint() string { return m.base + "/ws" }

// IsUnencrypted reports whether the credential would cross a network unencrypted.
func (m Manager) IsUnencrypted() bool {
	u, err := url.Parse(m.base)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}
