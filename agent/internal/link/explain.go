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
	"slices"
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
	var lookup *net.DNSError
	var network *net.OpError
	var request *url.Error
	target := "the manager"
	if reach.Proxy != "" && step != fault.Upgrade {
		target = "the proxy " + reach.Proxy
	}
	f := &fault.Fault{Step: step, Cause: err}
	switch {
	case errors.As(err, &lookup):
		f.Code, f.Text = explainLookup(lookup)
	case step == fault.Names && errors.Is(err, context.DeadlineExceeded):
		f.Code, f.Text = fault.NameServiceDown, "the name service does not answer"
	case reach.Connected == "" && (step == fault.TCP || step == fault.Proxy):
		f.Code, f.Text = explainConnect(err, target)
		if step == fault.Proxy {
			f.Code = fault.ProxyUnreachable
		}
	case step == fault.Proxy:
		f.Code, f.Text = fault.ProxyBroken, target+" does not answer as a proxy does"
	case step == fault.Upgrade && errors.Is(err, context.DeadlineExceeded):
		f.Code, f.Text = fault.UpgradeNoAnswer, "the manager does not answer the upgrade"
	case step == fault.Upgrade && isCut(err):
		f.Code, f.Text = fault.UpgradeCut, "the connection broke off before the upgrade was answered"
	case strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`): // a record of TLS with an alert
		f.Code, f.Text = fault.WantsTLS, "the other end wants TLS, and the manager's URL begins with http://"
	case strings.Contains(err.Error(), `malformed HTTP response "\x00\x00`): // the first frame of HTTP/2
		f.Code, f.Text = fault.OnlyHTTP2, "the other end speaks HTTP/2 only"
	case strings.Contains(err.Error(), "malformed HTTP"):
		f.Code, f.Text = fault.NotManager, "the other end does not speak HTTP"
	case step == fault.Upgrade && !errors.As(err, &request): // the library did not like the 101
		f.Code, f.Text = fault.NoWebSocket, fmt.Sprintf("the answer to the upgrade is not that of a WebSocket (%v)", err)
	case errors.As(err, &network):
		f.Code, f.Text = fault.Other, network.Error()
	case errors.As(err, &request):
		f.Code, f.Text = fault.Other, request.Err.Error() // without the preamble of the library
	default:
		f.Code, f.Text = fault.Other, err.Error()
	}
	return f
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
	f := &fault.Fault{Step: fault.TLS, Cause: err}
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.Code = fault.CertExpired
		if now.Before(invalid.Cert.NotBefore) {
			f.Code = fault.CertNotYetValid
		}
		f.Text = fmt.Sprintf("the manager's certificate is valid from %s until %s, and this host's clock says %s: one of them is wrong",
			invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case errors.As(err, &name):
		f.Code, f.Text = fault.CertOtherName, fmt.Sprintf("the manager's certificate is not for %s, but for %s", name.Host, namesOf(name.Certificate))
	case errors.As(err, &authority), errors.As(err, &roots):
		return explainUnknownAuthority(err, p.authorities)
	case errors.As(err, &verification):
		f.Code, f.Text = fault.CertInvalid, fmt.Sprintf("the manager's certificate cannot be used (%v)", verification.Err)
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &plaintext):
		f.Code, f.Text = fault.NotTLS, "the other end does not speak TLS, and the manager's URL begins with https://"
	case errors.As(err, &network) && network.Op == "remote error" && strings.Contains(err.Error(), "no application protocol"):
		f.Code, f.Text = fault.OnlyHTTP2, "the other end speaks HTTP/2 only"
	case errors.As(err, &network) && network.Op == "remote error":
		f.Code, f.Text = fault.HandshakeRefused, fmt.Sprintf("the other end refused the TLS handshake (%v)", network.Err)
	case step != fault.TLS:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		f.Code, f.Text = fault.HandshakeNoAnswer, "the manager does not answer the TLS handshake"
	case isCut(err):
		f.Code, f.Text = fault.HandshakeCut, "the connection broke off during the TLS handshake"
	default:
		return nil
	}
	return f
}

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
		return strings.Join(names[:most], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}

// explainLookup says why a name could not be looked up.
func explainLookup(err *net.DNSError) (fault.Code, string) {
	switch {
	case err.IsNotFound:
		return fault.NameNotFound, fmt.Sprintf("the name %s is not known", err.Name)
	case !hasNameServer(ResolverFile):
		return fault.NoNameServer, fmt.Sprintf("cannot look up %s, because this host has no name server", err.Name)
	case err.Server == "":
		return fault.NameServiceDown, fmt.Sprintf("cannot look up %s: the name service does not answer", err.Name)
	case err.IsTimeout:
		return fault.NameServiceDown, fmt.Sprintf("cannot look up %s: the name server %s does not answer", err.Name, err.Server)
	}
	return fault.NameServiceDown, fmt.Sprintf("cannot look up %s: the name server %s does not work (%s)", err.Name, err.Server, err.Err)
}

// ResolverFile names the name servers of this host. It is a variable for tests.
var ResolverFile = "/etc/resolv.conf"

func hasNameServer(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			return true
		}
	}
	return false
}

// explainConnect says why there is no TCP connection to the target.
func explainConnect(err error, target string) (fault.Code, string) {
	address := ""
	var network *net.OpError
	if errors.As(err, &network) && network.Addr != nil {
		address = " at " + network.Addr.String()
	}
	is := func(causes ...error) bool {
		return slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(err, cause) })
	}
	switch {
	case is(syscall.ECONNREFUSED):
		return fault.Refused, fmt.Sprintf("%s refuses connections%s", target, address)
	case is(syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL):
		return fault.NoRoute, fmt.Sprintf("there is no route to %s%s", target, address)
	case is(syscall.EACCES, syscall.EPERM):
		return fault.BlockedHere, fmt.Sprintf("this host forbids connections to %s%s", target, address)
	case is(context.DeadlineExceeded, syscall.ETIMEDOUT):
		return fault.NoAnswer, target + " does not answer"
	case isCut(err):
		return fault.Refused, fmt.Sprintf("%s resets connections%s", target, address)
	case network != nil:
		return fault.Other, network.Error()
	}
	return fault.Other, err.Error()
}

// isCut reports whether the connection has ended without a word.
func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// explainSocketError says how a socket ended.
func explainSocketError(err error) error {
	var closed websocket.CloseError
	var network *net.OpError
	f := &fault.Fault{Cause: err}
	switch {
	case errors.As(err, &closed):
		return &closedByManagerError{cause: closed}
	case errors.Is(err, context.DeadlineExceeded):
		f.Code, f.Text = fault.Silent, "no answer in time"
	case isCut(err):
		f.Code, f.Text = fault.ConnectionCut, "the connection broke off"
	case errors.As(err, &network):
		f.Code, f.Text = fault.ConnectionBroken, network.Error()
	default:
		return err
	}
	return f
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
