package cli

import (
	"errors"
	"fmt"
	"unicode/utf16"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// checkName returns the reason why a manager refuses the name of a host.
func checkName(name string) error {
	if err := protocol.NameFault(name); err != nil {
		return fmt.Errorf("--name %w", err)
	}
	if len(utf16.Encode([]rune(name))) > 64 { // the manager counts so
		return errors.New("--name must have 1 to 64 characters")
	}
	return nil
}
