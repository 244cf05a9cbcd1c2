package test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// removedToken is the credential of a host that the operator has removed.
const removedToken = "removed.token.value"

// refusing is a manager that refuses every upgrade with one of these bearers: status 403 and the code.
func refusing(t *testing.T, code string, bearers ...string) *managertest.Manager {
	t.Helper()
	return managertest.Start(t, func(w http.ResponseWriter, r *http.Request) bool {
		for _, bearer := range bearers {
			if r.Header.Get("Authorization") == "Bearer "+bearer {
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(`{"error":{"code":"` + code + `","message":"because"}}`))
				return true
			}
		}
		return false
	})
}

// removed is the state directory of a host that the operator has removed.
func removed(t *testing.T, manager string) (dir string) {
	t.Helper()
	dir = enrolled(t, manager)
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(removedToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wantFile checks the line that a file of the state directory holds; "" stands for no file.
func wantFile(t *testing.T, dir, name, line string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(text)); got != line {
		t.Errorf("%s holds %q, want %q", name, got, line)
	}
}

// wantReenrolled follows an agent that comes with the enrolment token until it is connected.
func wantReenrolled(t *testing.T, a *agent, m *managertest.Manager, dir string) {
	t.Helper()
	p := m.Next(t)
	if got := p.Header.Get("Authorization"); got != "Bearer "+managertest.EnrolmentToken {
		t.Errorf("it came with %q", got)
	}
	if got := p.Header.Get("Zedops-Install-Id"); got != "install-0001" {
		t.Errorf("its install id is %q", got)
	}
	p.Register(t, managertest.Defaults())
	p.Serve()
	a.says(t, "msg=enrolled agentId=k3v")
	wantFile(t, dir, "token", managertest.PermanentToken)
	wantFile(t, dir, "token.refused", removedToken)
	wantFile(t, dir, "install-id", "install-0001")
	wantFile(t, dir, "manager", m.URL)
}

func TestARemovedHostEnrolsAnewInTheSameRun(t *testing.T) {
	t.Run("refused at the upgrade", func(t *testing.T) {
		for _, code := range []string{"agent_removed", "agent_revoked"} {
			m := refusing(t, code, removedToken)
			dir := removed(t, m.URL)
			a := start(t, options{args: []string{"--state-dir", dir}, env: []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}})
			wantReenrolled(t, a, m, dir)
			a.says(t, `trying the enrolment token" code=`+code)
		}
	})
	t.Run("refused at the registration", func(t *testing.T) {
		m := managertest.Start(t, nil)
		dir := removed(t, m.URL)
		a := start(t, options{args: []string{"--state-dir", dir, "--token-file", "-"}, stdin: managertest.EnrolmentToken})
		p := m.Next(t)
		p.Welcome(t, managertest.Defaults())
		p.Send(t, `{"subject":"`+p.Receive(t).Reply+`","error":{"code":"agent_removed","message":"because"}}`)
		p.Close(protocol.CloseUnauthorized, "unauthorized")
		wantReenrolled(t, a, m, dir)
	})
	t.Run("closed with 4403", func(t *testing.T) {
		m := managertest.Start(t, nil)
		dir := enrolled(t, m.URL)
		a := start(t, options{args: []string{"--state-dir", dir, "--token", managertest.EnrolmentToken}})
		p := m.Next(t)
		p.Register(t, managertest.Defaults())
		p.Serve()
		a.says(t, "msg=connected")
		// The fake manager accepted the usual token. From now on the host has the one of a removed host.
		if err := os.WriteFile(filepath.Join(dir, "token"), []byte(removedToken+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p.Close(protocol.CloseRevoked, "revoked")
		wantReenrolled(t, a, m, dir)
		a.says(t, "msg=reconnected")
	})
}

func TestATokenThatWasUsedDoesNotBringARemovedHostBack(t *testing.T) {
	m := refusing(t, "agent_removed", removedToken, "used.token.value")
	dir := removed(t, m.URL)
	a := start(t, options{args: []string{"--state-dir", dir}, env: []string{"ZEDOPS_TOKEN=used.token.value"}})
	a.wantExit(t, 77, "agent_removed", "start it with a new enrolment token")
	wantFile(t, dir, "token", "")
	wantFile(t, dir, "token.refused", removedToken)

	start(t, options{args: []string{"--state-dir", dir}}).wantExit(t, 78, "no enrolment token was given")
	// It goes to the manager that it was enrolled with, without --manager.
	b := start(t, options{args: []string{"--state-dir", dir}, env: []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}})
	wantReenrolled(t, b, m, dir)
}

func TestARemovedHostThatIsKilledHalfwayComesBack(t *testing.T) {
	m := refusing(t, "agent_removed", removedToken)
	dir := removed(t, m.URL)
	o := options{args: []string{"--state-dir", dir}, env: []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}}
	a := start(t, o)
	m.Next(t).Welcome(t, managertest.Defaults())
	_ = a.Process.Kill()
	<-a.ended
	wantFile(t, dir, "token", "")
	wantReenrolled(t, start(t, o), m, dir)
}

func TestARemovedHostThatIsSetAsideMayGoToAnotherManager(t *testing.T) {
	dir := removed(t, "http://manager.invalid:1")
	if err := os.Rename(filepath.Join(dir, "token"), filepath.Join(dir, "token.refused")); err != nil {
		t.Fatal(err)
	}
	m := managertest.Start(t, nil)
	a := start(t, options{args: []string{"--state-dir", dir, "--manager", m.URL, "--token-file=-"}, stdin: managertest.EnrolmentToken})
	wantReenrolled(t, a, m, dir)
}

func TestARefusalThatMayBeAMistakeEndsNothing(t *testing.T) {
	for _, code := range []string{"invalid_token", "token_expired"} {
		for _, env := range [][]string{nil, {"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}} {
			m := refusing(t, code, removedToken)
			dir := removed(t, m.URL)
			a := start(t, options{args: []string{"--state-dir", dir}, env: env})
			a.says(t, "cannot connect, keeping the token and trying again every 5 to 30 minutes")
			a.says(t, code)
			a.says(t, "restart the agent with a new enrolment token")
			if env != nil {
				a.says(t, "in 1 to 2 minutes, it enrols anew")
			}
			a.stopsWithin2s(t, syscall.SIGTERM)
			wantFile(t, dir, "token", removedToken)
			wantFile(t, dir, "token.refused", "")
			if len(m.Peers) > 0 {
				t.Error("it came with the enrolment token")
			}
		}
	}
}

func TestACredentialStays(t *testing.T) {
	for name, c := range map[string]struct {
		options
		code string
		says string
	}{
		"when no enrolment token was given":    {options{}, "agent_removed", "start it with a new enrolment token"},
		"when what was given is none":          {options{env: []string{"ZEDOPS_TOKEN=hello"}}, "agent_removed", "that is not an enrolment token"},
		"when nothing comes on standard input": {options{args: []string{"--token-file=-"}}, "agent_revoked", "the enrolment token is empty"},
		"when there is no such file":           {options{args: []string{"--token-file", "/nonexistent"}}, "agent_removed", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			m := refusing(t, c.code, removedToken)
			dir := removed(t, m.URL)
			c.args = append(c.args, "--state-dir", dir)
			start(t, c.options).wantExit(t, 77, c.code, c.says)
			wantFile(t, dir, "token", removedToken)
			wantFile(t, dir, "token.refused", "")
			if len(m.Peers) > 0 {
				t.Error("it came with the enrolment token")
			}
		})
	}
}
