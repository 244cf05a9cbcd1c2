package test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zedops/zedops/agent/internal/managertest"
)

func TestTwoAgentsCannotShareAStateDirectory(t *testing.T) {
	m := managertest.Start(t, nil)
	dir := enrolled(t, m.URL)
	start(t, options{args: []string{"--state-dir", dir}})
	m.Next(t)
	start(t, options{args: []string{"--state-dir", dir}}).wantExit(t, 1, "another agent is running")
}

func TestATokenFileOpenToOthersIsClosed(t *testing.T) {
	m := managertest.Start(t, nil)
	dir := enrolled(t, m.URL)
	token := filepath.Join(dir, "token")
	if err := errors.Join(os.Chmod(token, 0o644), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	a := start(t, options{args: []string{"--state-dir", dir}})
	m.Next(t)
	a.says(t, "token was open to other users")
	a.says(t, "other users can enter the state directory")
	if info, err := os.Stat(token); err != nil || info.Mode() != 0o600 {
		t.Errorf("the token file is %v, %v", info, err)
	}
}
