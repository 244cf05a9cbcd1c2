package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

func newBootID() string { return rand.Text() }

func newHTTPClient() *http.Client {
	return &http.Client{
		// The bearer goes to the one manager it belongs to, and nowhere that a redirect points to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{}).DialContext,
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2: it cannot upgrade
			MaxIdleConnsPerHost: -1,                                                     // a refused dial leaves nothing open
		},
	}
}

// dial opens a socket, or returns a *Refused, a *setback, or an error that says what went wrong with the network.
func (l *Link) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stepTimeout)
	defer cancel()
	ws, response, err := websocket.Dial(ctx, l.config.Manager.Endpoint(), &websocket.DialOptions{
		HTTPClient: l.http,
		HTTPHeader: http.Header{
			"Authorization":     {"Bearer " + l.credential.present()},
			"Zedops-Install-Id": {l.config.InstallID},
			"Zedops-Boot-Id":    {l.bootID},
			"User-Agent":        {"zedops-agent/" + l.config.Version},
		},
		CompressionMode: websocket.CompressionDisabled,
	})
	switch {
	case err == nil:
		return ws, nil
	case response != nil && response.StatusCode != http.StatusSwitchingProtocols:
		return nil, responseError(response, l.credential.isEnrolled(), l.clock())
	default:
		return nil, explainDialError(err, l.clock())
	}
}
