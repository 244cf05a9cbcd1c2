package test

import (
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

func TestEnrolsOnceAndThenStartsWithoutAToken(t *testing.T) {
	m := managertest.Start(t, nil)
	home := t.TempDir()
	a := start(t, options{
		args: []string{"--manager", m.URL, "--token", managertest.EnrolmentToken, "--name", "edge-7", "--label", "env=prod", "--label", "edge"},
		env:  []string{"HOME=" + home},
	})
	first := m.Next(t)
	registration := first.Register(t, managertest.Defaults())
	first.Serve()
	a.says(t, "msg=connected")
	if got := first.Header.Get("Authorization"); got != "Bearer "+managertest.EnrolmentToken {
		t.Errorf("it enrolled with %q", got)
	}
	for _, part := range []string{`"version":"1.2.3-test"`, `"name":"edge-7"`, `"labels":["env=prod","edge"]`, `"hostname":"`, `"os":"`, `"protocol":1`} {
		if !strings.Contains(string(registration.Data), part) {
			t.Errorf("the registration %s lacks %s", registration.Data, part)
		}
	}
	a.says(t, "other users of this host can see the token")

	for name, mode := range map[string]os.FileMode{"": 0o700 | os.ModeDir, "token": 0o600, "manager": 0o600, "install-id": 0o600} {
		info, err := os.Stat(filepath.Join(home, ".zedops-agent", name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("%q has mode %v, want %v", name, info.Mode(), mode)
		}
	}
	token, err := os.ReadFile(filepath.Join(home, ".zedops-agent", "token"))
	if err != nil || string(token) != managertest.PermanentToken+"\n" {
		t.Errorf("the token file holds %q, %v", token, err)
	}
	a.stopsWithin2s(t, syscall.SIGTERM)
	if code, reason := first.AwaitClose(t); code != 1000 || reason != "stopped" {
		t.Errorf("it closed with %d %q", code, reason)
	}

	b := start(t, options{args: []string{"--label", "env=test"}, env: []string{"HOME=" + home}})
	second := m.Next(t)
	if again := second.Register(t, managertest.Defaults()); strings.Contains(string(again.Data), "labels") {
		t.Errorf("it sends labels that have no effect: %s", again.Data)
	}
	second.Serve()
	b.says(t, "msg=connected")
	if got := second.Header.Get("Authorization"); got != "Bearer "+managertest.PermanentToken {
		t.Errorf("it came back with %q", got)
	}
	if a, b := first.Header.Get("Zedops-Install-Id"), second.Header.Get("Zedops-Install-Id"); a == "" || a != b {
		t.Errorf("install ids %q and %q", a, b)
	}
	if a, b := first.Header.Get("Zedops-Boot-Id"), second.Header.Get("Zedops-Boot-Id"); a == "" || a == b {
		t.Errorf("boot ids %q and %q", a, b)
	}
	b.stopsWithin2s(t, os.Interrupt)
}

func TestTakesTheEnrolmentTokenFrom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "enrolment")
	if err := os.WriteFile(file, []byte(managertest.EnrolmentToken+"\r\nsecond line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]options{
		"a file":            {args: []string{"--token-file", file}},
		"standard input":    {args: []string{"--token-file=-"}, stdin: managertest.EnrolmentToken + "\n"},
		"no final newline":  {args: []string{"--token-file=-"}, stdin: managertest.EnrolmentToken},
		"the environment":   {env: []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}},
		"flag over setting": {args: []string{"--token-file", file}, env: []string{"ZEDOPS_TOKEN=other"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := managertest.Start(t, nil)
			o.env = append(o.env, "ZEDOPS_MANAGER="+m.URL)
			a := start(t, o)
			p := m.Next(t)
			if got := p.Header.Get("Authorization"); got != "Bearer "+managertest.EnrolmentToken {
				t.Errorf("it came with %q", got)
			}
			if strings.Contains(a.output.String(), "process list") {
				t.Error("it warns of a token that nobody can see")
			}
		})
	}
}

func TestTheStoredIdentityWinsOverAnEnrolmentToken(t *testing.T) {
	m := managertest.Start(t, nil)
	a := start(t, options{
		args: []string{"--state-dir", enrolled(t, m.URL), "--manager", m.URL, "--token-file", "/nonexistent"},
	})
	if got := m.Next(t).Header.Get("Authorization"); got != "Bearer "+managertest.PermanentToken {
		t.Errorf("it came with %q", got)
	}
	a.says(t, "enrolled already")
	if strings.Contains(a.output.String(), "--name") {
		t.Error("it speaks of a name that was not given")
	}
}

func TestANameAfterTheEnrolmentIsReported(t *testing.T) {
	m := managertest.Start(t, nil)
	for name, warns := range map[string]bool{"edge-8": false, "edge\n8": true, strings.Repeat("x", 65): true} {
		a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL), "--name", name, "--label", "edge"}})
		registration := m.Next(t).Register(t, managertest.Defaults())
		a.says(t, "--name is used when enrolling")
		a.says(t, "--label is used when enrolling")
		if strings.Contains(string(registration.Data), `"name":`) {
			t.Errorf("it registers with %s", registration.Data)
		}
		if got := strings.Contains(a.output.String(), "the manager would refuse it"); got != warns {
			t.Errorf("%q: it warns: %v", name, got)
		}
		a.stopsWithin2s(t, syscall.SIGTERM)
	}
}

func TestAnAddressWithAZone(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	asked := make(chan string, 1)
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case asked <- r.Host + r.URL.Path:
			default:
			}
			w.WriteHeader(http.StatusBadGateway)
		}))
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	start(t, options{args: []string{"--manager", "http://[::1%25lo]:" + port}, env: []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}})
	select {
	case got := <-asked:
		if got != "[::1]:"+port+"/ws" {
			t.Errorf("it asks %s", got)
		}
	case <-time.After(managertest.Timeout):
		t.Error("it does not come")
	}
}

func TestAllProxyIsUsed(t *testing.T) {
	asked := make(chan string, 8)
	proxy := managertest.Start(t, func(w http.ResponseWriter, r *http.Request) bool {
		select {
		case asked <- r.Method + " " + r.Host:
		default:
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	start(t, options{args: []string{"--manager", "https://manager.invalid"}, env: []string{"ALL_PROXY=" + proxy.URL, "ZEDOPS_TOKEN=" + managertest.EnrolmentToken}})
	select {
	case got := <-asked:
		if got != "CONNECT manager.invalid:443" {
			t.Errorf("it asks for %s", got)
		}
	case <-time.After(managertest.Timeout):
		t.Error("it does not use the proxy")
	}
}
