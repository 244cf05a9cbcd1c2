package managertest

import (
	"context"
	"net"
	"net/http"
	"testing"
)

// StartInMemory is Start without a network. Tests in a synctest bubble need it, because the bubble's clock stops while a
// goroutine waits for a real socket. dial is for the agent's http.Transport. Nothing is buffered: a write waits for the
// reader.
func StartInMemory(t testing.TB, intercept func(http.ResponseWriter, *http.Request) bool) (m *Manager, dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	m = &Manager{URL: "http://manager.invalid", Peers: make(chan *Peer, 64)}
	ended := make(chan struct{})
	l := listener{arrived: make(chan net.Conn), ended: ended}
	server := &http.Server{Handler: m.upgrade(intercept, ended)}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		close(ended)
		server.Close()
	})
	return m, func(ctx context.Context, _, _ string) (net.Conn, error) {
		agents, managers := net.Pipe()
		select {
		case l.arrived <- managers:
			return agents, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ended:
			return nil, net.ErrClosed
		}
	}
}

type listener struct {
	arrived chan net.Conn
	ended   <-chan struct{}
}

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arrived:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error   { return nil }
func (l listener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }
