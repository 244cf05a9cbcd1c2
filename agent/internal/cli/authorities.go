package cli

import (
	"crypto/x509"
	"fmt"

	"github.com/zedops/zedops/agent/internal/link"
)

// caFileVariable is the environment variable for --ca-file.
const caFileVariable = "ZEDOPS_CA_FILE"

// loadAuthorities adds the certificates of --ca-file to the system's. It returns nil without the flag. Its errors are no
// usage errors: the file may come later, on a disk that is not mounted yet, and the service must try again.
func loadAuthorities(file string) (*x509.CertPool, error) {
	pool, err := link.LoadAuthorities(file)
	if err != nil {
		return nil, fmt.Errorf("--ca-file (or %s): %w", caFileVariable, err)
	}
	return pool, nil
}
