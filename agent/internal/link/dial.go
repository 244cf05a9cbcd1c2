package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

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

// explain reduces a dial error to what an operator can act on.
func explainDialError(err error, now time.Time) error {
	var certificate x509.CertificateInvalidError
	var authority x509.UnknownAuthorityError
	var plaintext tls.RecordHeaderError
	var request *url.Error
	switch {
	case errors.As(err, &certificate) && certificate.Reason == x509.Expired:
		return fmt.Errorf("the manager's certificate is valid from %s until %s, and this host's clock says %s: one of them is wrong",
			certificate.Cert.NotBefore.UTC().Format(time.RFC3339), certificate.Cert.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case errors.As(err, &authority):
		issuer := "an unnamed one"
		if authority.Cert != nil {
			issuer = authority.Cert.Issuer.String()
		}
		return fmt.Errorf("the manager's certificate was signed by an authority that this host does not trust (%s): if it is your own, name its certificate file in SSL_CERT_FILE", issuer)
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &plaintext):
		return errors.New("the other end does not speak TLS: should the manager's URL begin with http://?")
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the manager does not answer")
	case errors.As(err, &request):
		return request.Err // without the library's preamble
	default:
		return err
	}
}
