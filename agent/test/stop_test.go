package test

import (
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/zedops/zedops/agent/internal/managertest"
)

func TestStopsWithin2sWhile(t *testing.T) {
	t.Run("dialling a host that never answers", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		a := start(t, options{args: []string{"--manager", "http://" + l.Addr().String(), "--token-file=-"}, stdin: managertest.EnrolmentToken})
		socket, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer socket.Close()
		a.stopsWithin2s(t, syscall.SIGTERM)
	})
	t.Run("waiting for the welcome", func(t *testing.T) {
		m := managertest.Start(t, nil)
		a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL)}})
		m.Next(t)
		a.stopsWithin2s(t, syscall.SIGTERM)
	})
	t.Run("waiting to retry", func(t *testing.T) {
		m := managertest.Start(t, func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "300")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL)}})
		a.says(t, "cannot connect, retrying")
		a.stopsWithin2s(t, syscall.SIGTERM)
	})
	t.Run("connected to a manager that no longer reads", func(t *testing.T) {
		m := managertest.Start(t, nil)
		a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL)}})
		p := m.Next(t)
		p.Register(t, managertest.Defaults())
		p.AnswerProbe(t)
		a.says(t, "msg=connected")
		a.stopsWithin2s(t, syscall.SIGTERM)
	})
}
