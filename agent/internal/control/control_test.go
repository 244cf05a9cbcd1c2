package control

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/identity"
)

func listening(t *testing.T, dir string) *Server {
	t.Helper()
	s := NewServer(dir, func() any { return map[string]string{"state": "connected"} })
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func wantAnswer(t *testing.T, dir string) {
	t.Helper()
	if got, err := Ask(dir); err != nil || string(got) != `{"state":"connected"}` {
		t.Errorf("it answers %s, %v", got, err)
	}
}

func TestAnswersItsOwnUserOnly(t *testing.T) {
	dir := t.TempDir()
	s := listening(t, dir)
	wantAnswer(t, dir)
	if info, err := os.Stat(filepath.Join(dir, identity.SocketFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info, err)
	}
	s.Close()
	if _, err := os.Lstat(filepath.Join(dir, identity.SocketFile)); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if _, err := Ask(dir); !errors.Is(err, ErrNoAgent) {
		t.Errorf("got %v", err)
	}
}

func TestALongPath(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can shorten the path")
	}
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 100), strings.Repeat("e", 100))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(dir); !errors.Is(err, ErrNoAgent) {
		t.Errorf("got %v", err)
	}
	listening(t, dir)
	wantAnswer(t, dir)
}

func TestReplacesASocketThatWasLeftBehindAndOneThatIsGone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, identity.SocketFile)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	if _, err := Ask(dir); !errors.Is(err, ErrNoAgent) {
		t.Errorf("a stale socket answers %v", err)
	}
	s := listening(t, dir)
	wantAnswer(t, dir)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, dir)
}

func TestAFileInTheWayStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, identity.SocketFile)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewServer(dir, func() any { return nil })
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), "in the way") {
		t.Errorf("got %v", err)
	}
	s.Close()
	if text, err := os.ReadFile(path); string(text) != "mine" {
		t.Errorf("the file is now %q, %v", text, err)
	}
}

func TestAClientThatSaysNothingDelaysOthersForASecond(t *testing.T) {
	dir := t.TempDir()
	listening(t, dir)
	for range 2 {
		silent, err := net.Dial("unix", filepath.Join(dir, identity.SocketFile))
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	wantAnswer(t, dir)
}

func TestRefusesWhatItDoesNotKnow(t *testing.T) {
	dir := t.TempDir()
	listening(t, dir)
	for line, code := range map[string]string{
		`{"version":2,"request":"status"}`: "unknown_version",
		`{"version":1,"request":"stop"}`:   "unknown_request",
		`status`:                           "bad_request",
		``:                                 "bad_request",
	} {
		socket, err := net.Dial("unix", filepath.Join(dir, identity.SocketFile))
		if err != nil {
			t.Fatal(err)
		}
		_ = socket.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.WriteString(socket, line+"\n"); err != nil {
			t.Fatal(err)
		}
		reply, _ := io.ReadAll(socket)
		socket.Close()
		if _, err := readReply(reply); err == nil || !strings.Contains(err.Error(), code) {
			t.Errorf("%s: it answers %s, %v", line, reply, err)
		}
	}
}

func FuzzRequest(f *testing.F) {
	for _, line := range []string{`{"version":1,"request":"status"}`, `{"version":1}`, `{`, "null", "\x00", `{"version":1e999,"request":{}}`} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if refusal := checkRequest(line); refusal != nil && refusal.Code == "" {
			t.Error("a refusal without a code")
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, line := range []string{`{"version":1,"status":{}}`, `{"version":1,"error":{"code":"x","message":"y"}}`, `{"version":1,"status":1}`, `{"error":7}`, ``} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if status, err := readReply(line); err == nil && (len(status) == 0 || status[0] != '{') {
			t.Errorf("%q: the status is %q", line, status)
		}
	})
}
