package identity

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Manager is the base URL of a manager in one canonical spelling, so that equal managers compare equal.
type Manager struct{ base string }

// ParseManager accepts http, https, ws and wss URLs. Credentials, a query or a fragment are refused: nothing secret
// belongs into a URL. The errors do not repeat the input for the same reason.
func ParseManager(text string) (Manager, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return Manager{}, errors.New("the manager's URL cannot be parsed")
	}
	switch u.Scheme {
	case "http", "https":
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	default:
		return Manager{}, errors.New("the manager's URL must begin with https://, http://, wss:// or ws://")
	}
	if u.Hostname() == "" {
		return Manager{}, errors.New("the manager's URL names no host")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return Manager{}, errors.New("the manager's URL must not hold credentials, a query or a fragment")
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
	return Manager{fmt.Sprintf("%s://%s%s", u.Scheme, host, strings.TrimRight(u.EscapedPath(), "/"))}, nil
}

func (m Manager) String() string { return m.base }

// Endpoint is the URL that agents dial.
func (m Manager) Endpoint() string { return m.base + "/ws" }

// InClear reports whether the credential would cross a network unencrypted.
func (m Manager) InClear() bool {
	u, err := url.Parse(m.base)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}
