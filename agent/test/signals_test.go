package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
)

func TestAClosedTerminalAndALostLogDoNotEndTheAgent(t *testing.T) {
	m := managertest.Start(t, nil)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL), "--verbose"}, stderr: writer})
	writer.Close()
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	p.Await(t, "test.echo")
	reader.Close()
	if err := a.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.Drop() // the agent logs this to nobody
	p = m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	p.Await(t, "test.echo")
	since := time.Now()
	if err := a.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := a.exit(t); code != 0 || time.Since(since) > 2*time.Second {
		t.Errorf("exit code %d after %v", code, time.Since(since))
	}
}

func TestADeletedStateIsWrittenAgainAndAMovedOneIsReported(t *testing.T) {
	t.Parallel() // it mostly waits
	m := managertest.Start(t, nil)
	dir := enrolled(t, m.URL)
	a := start(t, options{args: []string{"--state-dir", dir}})
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	a.says(t, "msg=connected")
	p.Send(t, `{"subject":"agent.info","reply":"inbox.c7h2k9.m1"}`)
	var info struct{ Goroutines int }
	if err := json.Unmarshal(p.Await(t, "inbox.c7h2k9.m1").Data, &info); err != nil || info.Goroutines > 10 {
		t.Errorf("it has %d goroutines, %v", info.Goroutines, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	a.saysWithin(t, "they are written again", 45*time.Second)
	wantFile(t, dir, "token", managertest.PermanentToken)
	wantFile(t, dir, "manager", m.URL)
	wantFile(t, dir, "install-id", "install-0001")
	start(t, options{args: []string{"--state-dir", dir}}).wantExit(t, 1, "another agent is running")

	if err := os.Rename(dir, filepath.Join(t.TempDir(), "aside")); err != nil {
		t.Fatal(err)
	}
	a.saysWithin(t, "move it back, or stop this agent", 45*time.Second)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is there: %v", err)
	}
	if strings.Contains(a.output.String(), "connection lost") {
		t.Error("the connection was lost")
	}
}
