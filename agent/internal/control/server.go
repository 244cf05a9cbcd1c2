package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// clientLimit is how long a client may take. One is served after the other.
const clientLimit = time.Second

// Server answers on the socket of one state directory. Its owner must have the lock of the directory.
type Server struct {
	dir    string
	status func() any

	mu       sync.Mutex
	listener *net.UnixListener // nil after Close, or if the socket could not be made
	own      fs.FileInfo       // the socket's file
	closed   bool
}

// NewServer does not listen yet. status returns what json.Marshal makes a JSON object of.
func NewServer(dir string, status func() any) *Server { return &Server{dir: dir, status: status} }

// Listen makes the socket, and does so again if its file is gone. A socket that an earlier agent left behind is removed.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, identity.SocketFile)
	there, err := os.Lstat(path)
	switch {
	case s.closed, err == nil && s.listener != nil && os.SameFile(there, s.own):
		return nil
	case err == nil && there.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is in the way of the agent's socket: move it away", path)
	case err == nil:
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace the agent's socket: %w", err)
	}
	s.stop()
	if err := s.bind(path); err != nil {
		return fmt.Errorf("make the agent's socket: %w", err)
	}
	go s.serve(s.listener)
	return nil
}

func (s *Server) bind(path string) error {
	address, release, err := shortAddress(s.dir)
	if err != nil {
		return err
	}
	defer release()
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		// On Linux the file gets the mode of the socket, so there is no moment at which others can connect. Elsewhere this
		// fails, and the mode is set afterwards.
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
	}}
	listener, err := config.Listen(context.Background(), "unix", address)
	if err != nil {
		return err
	}
	s.listener = listener.(*net.UnixListener)
	s.listener.SetUnlinkOnClose(false) // the short address may be gone by then
	if err := os.Chmod(path, 0o600); err != nil {
		s.stop()
		return err
	}
	if s.own, err = os.Lstat(path); err != nil {
		s.stop()
		return err
	}
	return nil
}

func (s *Server) stop() {
	if s.listener != nil {
		s.listener.Close()
		s.listener = nil
	}
}

// Close removes the socket, unless another one is in its place.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.listener == nil {
		return
	}
	s.stop()
	path := filepath.Join(s.dir, identity.SocketFile)
	if there, err := os.Lstat(path); err == nil && os.SameFile(there, s.own) {
		os.Remove(path)
	}
}

// serve is the only goroutine of the server. It sleeps until a client comes.
func (s *Server) serve(listener *net.UnixListener) {
	for {
		client, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many open files
			time.Sleep(clientLimit)
			continue
		}
		_ = client.SetDeadline(time.Now().Add(clientLimit))
		s.answer(client)
		client.Close()
	}
}

func (s *Server) answer(client io.ReadWriter) {
	line, err := bufio.NewReader(io.LimitReader(client, longestRequest)).ReadBytes('\n')
	if err != nil {
		return
	}
	reply := struct {
		Version int                 `json:"version"`
		Status  any                 `json:"status,omitempty"`
		Error   *protocol.WireError `json:"error,omitempty"`
	}{Version: version, Error: checkRequest(line)}
	if reply.Error == nil {
		reply.Status = s.status()
	}
	_ = json.NewEncoder(client).Encode(reply)
}
