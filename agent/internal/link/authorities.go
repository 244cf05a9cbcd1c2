package link

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/zedops/zedops/agent/internal/fault"
)

// LoadAuthorities returns the system's authorities and those of a file in PEM, or nil if file is empty: then Go loads the
// system's own when it first needs them.
func LoadAuthorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, fmt.Errorf("%s is empty", file)
	}
	pool, err := x509.SystemCertPool()
	if err != nil { // the host has none that can be read
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", file)
	}
	return pool, nil
}

// certFileVariable replaces the system's file of authorities, as in other programs.
const certFileVariable = "SSL_CERT_FILE"

// explainUnknownAuthority looks for a cause on this host. own are the authorities of --ca-file; nil without it.
func explainUnknownAuthority(err error, own *x509.CertPool) *fault.Fault {
	f := &fault.Fault{Step: fault.TLS, Cause: err}
	if file := os.Getenv(certFileVariable); file != "" {
		text, readErr := os.ReadFile(file)
		switch {
		case readErr != nil:
			var path *os.PathError
			if errors.As(readErr, &path) {
				readErr = path.Err
			}
			f.Code, f.Text = fault.CertFileUnusable, fmt.Sprintf("%s names %s, which cannot be read (%v)", certFileVariable, file, readErr)
			return f
		case !x509.NewCertPool().AppendCertsFromPEM(text):
			f.Code, f.Text = fault.CertFileUnusable, fmt.Sprintf("%s names %s, which holds no certificate in PEM", certFileVariable, file)
			return f
		}
	}
	if pool, systemErr := x509.SystemCertPool(); own == nil && (systemErr != nil || pool.Equal(x509.NewCertPool())) {
		f.Code, f.Text = fault.NoAuthorities, "this host has no certificates of authorities at all, so it cannot check the manager's"
		return f
	}
	var unknown x509.UnknownAuthorityError
	issuer := "an unnamed one"
	if errors.As(err, &unknown) && unknown.Cert != nil {
		issuer = unknown.Cert.Issuer.String()
	}
	f.Code = fault.UnknownAuthority
	f.Text = fmt.Sprintf("the manager's certificate was signed by an authority that this host does not trust (%s)", issuer)
	return f
}
