package test

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/zedops/zedops/agent/internal/managertest"
)

func TestDoctorLeavesARunningAgentConnected(t *testing.T) {
	m := managertest.Start(t, nil)
	dir := enrolled(t, m.URL)
	a := start(t, options{args: []string{"--state-dir", dir}})
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	a.says(t, "msg=connected")

	d := start(t, options{args: []string{"doctor", "--state-dir", dir}})
	probe := m.Next(t)
	probe.Welcome(t, managertest.Defaults())
	probe.Serve()
	d.wantExit(t, 0)
	if code, reason := probe.AwaitClose(t); code != 1000 || reason != "stopped" {
		t.Errorf("doctor closed with %d %s", code, reason)
	}
	for len(probe.Seen) > 0 {
		if seen := <-probe.Seen; seen.Subject != "agent.heartbeat" {
			t.Errorf("doctor sent %s", seen.Subject)
		}
	}
	for _, line := range []string{"Manager: " + m.URL, "enrolled, an agent runs", "the manager accepts the token", "the running agent is connected: since "} {
		if !strings.Contains(d.stdout.String(), line) {
			t.Errorf("doctor did not say %q, but\n%s", line, d.stdout)
		}
	}
	if strings.Contains(a.output.String(), "connection lost") {
		t.Error("the agent lost its connection")
	}
}

func TestDoctorTellsThatTheRunningAgentIsAway(t *testing.T) {
	m := managertest.Start(t, nil)
	dir := enrolled(t, m.URL)
	a := start(t, options{args: []string{"--state-dir", dir}})
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	a.says(t, "msg=connected")
	p.Close(4409, "replaced") // the agent waits for minutes after it
	a.says(t, "code=replaced")

	d := start(t, options{args: []string{"doctor", "--state-dir", dir}})
	probe := m.Next(t)
	probe.Welcome(t, managertest.Defaults())
	probe.Serve()
	d.wantExit(t, 1)
	for _, part := range []string{"failed   heartbeat   a new connection works, but the running agent is not connected:", "; next attempt at ", "[replaced]"} {
		if !strings.Contains(d.stdout.String(), part) {
			t.Errorf("doctor did not say %q, but\n%s", part, d.stdout)
		}
	}
	status := start(t, options{args: []string{"status", "--json", "--state-dir", dir}})
	status.wantExit(t, 75)
	if !strings.Contains(status.stdout.String(), `"lastErrorCode":"replaced"`) {
		t.Errorf("status said %s", status.stdout)
	}
}

// A service has another environment than the shell of whoever asks about it.
func TestDoctorGoesThroughTheProxyOfTheRunningAgent(t *testing.T) {
	m := managertest.Start(t, nil) // it is the proxy too
	at := strings.TrimPrefix(m.URL, "http://")
	dir := enrolled(t, "http://manager.invalid")
	a := start(t, options{args: []string{"--state-dir", dir}, env: []string{"HTTP_PROXY=http://user:" + candidateToken + "@" + at}})
	serve := func() {
		p := m.Next(t)
		p.Register(t, managertest.Defaults())
		p.Serve()
	}
	serve()
	a.says(t, "msg=connected")

	examine := func(wantCode int, says string, env ...string) {
		t.Helper()
		d := start(t, options{args: []string{"doctor", "--state-dir", dir}, env: env})
		if wantCode == 0 {
			p := m.Next(t)
			p.Welcome(t, managertest.Defaults())
			p.Serve()
		}
		d.wantExit(t, wantCode)
		if !strings.Contains(d.stdout.String(), says) {
			t.Errorf("doctor did not say %q, but\n%s", says, d.stdout)
		}
	}
	if runtime.GOOS == "linux" {
		examine(0, "ok       proxy       "+at+", from the environment of the running agent\n")
	}
	examine(0, "ok       proxy       "+at+", from the environment of doctor\n", "ALL_PROXY="+m.URL)
	examine(1, "; the running agent uses "+at+": run doctor in its environment [proxy_unreachable]", "HTTP_PROXY=http://127.0.0.1:1")

	// To another manager another proxy may be right.
	other := start(t, options{args: []string{"doctor", "--state-dir", dir, "--manager", "http://" + managertest.Nobody(t)}, env: []string{"NO_PROXY=*"}})
	other.wantExit(t, 1)
	if text := other.stdout.String(); strings.Contains(text, "run doctor in its environment") {
		t.Errorf("doctor sends whoever asks about another manager away:\n%s", text)
	}
	s := start(t, options{args: []string{"status", "--state-dir", dir}})
	s.wantExit(t, 0)
	s.wantStdout(t, "proxy         "+at+"\n")
}

