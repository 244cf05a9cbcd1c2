package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/fault"
	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// broken is the error of a system call on a socket.
func broken(cause error) error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", cause)}
}

func TestTheEndOfASocketKeepsItsCause(t *testing.T) {
	for _, c := range []struct {
		err   error
		text  string
		cause error
	}{
		{err: context.DeadlineExceeded, text: "no answer in time", cause: context.DeadlineExceeded},
		{err: io.EOF, text: "the connection broke off", cause: io.EOF},
		{err: io.ErrUnexpectedEOF, text: "the connection broke off", cause: io.ErrUnexpectedEOF},
		{err: broken(syscall.ECONNRESET), text: "the connection broke off", cause: syscall.ECONNRESET},
		{err: broken(syscall.EPIPE), text: "the connection broke off", cause: syscall.EPIPE},
		{err: broken(syscall.ENETUNREACH), text: "read tcp: read: network is unreachable", cause: syscall.ENETUNREACH},
	} {
		got := explainSocketError(fmt.Errorf("the library says: %w", c.err))
		if got.Error() != c.text || !errors.Is(got, c.cause) {
			t.Errorf("%v became %q with the cause %v", c.err, got, errors.Unwrap(got))
		}
	}
	for _, err := range []error{nil, errLost} {
		if got := explainSocketError(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func TestACloseByTheManagerIsNamed(t *testing.T) {
	for _, c := range []struct {
		closed websocket.CloseError
		text   string
	}{
		{websocket.CloseError{Code: protocol.CloseLeaseExpired, Reason: "lease_expired"}, "the manager closed the connection (4408 lease_expired)"},
		{websocket.CloseError{Code: protocol.CloseLeaseExpired}, "the manager closed the connection (4408 lease_expired)"},
		{websocket.CloseError{Code: 4999}, "the manager closed the connection (4999)"},
		{websocket.CloseError{Code: 1000}, "the manager closed the connection (1000)"},
	} {
		got := explainSocketError(fmt.Errorf("failed to read: %w", c.closed))
		var cause websocket.CloseError
		if got.Error() != c.text || !errors.As(got, &cause) || cause != c.closed || closeCode(got) != c.closed.Code {
			t.Errorf("%v became %q with the cause %v", c.closed, got, cause)
		}
	}
}

// atTLS is a dial that works on the TLS handshake.
func atTLS() *progress {
	p := newProgress(nil, nil)
	p.step, p.reach.Connected = fault.TLS, "192.0.2.1:443"
	return p
}

func TestAFailedDialKeepsItsCause(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		err  error
		text string
	}{
		{x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{}}, "this host's clock says"},
		{x509.UnknownAuthorityError{}, "does not trust (an unnamed one)"},
		{http.ErrSchemeMismatch, "does not speak TLS"},
		{tls.RecordHeaderError{}, "does not speak TLS"},
		{context.DeadlineExceeded, "the manager does not answer"},
		{broken(syscall.ENOBUFS), "no buffer space available"},
	} {
		err := fmt.Errorf("failed to dial: %w", &url.Error{Op: "Get", URL: "http://manager", Err: c.err})
		got := atTLS().explain(err, now)
		if !strings.Contains(got.Error(), c.text) || !errors.Is(got, err) || strings.Contains(got.Error(), "failed to dial") {
			t.Errorf("%v became %q", c.err, got)
		}
		if cause := (*url.Error)(nil); !errors.As(got, &cause) || cause.Err != c.err {
			t.Errorf("the cause of %q is %v", got, cause)
		}
	}
}

// What Run returns is what the agent logs last.
func TestTheErrorOfRunKeepsItsCause(t *testing.T) {
	r := run(t, "http://"+managertest.Nobody(t), func(l *Link) { l.config.MaxRetries = 1 })
	if err := r.ended(t); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("it ended with %v", err)
	}
}

func TestARefusalKeepsTheAnswerOfTheManager(t *testing.T) {
	answering := func(status int, code protocol.Code) *managertest.Manager {
		return managertest.Start(t, func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"error":{"code":"` + code + `","message":"because"}}`))
			return true
		})
	}
	for code, status := range map[protocol.Code]int{protocol.AgentRevoked: http.StatusForbidden, protocol.RegistryUnavailable: http.StatusServiceUnavailable} {
		r := run(t, answering(status, code).URL, func(l *Link) { l.config.MaxRetries = 1 })
		var answer *protocol.WireError
		if err := r.ended(t); !errors.As(err, &answer) || answer.Code != code {
			t.Errorf("it ended with %v, and the manager's answer was %v", err, answer)
		}
	}

	m := managertest.Start(t, nil)
	r := run(t, m.URL, nil)
	connected(t, m, r, managertest.Defaults()).Close(protocol.CloseRevoked, "revoked")
	var closed websocket.CloseError
	if err := r.ended(t); !errors.As(err, &closed) || closed.Code != protocol.CloseRevoked {
		t.Errorf("it ended with %v, and the close frame was %v", err, closed)
	}
}

func TestAFailedConnectIsNamed(t *testing.T) {
	for cause, code := range map[error]fault.Code{
		syscall.ECONNREFUSED: fault.Refused, syscall.ECONNRESET: fault.Refused, syscall.ENETUNREACH: fault.NoRoute, syscall.EHOSTUNREACH: fault.NoRoute,
		syscall.EADDRNOTAVAIL: fault.NoRoute, syscall.EPERM: fault.BlockedHere, syscall.EACCES: fault.BlockedHere, syscall.ETIMEDOUT: fault.NoAnswer,
		context.DeadlineExceeded: fault.NoAnswer, syscall.ENOBUFS: fault.Other,
	} {
		for _, proxied := range []bool{false, true} {
			p := newProgress(nil, nil)
			want, step := code, fault.TCP
			if proxied {
				p = newProgress(&url.URL{Scheme: "http", Host: "proxy:3128"}, nil)
				want, step = fault.ProxyUnreachable, fault.Proxy
			}
			_ = p.onSocket("tcp", "192.0.2.1:443", nil)
			got := p.explain(&url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Net: "tcp", Err: cause, Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}}}, time.Now())
			if fault.CodeOf(got) != want || stepOf(got, step) != step || !errors.Is(got, cause) {
				t.Errorf("%v became %v (%s)", cause, got, fault.CodeOf(got))
			}
		}
	}
}

func TestAHostWithoutANameServerIsNamed(t *testing.T) {
	before := ResolverFile
	t.Cleanup(func() { ResolverFile = before })
	for text, code := range map[string]fault.Code{
		"nameserver 192.0.2.1\n": fault.NameServiceDown, "search example.com\n": fault.NoNameServer, "# nameserver 192.0.2.1\n": fault.NoNameServer,
		"": fault.NoNameServer, "search x\n  nameserver 192.0.2.1": fault.NameServiceDown,
	} {
		ResolverFile = filepath.Join(t.TempDir(), "resolv.conf")
		if err := os.WriteFile(ResolverFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := newProgress(nil, nil).explain(&net.DNSError{Name: "manager.example.com", Server: "127.0.0.1:53", Err: "connection refused"}, time.Now())
		if fault.CodeOf(got) != code {
			t.Errorf("%q: %v", text, got)
		}
	}
	ResolverFile = "/nonexistent/resolv.conf"
	if got := newProgress(nil, nil).explain(&net.DNSError{Name: "manager.example.com"}, time.Now()); fault.CodeOf(got) != fault.NoNameServer {
		t.Errorf("without a file: %v", got)
	}
}
