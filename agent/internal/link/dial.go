package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/coder/websocket"
)

func newBootID() string { return rand.Text() }

// maxAnswerHeaders is the most that an answer to an upgrade may have before its body, in bytes.
const maxAnswerHeaders = 64 << 10

// newHTTPClient reports to the current dial.
func newHTTPClient(c Config, current *atomic.Pointer[progress]) *http.Client {
	onHandshake := func(state tls.ConnectionState) error {
		if p := current.Load(); p != nil {
			p.onHandshake(state)
		}
		return nil
	}
	return &http.Client{
		// The token goes to its own manager only, so the client follows no redirect.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               c.Proxy,
			DialContext:         metered(dialTCP),
			TLSClientConfig:     &tls.Config{ServerName: c.Manager.TLSName(), RootCAs: c.Authorities, Time: c.Clock, VerifyConnection: onHandshake},
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2, which cannot upgrade
			MaxIdleConnsPerHost: -1,                                                     // a refused dial leaves no connection open

			MaxResponseHeaderBytes: maxAnswerHeaders,
			OnProxyConnectResponse: checkTunnel,
		},
	}
}

// dialTCP reports to the dial that the context belongs to.
func dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	if m, ok := ctx.Value(meterKey{}).(*meter); ok {
		dialer.Control = m.progress.onSocket
	}
	return dialer.DialContext(ctx, network, address)
}

// dial opens a socket with the token that is due.
func (l *Link) dial(ctx context.Context) (*frameReader, error) {
	frames, _, err := l.dialWith(ctx, l.credential.present(!l.inRound))
	return frames, err
}

// dialWith opens a socket, or returns a *RefusedError, a *retryableError, or a *fault.Fault. Without a token, a manager
// refuses with missing_token.
func (l *Link) dialWith(ctx context.Context, token string) (*frameReader, *progress, error) {
	ctx, cancel := context.WithTimeout(ctx, l.stepTimeout)
	defer cancel()
	p := newProgress(l.proxy(), l.config.Authorities)
	l.progress.Store(p)
	frames := &frameReader{intake: l.intake, meter: &meter{progress: p}, limit: longestWelcome}
	ctx = context.WithValue(ctx, meterKey{}, frames.meter)
	countControl := func(ctx context.Context, payload []byte) {
		frames.meter.useful.Add(int64(len(payload)) + 2) // the header has two bytes
		l.intake.take(ctx, 1, len(payload))
	}
	header := http.Header{
		"Zedops-Install-Id": {l.config.InstallID},
		"Zedops-Boot-Id":    {l.bootID},
		"User-Agent":        {"zedops-agent/" + l.config.Version},
	}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	ws, response, err := websocket.Dial(ctx, l.config.Manager.Endpoint(), &websocket.DialOptions{
		HTTPClient:      l.http,
		HTTPHeader:      header,
		CompressionMode: websocket.CompressionDisabled,
		OnPingReceived:  func(ctx context.Context, payload []byte) bool { countControl(ctx, payload); return true },
		OnPongReceived:  countControl,
	})
	switch {
	case err == nil:
		frames.meter.upgraded.Store(true)
		frames.ws = ws
		return frames, p, nil
	case response != nil && response.StatusCode != http.StatusSwitchingProtocols:
		return nil, p, p.responseError(response, l.credential.isEnrolled(), l.clock())
	default:
		return nil, p, p.explain(err, l.clock())
	}
}

// proxy is the proxy on the way to the manager; nil without one.
func (l *Link) proxy() *url.URL {
	request, err := http.NewRequest(http.MethodGet, l.config.Manager.Endpoint(), nil)
	if err != nil {
		return nil
	}
	proxy, _ := l.config.Proxy(request) // its error is the dial's
	return proxy
}
