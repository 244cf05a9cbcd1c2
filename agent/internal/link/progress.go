package link

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/zedops/zedops/agent/internal/fault"
)

// progress records how far a dial has come. The HTTP client reports it from goroutines of its own.
type progress struct {
	mu    sync.Mutex
	reach Reach
	step  fault.Step // what the dial works on
	date  time.Time  // the manager's, if it refused the upgrade; else zero
	proxy *url.URL   // nil without a proxy
	inTLS bool       // to a proxy that itself is reached by TLS

	authorities *x509.CertPool // of --ca-file; nil without it
}

// Reach is what a dial found on its way.
type Reach struct {
	Proxy     string               // host and port of the proxy; empty without one
	Addresses []string             // of the looked-up name; empty if the URL has an address
	Connected string               // address and port of the TCP connection: the proxy's, if there is one
	TLS       *tls.ConnectionState // nil before the handshake, and over plain http
}

func newProgress(proxy *url.URL, authorities *x509.CertPool) *progress {
	p := &progress{step: fault.Names, proxy: proxy, authorities: authorities}
	if proxy != nil {
		p.reach.Proxy = proxyAddress(proxy)
	}
	return p
}

// at returns the step that the dial works on, and what it has found.
func (p *progress) at() (fault.Step, Reach) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.step, p.reach
}

func (p *progress) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *progress) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone: func(found httptrace.DNSDoneInfo) {
			p.update(func() {
				for _, address := range found.Addrs {
					p.reach.Addresses = append(p.reach.Addresses, address.String())
				}
			})
		},
		ConnectStart: func(string, string) {
			p.update(func() {
				if p.step = fault.TCP; p.proxy != nil {
					p.step = fault.Proxy
				}
			})
		},
		ConnectDone: func(_, address string, err error) {
			p.update(func() {
				if err == nil {
					p.reach.Connected = address
				}
			})
		},
		TLSHandshakeStart: func() {
			p.update(func() {
				if p.proxy != nil && p.proxy.Scheme == "https" && !p.inTLS {
					p.inTLS = true
					return
				}
				p.step = fault.TLS
			})
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			p.update(func() {
				if err == nil && p.step == fault.TLS {
					p.reach.TLS = &state
				}
			})
		},
		GotConn: func(httptrace.GotConnInfo) { p.update(func() { p.step = fault.Upgrade }) },
	}
}

// proxyAddress is the proxy's host and port, without its password.
func proxyAddress(proxy *url.URL) string {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[proxy.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}
