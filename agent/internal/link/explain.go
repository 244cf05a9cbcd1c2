package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// explain says what is wrong when a dial has failed, and at which step. now is this host's clock.
func (p *progress) explain(err error, now time.Time) error {
	var known *fault.Fault
	if errors.As(err, &known) { // from checkTunnel
		return known
	}
	step, reach := p.at()
	if f := explainSocks(err, reach.Proxy); f != nil {
		return f
	}
	if f := p.explainTLS(err, step, now); f != nil {
		return f
	}
	late := errors.Is(err, context.DeadlineExceeded)
	var lookup *net.DNSError
	var request *url.Error
	isRequest := errors.As(err, &request)
	switch {
	case errors.As(err, &lookup):
		return explainLookup(lookup, err)
	case step == fault.Names && late:
		return fault.New(fault.NameServiceDown, err, "the name", "of this host", "no answer in time")
	case reach.Connected == "" && step == fault.Proxy:
		return fault.New(fault.ProxyUnreachable, err, explainConnect(err, "the proxy "+reach.Proxy).Text())
	case reach.Connected == "" && step == fault.TCP:
		return explainConnect(err, "the manager")
	case step == fault.Proxy && late:
		return fault.New(fault.ProxyBroken, err, reach.Proxy, "no answer in time")
	case step == fault.Proxy:
		return fault.New(fault.ProxyBroken, err, reach.Proxy, bareText(err))
	case step == fault.Upgrade && late:
		return fault.New(fault.UpgradeNoAnswer, err, "upgrade")
	case step == fault.Upgrade && isCut(err):
		return fault.New(fault.UpgradeCut, err, "upgrade was answered")
	case strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`): // a record of TLS with an alert
		return fault.New(fault.WantsTLS, err, "with TLS")
	case strings.Contains(err.Error(), `malformed HTTP response "\x00\x00`): // the first frame of HTTP/2
		return fault.New(fault.OnlyHTTP2, err, "with HTTP/2")
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "readLoopPeekFail"): // it spoke first
		return fault.New(fault.NotManager, err, "it does not speak HTTP")
	case step == fault.Upgrade && !isRequest: // the library did not like the 101
		return fault.New(fault.NoWebSocket, err, err.Error())
	}
	return fault.New(fault.Other, err, bareText(err))
}

// bareText leaves out the preamble of the libraries.
func bareText(err error) string {
	var network *net.OpError
	var request *url.Error
	if errors.As(err, &network) {
		return network.Error()
	}
	if errors.As(err, &request) {
		return request.Err.Error()
	}
	return err.Error()
}

// explainTLS returns nil if the error is not one of the handshake.
func (p *progress) explainTLS(err error, step fault.Step, now time.Time) *fault.Fault {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var roots x509.SystemRootsError
	var plaintext tls.RecordHeaderError
	var verification *tls.CertificateVerificationError
	var network *net.OpError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		code := fault.CertExpired
		if now.Before(invalid.Cert.NotBefore) {
			code = fault.CertNotYetValid
		}
		return fault.New(code, err, date(invalid.Cert.NotBefore), date(invalid.Cert.NotAfter), date(now))
	case errors.As(err, &name):
		return fault.New(fault.CertOtherName, err, name.Host, namesOf(name.Certificate))
	case errors.As(err, &authority), errors.As(err, &roots):
		return explainUnknownAuthority(err, p.authorities)
	case errors.As(err, &verification):
		return fault.New(fault.CertInvalid, err, verification.Err.Error())
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &plaintext):
		return fault.New(fault.NotTLS, err)
	case errors.As(err, &network) && network.Op == "remote error" && strings.Contains(err.Error(), "no application protocol"):
		return fault.New(fault.OnlyHTTP2, err, "with an alert of TLS")
	case errors.As(err, &network) && network.Op == "remote error":
		return fault.New(fault.HandshakeRefused, err, network.Err.Error())
	case step != fault.TLS:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.HandshakeNoAnswer, err)
	case isCut(err):
		return fault.New(fault.HandshakeCut, err)
	}
	return nil
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// namesOf lists the names of a certificate, the first few only.
func namesOf(c *x509.Certificate) string {
	const most = 5
	names := c.DNSNames
	for _, address := range c.IPAddresses {
		names = append(names, address.String())
	}
	switch {
	case len(names) == 0:
		return "no name at all"
	case len(names) > most:
		names = append(names[:most:most], "others")
	}
	return strings.Join(names, ", ")
}

