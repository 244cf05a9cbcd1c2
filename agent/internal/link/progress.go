package link

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"sync"
	"syscall"
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
	Addresses []string             // that it tried to connect to
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

// onSocket is called before each attempt to connect: so the name, if there is one, has been looked up.
func (p *progress) onSocket(_, address string, _ syscall.RawConn) error {
	host, _, _ := net.SplitHostPort(address)
	p.update(func() {
		if p.step = fault.TCP; p.proxy != nil {
			p.step = fault.Proxy
		}
		p.reach.Addresses = append(p.reach.Addresses, host)
	})
	return nil
}

// onConnected is called with the TCP connection.
func (p *progress) onConnected(socket net.Conn) {
	p.update(func() {
		p.reach.Connected = socket.RemoteAddr().String()
		if p.proxy == nil {
			p.step = fault.Upgrade
		}
	})
}

// onWrite looks at what is sent until the upgrade: a handshake of TLS begins with a record of type 22.
func (p *progress) onWrite(bytes []byte) {
	const handshake = 22
	p.update(func() {
		switch {
		case len(bytes) == 0:
		case bytes[0] == handshake && p.proxy != nil && p.proxy.Scheme == "https" && !p.inTLS:
			p.inTLS = true
		case bytes[0] == handshake && p.reach.TLS == nil:
			p.step = fault.TLS
		case bytes[0] == 'G': // GET
			p.step = fault.Upgrade
		}
	})
}

// onHandshake is called when a certificate has been accepted.
func (p *progress) onHandshake(state tls.ConnectionState) {
	p.update(func() {
		if p.step == fault.TLS {
			p.reach.TLS, p.step = &state, fault.Upgrade
		}
	})
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
