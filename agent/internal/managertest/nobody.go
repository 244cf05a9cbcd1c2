package managertest

import (
	"net/netip"
	"syscall"
	"testing"
)

// Nobody returns an address of this machine that refuses connections until the test ends. The port is taken, so that no
// other program begins to listen on it, but nobody listens.
func Nobody(t *testing.T) (address string) {
	t.Helper()
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(socket)
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: loopback.As4()}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	bound, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("the socket is bound to %T", name)
	}
	return netip.AddrPortFrom(loopback, uint16(bound.Port)).String()
}
