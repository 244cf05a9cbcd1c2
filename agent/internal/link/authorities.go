package link

import (
	"crypto/x509"
	"errors"
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
		return nil, errors.New(file + " is empty")
	}
	pool, err := x509.SystemCertPool()
	if err != nil { // the host has none that can be read
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New(file + " holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
	}
	return pool, nil
}

// explainUnknownAuthority looks for a cause on this host. own are the authorities of --ca-file; nil without it.
func explainUnknownAuthority(err error, own *x509.CertPool) *fault.Fault {
	// The system has other sources beside this file, so a file that is missing shows only here.
	if _, fileErr := LoadAuthorities(os.Getenv("SSL_CERT_FILE")); fileErr != nil {
		return fault.New(fault.CertFileUnusable, err, fileErr.Error())
	}
	if pool, systemErr := x509.SystemCertPool(); own == nil && (systemErr != nil || pool.Equal(x509.NewCertPool())) {
		return fault.New(fault.NoAuthorities, err)
	}
	var unknown x509.UnknownAuthorityError
	issuer := "an unnamed one"
	if errors.As(err, &unknown) && unknown.Cert != nil {
		issuer = unknown.Cert.Issuer.String()
	}
	return fault.New(fault.UnknownAuthority, err, issuer)
}
