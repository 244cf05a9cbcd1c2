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
	if address, zone, scoped := strings.Cut(u.Hostname(), "%"); scoped {
		// The zone of an IPv6 address is the name of a network interface, in which case matters. A URL escapes its percent
		// sign and most others.
		host = strings.ToLower(address) + "%25" + url.PathEscape(zone)
	}
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

// Scheme is http or https.
func (m Manager) Scheme() string {
	scheme, _, _ := strings.Cut(m.base, ":")
	return scheme
}

// TLSName is the name that the manager's certificate must have, if the URL does not tell: no certificate has the zone of an
// IPv6 address. It is empty otherwise.
func (m Manager) TLSName() string {
	u, err := url.Parse(m.base)
	if err != nil {
		return ""
	}
	address, _, scoped := strings.Cut(u.Hostname(), "%")
	if !scoped {
		return ""
	}
	return address
}

// Endpoint is the URL that agents dial.
func (m Manager) Endpoint() string { return m.base + "/ws" }

// IsUnencrypted reports whether the credential would cross a network unencrypted.
func (m Manager) IsUnencrypted() bool { return m.Scheme() == "http" && !m.IsLoopback() }

// IsLoopback reports whether the manager is on this host.
func (m Manager) IsLoopback() bool {
	u, err := url.Parse(m.base)
	if err != nil {
		return false
	}
	address, _, _ := strings.Cut(u.Hostname(), "%")
	ip := net.ParseIP(address)
	return address == "localhost" || ip != nil && ip.IsLoopback()
}
