package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/identity"
)

func newBootID() string { return rand.Text() }

// maxAnswerHeaders is the most that an answer to an upgrade may have before its body, in bytes.
const maxAnswerHeaders = 64 << 10

func newHTTPClient(manager identity.Manager) *http.Client {
	return &http.Client{
		// The token goes to its own manager only, so the client follows no redirect.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         metered((&net.Dialer{}).DialContext),
			TLSClientConfig:     &tls.Config{ServerName: manager.TLSName()},
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2, which cannot upgrade
			MaxIdleConnsPerHost: -1,                                                     // a refused dial leaves no connection open

			MaxResponseHeaderBytes: maxAnswerHeaders,
		},
	}
}

// dial opens a socket, or returns a *RefusedError, a *retryableError, or an error of the network.
func (l *Link) dial(ctx context.Context) (*frameReader, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stepTimeout)
	defer cancel()
	frames := &frameReader{intake: l.intake, meter: &meter{}, limit: longestWelcome}
	ctx = context.WithValue(ctx, meterKey{}, frames.meter)
	countControl := func(ctx context.Context, payload []byte) {
		frames.meter.useful.Add(int64(len(payload)) + 2) // the header has two bytes
		l.intake.take(ctx, 1, len(payload))
	}
	ws, response, err := websocket.Dial(ctx, l.config.Manager.Endpoint(), &websocket.DialOptions{
		HTTPClient: l.http,
		HTTPHeader: http.Header{
			"Authorization":     {"Bearer " + l.credential.present(!l.inRound)},
			"Zedops-Install-Id": {l.config.InstallID},
			"Zedops-Boot-Id":    {l.bootID},
			"User-Agent":        {"zedops-agent/" + l.config.Version},
		},
		CompressionMode: websocket.CompressionDisabled,
		OnPingReceived:  func(ctx context.Context, payload []byte) bool { countControl(ctx, payload); return true },
		OnPongReceived:  countControl,
	})
	switch {
	case err == nil:
		frames.ws = ws
		return frames, nil
	case response != nil && response.StatusCode != http.StatusSwitchingProtocols:
		return nil, responseError(response, l.credential.isEnrolled(), l.clock())
	default:
		return nil, explainDialError(err, l.clock())
	}
}