func TestDoctorBeforeTheEnrolment(t *testing.T) {
	m := managertest.Start(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Authorization") != "" {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":{"code":"missing_token","message":"x"}}`)
		return true
	})
	dir := filepath.Join(t.TempDir(), "state")
	d := start(t, options{args: []string{"doctor", "--json", "--state-dir", dir}, env: []string{"ZEDOPS_MANAGER=" + m.URL, "ZEDOPS_TOKEN=" + managertest.EnrolmentToken}})
	d.wantExit(t, 0)
	var report struct {
		Manager string
		Healthy bool
		Checks  []struct{ Check, Result, Code, Text, Remedy string }
	}
	if err := json.Unmarshal([]byte(d.stdout.String()), &report); err != nil || report.Manager != m.URL || !report.Healthy || len(report.Checks) != 9 || report.Checks[7].Result != "skipped" {
		t.Errorf("%v:\n%s", err, d.stdout)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("doctor made the state directory")
	}
}

func TestDoctorNamesWhatTheEnvironmentDoes(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  []string
		args []string
		says string
	}{
		"a file of certificates that is not there": {[]string{"SSL_CERT_FILE=/nonexistent.pem"}, nil, "the file of SSL_CERT_FILE cannot be used (open /nonexistent.pem: no such file or directory) [cert_file_unusable]"},
		"a file of other things":                   {[]string{"SSL_CERT_FILE=/etc/passwd"}, nil, "the file of SSL_CERT_FILE cannot be used (/etc/passwd holds no certificate in PEM"},
		"an unknown authority":                     {nil, nil, "an authority that this host does not trust"},
		"--ca-file":                                {nil, []string{"--ca-file", caFile}, "there is no manager at this URL (it answered 404 Not Found) [no_manager_here]"},
		"ZEDOPS_CA_FILE":                           {[]string{"ZEDOPS_CA_FILE=" + caFile}, nil, "[no_manager_here]"},
		"--ca-file beside SSL_CERT_FILE":           {[]string{"SSL_CERT_FILE=/nonexistent.pem"}, []string{"--ca-file", caFile}, "[no_manager_here]"},
		"a proxy that is no URL":                   {[]string{"HTTPS_PROXY=http://%zz"}, []string{"--manager", "https://manager.invalid"}, "[proxy_unusable]"},
		"a proxy that is away":                     {[]string{"ALL_PROXY=http://user:" + managertest.PermanentToken + "@127.0.0.1:1"}, []string{"--manager", "https://manager.invalid"}, "the proxy 127.0.0.1:1 refuses connections at 127.0.0.1:1 [proxy_unreachable]"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.says == "an authority that this host does not trust" {
				if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err != nil {
					t.Skip("this machine has no authorities")
				}
			}
			args := append([]string{"doctor", "--manager", server.URL, "--state-dir", filepath.Join(t.TempDir(), "state")}, c.args...)
			d := start(t, options{args: args, env: c.env})
			d.wantExit(t, 1)
			if !strings.Contains(d.stdout.String(), c.says) || d.output.String() != "" {
				t.Errorf("doctor did not say %q, but\n%s%s", c.says, d.stdout, d.output)
			}
		})
	}
}

func TestACAFileIsUsedOrRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"run", "enroll", "doctor"} {
		for file, says := range map[string]string{"/nonexistent.pem": "no such file", empty: "is empty", "/etc/passwd": "holds no certificate in PEM"} {
			t.Run(command+" "+filepath.Base(file), func(t *testing.T) {
				args := []string{command, "--ca-file", file, "--state-dir", enrolled(t, "https://manager.invalid")}
				start(t, options{args: args}).wantExit(t, 1, "--ca-file", says)
			})
		}
	}
}

func TestTheLogHasTheCodeOfAFault(t *testing.T) {
	a := start(t, options{args: []string{"--state-dir", enrolled(t, "http://127.0.0.1:1")}})
	a.says(t, "code=connection_refused")
	a.says(t, "the manager refuses connections at 127.0.0.1:1: check the manager's URL and port")
}
