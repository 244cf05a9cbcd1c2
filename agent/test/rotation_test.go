package test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// candidateToken is the token that the manager offers.
const candidateToken = "candidate.token.value"

// offered is the state directory of a host whose agent was killed with a candidate on disk.
func offered(t *testing.T, manager string) (dir string) {
	t.Helper()
	dir = enrolled(t, manager)
	if err := os.WriteFile(filepath.Join(dir, "token.candidate"), []byte(candidateToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantBearer(t *testing.T, p *managertest.Peer, token string) {
	t.Helper()
	if got := p.Header.Get("Authorization"); got != "Bearer "+token {
		t.Errorf("it came with %q, want %q", got, token)
	}
}

func kill(t *testing.T, a *agent) {
	t.Helper()
	if err := a.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-a.ended
}

func TestARotationSurvivesAKillAtEachStep(t *testing.T) {
	m := managertest.Start(t, nil)
	dir := enrolled(t, m.URL)
	o := options{args: []string{"--state-dir", dir}}
	a := start(t, o)
	p := m.Next(t)
	wantBearer(t, p, managertest.PermanentToken)
	p.Register(t, managertest.Defaults())
	p.Serve()
	a.says(t, "msg=connected")
	p.Send(t, `{"subject":"agent.rotate","reply":"inbox.c7h2k9.m1","data":{"token":"`+candidateToken+`"}}`)
	if answer := p.Await(t, "inbox.c7h2k9.m1"); answer.Error != nil || string(answer.Data) != "{}" {
		t.Errorf("the answer is %+v", answer)
	}
	wantBearer(t, m.Next(t), candidateToken)
	kill(t, a) // after its answer, before the manager has welcomed it with the new token
	wantFile(t, dir, "token.candidate", candidateToken)
	wantFile(t, dir, "token", managertest.PermanentToken)

	a = start(t, o)
	p = m.Next(t)
	wantBearer(t, p, candidateToken)
	p.Welcome(t, managertest.Defaults())
	p.Receive(t)
	kill(t, a) // while it registers: the old token may be invalid already
	wantFile(t, dir, "token.candidate", candidateToken)

	a = start(t, o)
	p = m.Next(t)
	wantBearer(t, p, candidateToken)
	p.Register(t, managertest.Defaults())
	a.says(t, "token rotated")
	wantFile(t, dir, "token", candidateToken)
	kill(t, a)

	start(t, o)
	wantBearer(t, m.Next(t), candidateToken)
	wantFile(t, dir, "token", candidateToken)
	wantFile(t, dir, "token.candidate", "")
}

func TestARefusedCandidateGivesWayToTheToken(t *testing.T) {
	goesOn := func(t *testing.T, a *agent, m *managertest.Manager, dir string) {
		t.Helper()
		p := m.Next(t)
		wantBearer(t, p, managertest.PermanentToken)
		p.Register(t, managertest.Defaults())
		p.Serve()
		a.says(t, "connected agentId=k3v")
		a.says(t, "refused the token that it had offered")
		wantFile(t, dir, "token", managertest.PermanentToken)
		wantFile(t, dir, "token.candidate", "")
	}
	t.Run("at the upgrade", func(t *testing.T) {
		m := managertest.Start(t, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") != "Bearer "+candidateToken {
				return false
			}
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":{"code":"invalid_token","message":"because"}}`))
			return true
		})
		dir := offered(t, m.URL)
		goesOn(t, start(t, options{args: []string{"--state-dir", dir, "--max-retries=1"}}), m, dir)
	})
	t.Run("at the registration", func(t *testing.T) {
		m := managertest.Start(t, nil)
		dir := offered(t, m.URL)
		a := start(t, options{args: []string{"--state-dir", dir, "--max-retries=1"}})
		p := m.Next(t)
		p.Welcome(t, managertest.Defaults())
		p.Send(t, `{"subject":"`+p.Receive(t).Reply+`","error":{"code":"invalid_token","message":"because"}}`)
		goesOn(t, a, m, dir)
	})
	t.Run("with 4401", func(t *testing.T) {
		m := managertest.Start(t, nil)
		dir := offered(t, m.URL)
		a := start(t, options{args: []string{"--state-dir", dir, "--max-retries=1"}})
		m.Next(t).Close(protocol.CloseUnauthorized, "unauthorized")
		goesOn(t, a, m, dir)
	})
}

func TestAnyOtherRefusalOfACandidateIsFinal(t *testing.T) {
	for _, code := range []string{"agent_removed", "agent_revoked"} {
		m := refusing(t, code, candidateToken)
		dir := offered(t, m.URL)
		start(t, options{args: []string{"--state-dir", dir}}).wantExit(t, 77, code)
		wantFile(t, dir, "token", managertest.PermanentToken)
		wantFile(t, dir, "token.candidate", candidateToken)

		// With a new enrolment token both are set aside.
		a := start(t, options{args: []string{"--state-dir", dir}, env: []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}})
		p := m.Next(t)
		wantBearer(t, p, managertest.EnrolmentToken)
		wantFile(t, dir, "token.candidate", "")
		wantFile(t, dir, "token.refused", managertest.PermanentToken)
		p.Register(t, managertest.Defaults())
		a.says(t, "msg=enrolled")
		wantFile(t, dir, "token", managertest.PermanentToken)
	}
}

func TestACandidateIsNeverSentToAnotherManager(t *testing.T) {
	dir := offered(t, "http://manager.invalid:1")
	if err := os.Remove(filepath.Join(dir, "token")); err != nil {
		t.Fatal(err)
	}
	m := managertest.Start(t, nil)
	a := start(t, options{args: []string{"--state-dir", dir, "--manager", m.URL, "--token-file=-"}, stdin: managertest.EnrolmentToken})
	p := m.Next(t)
	wantBearer(t, p, managertest.EnrolmentToken)
	p.Register(t, managertest.Defaults())
	p.Serve()
	a.says(t, "msg=connected")
	wantFile(t, dir, "token.candidate", "")
	p.Drop()
	wantBearer(t, m.Next(t), managertest.PermanentToken)
}