// explainLookup says why a name could not be looked up.
func explainLookup(lookup *net.DNSError, err error) *fault.Fault {
	switch {
	case lookup.IsNotFound:
		return fault.New(fault.NameNotFound, err, lookup.Name)
	case !hasNameServer(ResolverFile):
		return fault.New(fault.NoNameServer, err, lookup.Name)
	}
	server := lookup.Server
	if server == "" {
		server = "of this host"
	}
	return fault.New(fault.NameServiceDown, err, lookup.Name, server, lookup.Err)
}

// ResolverFile names the name servers of this host. It is a variable for tests.
var ResolverFile = "/etc/resolv.conf"

func hasNameServer(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "nameserver") {
			return true
		}
	}
	return false
}

// explainConnect says why there is no TCP connection to the target.
func explainConnect(err error, target string) *fault.Fault {
	address := "its address"
	var network *net.OpError
	var number syscall.Errno
	for cause := err; errors.As(cause, &network); cause = network.Err { // the outer one may be of the proxy
		if network.Addr != nil {
			address = network.Addr.String()
		}
	}
	errors.As(err, &number)
	code := fault.NoAnswer
	switch number {
	case syscall.ECONNREFUSED, syscall.ECONNRESET:
		code = fault.Refused
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL:
		code = fault.NoRoute
	case syscall.EACCES, syscall.EPERM:
		code = fault.BlockedHere
	case 0, syscall.ETIMEDOUT:
		if number != 0 || errors.Is(err, context.DeadlineExceeded) {
			break
		}
		fallthrough
	default:
		return fault.New(fault.Other, err, bareText(err))
	}
	return fault.New(code, err, target, address)
}

// isCut reports whether the connection has ended without a word.
func isCut(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return err != nil && strings.Contains(err.Error(), "server closed idle connection") // net/http, before the request
}

// explainSocketError says how a socket ended.
func explainSocketError(err error) error {
	var closed websocket.CloseError
	var network *net.OpError
	switch {
	case errors.As(err, &closed):
		return &closedByManagerError{cause: closed}
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Silent, err)
	case isCut(err):
		return fault.New(fault.ConnectionCut, err)
	case errors.As(err, &network):
		return fault.New(fault.ConnectionBroken, err, network.Error())
	}
	return err
}

// closedByManagerError says that the manager sent a close frame.
type closedByManagerError struct{ cause websocket.CloseError }

func (c *closedByManagerError) Error() string {
	reason := c.cause.Reason
	if reason == "" && c.cause.Code >= protocol.ClosePolicyViolation { // the codes below are not the manager's alone
		reason = protocol.CloseName(int(c.cause.Code))
	}
	text := strings.TrimSpace(fmt.Sprintf("the manager closed the connection (%d %s", c.cause.Code, reason)) + ")"
	if c.cause.Code == protocol.CloseReplaced {
		text += ": another agent uses this identity; if this host is a clone, move its state directory away and enrol it on its own"
	}
	return text
}

func (c *closedByManagerError) Unwrap() error { return c.cause }

// FaultCode is the name of the close code.
func (c *closedByManagerError) FaultCode() fault.Code {
	if name := protocol.CloseName(int(c.cause.Code)); name != "" {
		return fault.Code(name)
	}
	return fault.ClosedByManager
}

// closeCode is the code of the close frame that the manager sent, or -1.
func closeCode(err error) websocket.StatusCode {
	var closed *closedByManagerError
	if errors.As(err, &closed) {
		return closed.cause.Code
	}
	return -1
}
