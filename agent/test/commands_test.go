package test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
)

// acceptAll lets every agent in until the test ends.
func acceptAll(t *testing.T) *managertest.Manager {
	m := managertest.Start(t, nil)
	ended := make(chan struct{})
	done := make(chan struct{})
	t.Cleanup(func() { close(ended); <-done })
	go func() {
		defer close(done)
		for {
			select {
			case <-ended:
				return
			case p := <-m.Peers:
				p.Register(t, managertest.Defaults())
				p.Serve()
			}
		}
	}()
	return m
}

func (a *agent) wantStdout(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.stdout.String(), text) {
			t.Errorf("%q does not hold %q", a.stdout, text)
		}
	}
}

func TestEnrollEndsWhenTheManagerHasAnswered(t *testing.T) {
	m := acceptAll(t)
	dir := t.TempDir()
	a := start(t, options{args: []string{"enroll", "--state-dir", dir, "--manager", m.URL, "--token-file=-"}, stdin: managertest.EnrolmentToken})
	a.wantExit(t, 0)
	a.wantStdout(t, "enrolled with "+m.URL+" as edge-7 (k3v)")
	wantFile(t, dir, "token", managertest.PermanentToken)

	again := start(t, options{args: []string{"enroll", "--state-dir", dir}}) // proves the stored credential
	again.wantExit(t, 0)
	again.wantStdout(t, "enrolled with "+m.URL)

	running := start(t, options{args: []string{"--state-dir", dir}})
	running.says(t, "msg=connected")
	third := start(t, options{args: []string{"enroll", "--state-dir", dir}})
	third.wantExit(t, 0)
	third.wantStdout(t, "an agent runs and is connected")
	running.stopsWithin2s(t, syscall.SIGTERM)
}

func TestEnrollFailsWithTheCodesOfTheAgent(t *testing.T) {
	refuse := managertest.Start(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":{"code":"token_expired","message":"too old"}}`))
		return true
	})
	token := []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}
	start(t, options{args: []string{"enroll"}}).wantExit(t, 78, "not enrolled")
	start(t, options{args: []string{"enroll", "--wait", "0s"}}).wantExit(t, 64, "--wait", "enroll --help")
	start(t, options{args: []string{"enroll", "--manager", refuse.URL}, env: token}).wantExit(t, 77, "token_expired")
	start(t, options{args: []string{"enroll", "--manager", "http://" + managertest.Nobody(t), "--wait", "300ms"}, env: token}).wantExit(t, 75, "not connected within 300ms", "refuses connections")
	dir := enrolled(t, "http://"+managertest.Nobody(t))
	start(t, options{args: []string{"enroll", "--state-dir", dir, "--wait", "300ms"}}).wantExit(t, 75, "not connected")
	wantFile(t, dir, "token", managertest.PermanentToken)
}

