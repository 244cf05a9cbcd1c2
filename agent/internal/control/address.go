package control

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/zedops/zedops/agent/internal/identity"
)

// longestAddress is how long the path of a unix socket may be: 107 bytes on Linux, 103 on macOS and the BSDs.
const longestAddress = 103

// shortAddress is an address of the socket that the kernel takes. On Linux a long path is replaced by one through an open
// directory, which release closes.
func shortAddress(dir string) (address string, release func(), err error) {
	path := filepath.Join(dir, identity.SocketFile)
	switch {
	case len(path) <= longestAddress:
		return path, func() {}, nil
	case runtime.GOOS != "linux":
		return "", nil, fmt.Errorf("the path %s is longer than the %d bytes that a socket may have: choose a shorter --state-dir", path, longestAddress)
	}
	opened, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", opened.Fd(), identity.SocketFile), func() { opened.Close() }, nil
}
