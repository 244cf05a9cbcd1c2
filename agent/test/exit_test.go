package test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
)

func TestARefusalExits77AndKeepsTheToken(t *testing.T) {
	m := managertest.Start(t, func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"error":{"code":"agent_revoked","message":"this agent was revoked"}}`))
		return true
	})
	dir := enrolled(t, m.URL)
	start(t, options{args: []string{"--state-dir", dir}}).wantExit(t, 77, "agent_revoked", "new enrolment token")
	if token, err := os.ReadFile(filepath.Join(dir, "token")); err != nil || string(token) != managertest.PermanentToken+"\n" {
		t.Errorf("the token is now %q, %v", token, err)
	}
}

func TestGivesUpWith75AfterMaxRetries(t *testing.T) {
	a := start(t, options{args: []string{"--manager", "http://" + managertest.Nobody(t), "--max-retries", "2"}, env: []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}})
	a.wantExit(t, 75, "gave up after 2 failed attempts", "refuses connections")
	if n := strings.Count(a.output.String(), "cannot connect, retrying"); n != 1 {
		t.Errorf("it logged the failure %d times", n)
	}
}

func TestRetriesForEverUnlessItIsToldNotTo(t *testing.T) {
	t.Parallel() // it mostly waits
	var dials atomic.Int64
	m := managertest.Start(t, func(w http.ResponseWriter, _ *http.Request) bool {
		dials.Add(1)
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	a := start(t, options{args: []string{"--manager", m.URL, "--verbose"}, env: []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}})
	deadline := time.Now().Add(60 * time.Second)
	for dials.Load() < 12 && time.Now().Before(deadline) { // it used to give up after ten
		time.Sleep(20 * time.Millisecond)
		select {
		case <-a.ended:
			t.Fatalf("it ended after %d attempts", dials.Load())
		default:
		}
	}
	a.stopsWithin2s(t, syscall.SIGTERM)
}

func TestAnUnwritableStateDirectoryExits1(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, options{args: []string{"--state-dir", file, "--token", "t"}}).wantExit(t, 1, "state directory")
}

func TestATokenThatCannotBeSavedExits1(t *testing.T) {
	m := managertest.Start(t, nil)
	dir := t.TempDir()
	a := start(t, options{args: []string{"--state-dir", dir, "--manager", m.URL, "--token-file=-"}, stdin: managertest.EnrolmentToken})
	p := m.Next(t)
	// This directory blocks the temporary file, even for root.
	if err := os.MkdirAll(filepath.Join(dir, "manager.new", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.Register(t, managertest.Defaults())
	a.wantExit(t, 1, "could not be saved", "same enrolment token")
	if _, err := os.Stat(filepath.Join(dir, "token")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a token: %v", err)
	}
}

func TestAnOutputThatCannotBeWrittenDoesNotEndTheAgent(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	m := managertest.Start(t, nil)
	a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL), "--subscribe", "fleet.>"}, stdout: full})
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	p.Send(t, `{"subject":"fleet.a"}`)
	a.says(t, "published messages cannot be written")
	a.says(t, "no space left on device")
	p.Send(t, `{"subject":"test.echo","reply":"inbox.c7h2k9.m1","data":1}`)
	p.Await(t, "inbox.c7h2k9.m1")
	a.stopsWithin2s(t, syscall.SIGTERM)
}
