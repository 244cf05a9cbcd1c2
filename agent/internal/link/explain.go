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
	"strings"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// explainedError is an error in an operator's words. errors.Is and errors.As find its cause, which the text leaves out.
type explainedError struct {
	text  string
	cause error
}

func (e *explainedError) Error() string { return e.text }

func (e *explainedError) Unwrap() error { return e.cause }

// explainDialError says what an operator can do about a failed dial.
func explainDialError(err error, now time.Time) error {
	var certificate x509.CertificateInvalidError
	var authority x509.UnknownAuthorityError
	var plaintext tls.RecordHeaderError
	var request *url.Error
	var text string
	switch {
	case errors.As(err, &certificate) && certificate.Reason == x509.Expired:
		text = fmt.Sprintf("the manager's certificate is valid from %s until %s, and this host's clock says %s: one of them is wrong",
			certificate.Cert.NotBefore.UTC().Format(time.RFC3339), certificate.Cert.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case errors.As(err, &authority):
		issuer := "an unnamed one"
		if authority.Cert != nil {
			issuer = authority.Cert.Issuer.String()
		}
		text = fmt.Sprintf("the manager's certificate was signed by an authority that this host does not trust (%s): if it is your own, name its certificate file in SSL_CERT_FILE", issuer)
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &plaintext):
		text = "the other end does not speak TLS: should the manager's URL begin with http://?"
	case errors.Is(err, context.DeadlineExceeded):
		text = "the manager does not answer"
	case errors.As(err, &request):
		text = request.Err.Error() // without the preamble of the library
	default:
		return err
	}
	return &explainedError{text: text, cause: err}
}

// explainSocketError says how a socket ended.
func explainSocketError(err error) error {
	var closed websocket.CloseError
	var network *net.OpError
	var text string
	switch {
	case errors.As(err, &closed):
		return &closedByManagerError{cause: closed}
	case errors.Is(err, context.DeadlineExceeded):
		text = "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		text = "the connection broke off"
	case errors.As(err, &network):
		text = network.Error()
	default:
		return err
	}
	return &explainedError{text: text, cause: err}
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

// closeCode is the code of the close frame that the manager sent, or -1.
func closeCode(err error) websocket.StatusCode {
	var closed *closedByManagerError
	if errors.As(err, &closed) {
		return closed.cause.Code
	}
	return -1
}