func TestStatusOfAnAgentThatIsConnected(t *testing.T) {
	m := acceptAll(t)
	dir := enrolled(t, m.URL)
	none := start(t, options{args: []string{"status", "--state-dir", dir}})
	none.wantExit(t, 69, "no agent runs")

	waiting := start(t, options{args: []string{"status", "--state-dir", dir, "--wait", "30s"}})
	a := start(t, options{args: []string{"--state-dir", dir}})
	a.says(t, "msg=connected")
	waiting.wantExit(t, 0)
	waiting.wantStdout(t, "connected", m.URL, "edge-7 (k3v)", "labels        edge, env=prod", "1.2.3-test", fmt.Sprintf("process %d", a.Process.Pid))

	deadline := time.Now().Add(managertest.Timeout)
	for {
		s := start(t, options{args: []string{"status", "--json"}, env: []string{"STATE_DIRECTORY=" + dir}})
		s.wantExit(t, 0)
		var got map[string]any
		if err := json.Unmarshal([]byte(s.stdout.String()), &got); err != nil {
			t.Fatal(err)
		}
		if got["rttMs"] == nil && time.Now().Before(deadline) { // the first heartbeat is under way
			continue
		}
		if labels, _ := json.Marshal(got["labels"]); string(labels) != `["edge","env=prod"]` {
			t.Errorf("the labels are %s", labels)
		}
		if got["state"] != "connected" || got["agentId"] != "k3v" || got["manager"] != m.URL || got["rttMs"] == nil || got["skewMs"] == nil || got["reconnects"] != 0.0 {
			t.Errorf("it says %s", s.stdout)
		}
		break
	}
	a.stopsWithin2s(t, syscall.SIGTERM)
	start(t, options{args: []string{"status", "--state-dir", dir}}).wantExit(t, 69)
	if _, err := os.Lstat(filepath.Join(dir, "control")); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestStatusOfAnAgentWithoutAManager(t *testing.T) {
	dir := enrolled(t, "http://"+managertest.Nobody(t))
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"k3v"}`)) // of a token like a real one
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("header."+claims+".signature\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := start(t, options{args: []string{"--state-dir", dir}})
	a.says(t, "cannot connect")
	s := start(t, options{args: []string{"status", "--state-dir", dir}})
	s.wantExit(t, 75)
	s.wantStdout(t, "disconnected", "agent         k3v\n", "refuses connections", "next attempt")
	a.stopsWithin2s(t, syscall.SIGTERM)
}

func TestStatusAfterAKilledAgent(t *testing.T) {
	m := acceptAll(t)
	dir := enrolled(t, m.URL)
	a := start(t, options{args: []string{"--state-dir", dir}})
	a.says(t, "msg=connected")
	_ = a.Process.Kill()
	<-a.ended
	start(t, options{args: []string{"status", "--state-dir", dir}}).wantExit(t, 69, "no agent runs")
	b := start(t, options{args: []string{"--state-dir", dir}})
	b.says(t, "msg=connected")
	start(t, options{args: []string{"status", "--state-dir", dir}}).wantExit(t, 0)
}

func TestReset(t *testing.T) {
	m := acceptAll(t)
	dir := enrolled(t, m.URL)
	a := start(t, options{args: []string{"--state-dir", dir}})
	a.says(t, "msg=connected")
	start(t, options{args: []string{"reset", "--state-dir", dir, "--yes"}}).wantExit(t, 1, "an agent is running", "stop it first")
	wantFile(t, dir, "token", managertest.PermanentToken)
	a.stopsWithin2s(t, syscall.SIGTERM)

	start(t, options{args: []string{"reset", "--state-dir", dir}}).wantExit(t, 64, "--yes")
	wantFile(t, dir, "token", managertest.PermanentToken)
	yes := start(t, options{args: []string{"reset", "--state-dir", dir, "--yes"}})
	yes.wantExit(t, 0)
	yes.wantStdout(t, "until an operator removes it")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is there: %v", err)
	}
	gone := start(t, options{args: []string{"reset", "--state-dir", dir, "--yes"}})
	gone.wantExit(t, 0)
	gone.wantStdout(t, "There is no state")
}

func TestResetLeavesOtherFiles(t *testing.T) {
	dir := enrolled(t, "http://manager.invalid")
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte{0}, 0o600); err != nil { // damaged
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes"), []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, options{args: []string{"reset", "--state-dir", dir, "--yes"}}).wantExit(t, 0)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "notes" {
		t.Errorf("there are %v, %v", entries, err)
	}
}

func TestSystemdLearnsOfTheAgent(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	await := func(text string) {
		t.Helper()
		_ = socket.SetReadDeadline(time.Now().Add(managertest.Timeout))
		buffer := make([]byte, 4096)
		for {
			n, err := socket.Read(buffer)
			if err != nil {
				t.Fatalf("systemd never got %q: %v", text, err)
			}
			if strings.Contains(string(buffer[:n]), text) {
				return
			}
		}
	}
	away := "http://" + managertest.Nobody(t)
	a := start(t, options{args: []string{"--state-dir", enrolled(t, away)}, env: []string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=200000"}})
	await("READY=1") // without a manager
	await("STATUS=not connected to " + away)
	for range 3 {
		await("WATCHDOG=1") // an outage is no fault of the agent
	}
	a.stopsWithin2s(t, syscall.SIGTERM)
	await("STOPPING=1")

	m := acceptAll(t)
	b := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL)}, env: []string{"NOTIFY_SOCKET=" + name}})
	await("STATUS=connected to " + m.URL + " as edge-7 (k3v)")
	b.stopsWithin2s(t, syscall.SIGTERM)
	await("STOPPING=1")

	start(t, options{args: []string{"--state-dir", enrolled(t, away), "--max-retries", "1"}, env: []string{"NOTIFY_SOCKET=" + name}})
	await("STOPPING=1") // it ends by itself
}
