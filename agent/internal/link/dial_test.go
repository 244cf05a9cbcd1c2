package link

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/managertest"
)

// serveTLS serves with a certificate of its own authority, valid between the two dates.
func serveTLS(t *testing.T, from, until time.Time) (url string, authority *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Home Lab CA"}, NotBefore: from, NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	authority = x509.NewCertPool()
	authority.AddCert(certificate)
	return server.URL, authority
}

func TestCertificateErrorsSayWhatToDo(t *testing.T) {
	now := time.Now()
	valid, _ := serveTLS(t, now.Add(-time.Hour), now.Add(time.Hour))
	expired, expiredAuthority := serveTLS(t, now.Add(-48*time.Hour), now.Add(-24*time.Hour))
	future, futureAuthority := serveTLS(t, now.Add(24*time.Hour), now.Add(48*time.Hour))
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	date := func(t time.Time) string { return t.UTC().Format("2006-01-02") }
	for name, c := range map[string]struct {
		url       string
		authority *x509.CertPool
		says      []string
	}{
		"unknown authority": {valid, x509.NewCertPool(), []string{"does not trust (CN=Home Lab CA)", "SSL_CERT_FILE"}},
		"expired":           {expired, expiredAuthority, []string{date(now.Add(-48 * time.Hour)), date(now.Add(-24 * time.Hour)), "this host's clock says " + date(now)}},
		"not yet valid":     {future, futureAuthority, []string{date(now.Add(24 * time.Hour)), date(now.Add(48 * time.Hour)), "this host's clock says " + date(now)}},
		"no TLS":            {strings.Replace(plain.URL, "http:", "https:", 1), nil, []string{"does not speak TLS", "http://"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, c.url, func(l *Link) {
				l.config.MaxRetries = 1
				l.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = c.authority
			})
			err := r.ended(t)
			for _, part := range c.says {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%v lacks %q", err, part)
				}
			}
		})
	}
}

func TestAWrongClockIsReportedAndTheCredentialStays(t *testing.T) {
	now := time.Now()
	url, authority := serveTLS(t, now.Add(-30*24*time.Hour), now.Add(30*24*time.Hour))
	for name, off := range map[string]time.Duration{"ahead": year, "behind": -year} {
		t.Run(name, func(t *testing.T) {
			var wall settable
			wall.step(off)
			r := run(t, url, func(l *Link) {
				l.clock, l.config.MaxRetries = wall.now, 3
				retryQuickly(l)
				l.http.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: authority, Time: wall.now}
			})
			var gaveUp *GaveUpError
			err := r.ended(t)
			if !errors.As(err, &gaveUp) || gaveUp.Attempts != 3 || !strings.Contains(err.Error(), "this host's clock says "+now.Add(off).UTC().Format("2006-01-02")) {
				t.Errorf("it ended with %v", err)
			}
			if c, err := r.store.Credential(); err != nil || c == nil || c.Token != managertest.PermanentToken {
				t.Errorf("the credential is %v, %v", c, err)
			}
		})
	}
}

func TestNoExtensionIsOfferedOrTaken(t *testing.T) {
	long := strings.Repeat("x", 10_000) // worth compressing
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		works bool
	}{
		"a server that compresses if it is asked to": {func(w http.ResponseWriter, r *http.Request) {
			if offered := r.Header.Get("Sec-Websocket-Extensions"); offered != "" {
				t.Errorf("it offers %s", offered)
			}
			ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1})
			if err != nil {
				t.Error(err)
				return
			}
			defer ws.CloseNow()
			if err := ws.Write(r.Context(), websocket.MessageText, []byte(long)); err != nil {
				t.Error(err)
			}
		}, true},
		"a server that compresses unasked": {func(w http.ResponseWriter, r *http.Request) {
			sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Sec-Websocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
			w.Header().Set("Sec-Websocket-Extensions", "permessage-deflate")
			w.WriteHeader(http.StatusSwitchingProtocols)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.serve)
			defer server.Close()
			manager, err := identity.ParseManager(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			frames, err := New(Config{Manager: manager, Token: managertest.PermanentToken, Enrolled: true, Log: slog.New(slog.DiscardHandler)}).dial(t.Context())
			if !c.works {
				var refused *RefusedError
				if err == nil || errors.As(err, &refused) {
					t.Errorf("it ended with %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer frames.ws.CloseNow()
			if _, frame, err := frames.next(t.Context()); err != nil || string(frame) != long {
				t.Errorf("got %d bytes, %v", len(frame), err)
			}
		})
	}
}
