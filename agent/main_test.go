package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "zedops-agent-test")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "zedops-agent")
		return m.Run()
	}())
}

// build compiles the agent once.
var build = sync.OnceValue(func() error {
	// go test takes an old result for good unless it has seen the test look at what changed.
	if err := filepath.WalkDir(".", func(_ string, _ os.DirEntry, err error) error { return err }); err != nil {
		return err
	}
	command := exec.Command("go", "build", "-ldflags", "-X main.version=1.2.3-test", "-o", binary, "main.go")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return nil
})

// agent is a running binary.
type agent struct {
	*exec.Cmd
	output *output
	stdout *output
	ended  chan struct{}
}

// output can be read while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

type options struct {
	env    []string
	stdin  string
	file   *os.File // standard input instead of stdin
	args   []string
	stdout *os.File // nil: the agent's output
}

func start(t *testing.T, o options) *agent {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	a := &agent{Cmd: exec.Command(binary, o.args...), output: &output{}, stdout: &output{}, ended: make(chan struct{})}
	a.Env = append([]string{"HOME=" + t.TempDir()}, o.env...)
	a.Stdin = strings.NewReader(o.stdin)
	if o.file != nil {
		a.Stdin = o.file
	}
	a.Stdout, a.Stderr = a.stdout, a.output
	if o.stdout != nil {
		a.Stdout = o.stdout
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = a.Wait(); close(a.ended) }()
	t.Cleanup(func() {
		_ = a.Process.Kill()
		<-a.ended
		if t.Failed() {
			t.Logf("the agent said:\n%s", a.output)
		}
		for _, secret := range []string{managertest.EnrolmentToken, managertest.PermanentToken, removedToken, candidateToken} {
			if strings.Contains(a.output.String()+a.stdout.String(), secret) {
				t.Errorf("%s was printed", secret)
			}
		}
	})
	return a
}

// exit waits for the end and returns the exit code.
func (a *agent) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-a.ended:
		return a.ProcessState.ExitCode()
	case <-time.After(managertest.Timeout):
		t.Fatal("the agent does not end")
		return 0
	}
}

// says waits until the agent has printed the text.
func (a *agent) says(t *testing.T, text string) {
	t.Helper()
	deadline := time.Now().Add(managertest.Timeout)
	for !strings.Contains(a.output.String(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("the agent never said %q", text)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (a *agent) wantExit(t *testing.T, code int, texts ...string) {
	t.Helper()
	if got := a.exit(t); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	for _, text := range texts {
		if !strings.Contains(a.output.String(), text) {
			t.Errorf("it did not say %q", text)
		}
	}
}

// stopsWithin2s sends a signal and expects exit code 0.
func (a *agent) stopsWithin2s(t *testing.T, signal os.Signal) {
	t.Helper()
	since := time.Now()
	if err := a.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	a.wantExit(t, 0, "stopped")
	if took := time.Since(since); took > 2*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

func enrolled(t *testing.T, manager string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"token": managertest.PermanentToken, "manager": manager, "install-id": "install-0001"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEnrolsOnceAndThenStartsWithoutAToken(t *testing.T) {
	m := managertest.Start(t, nil)
	home := t.TempDir()
	a := start(t, options{
		args: []string{"--manager", m.URL, "--token", managertest.EnrolmentToken, "--name", "edge-7"},
		env:  []string{"HOME=" + home},
	})
	first := m.Next(t)
	registration := first.Register(t, managertest.Defaults())
	first.Serve()
	a.says(t, "msg=connected")
	if got := first.Header.Get("Authorization"); got != "Bearer "+managertest.EnrolmentToken {
		t.Errorf("it enrolled with %q", got)
	}
	for _, part := range []string{`"version":"1.2.3-test"`, `"name":"edge-7"`, `"hostname":"`, `"os":"`, `"protocol":1`} {
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

	b := start(t, options{env: []string{"HOME=" + home}})
	second := m.Next(t)
	second.Register(t, managertest.Defaults())
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

func TestUsageErrorsExit2(t *testing.T) {
	const stored = "http://manager.invalid:1"
	for name, c := range map[string]struct {
		options
		says string
	}{
		"unknown flag":            {options{args: []string{"--frobnicate"}}, "frobnicate"},
		"argument without a flag": {options{args: []string{managertest.EnrolmentToken}}, "flags only"},
		"no token":                {options{}, "no enrolment token"},
		"empty token on stdin":    {options{args: []string{"--token-file", "-"}}, "empty"},
		"missing token file":      {options{args: []string{"--token-file", "/nonexistent/token"}}, "no such file"},
		"two tokens":              {options{args: []string{"--token", "a", "--token-file", "b"}}, "exclude each other"},
		"a token with a space":    {options{args: []string{"--token", "a.b. c"}}, "copied whole"},
		"a token of two parts":    {options{args: []string{"--token-file=-"}, stdin: "enrolment.token\n"}, "that is not an enrolment token"},
		"a token that is a word":  {options{env: []string{"ZEDOPS_TOKEN=hello"}}, "that is not an enrolment token"},
		"a token without an end":  {options{args: []string{"--token-file", "/dev/zero"}}, "that is not an enrolment token"},
		"bad log format":          {options{args: []string{"--log-format", "xml"}}, "--log-format"},
		"negative retries":        {options{args: []string{"--max-retries", "-1"}}, "--max-retries"},
		"name too long":           {options{args: []string{"--name", strings.Repeat("x", 65)}}, "--name"},
		"name with a newline":     {options{args: []string{"--name", "a\nb"}}, "--name"},
		"manager without scheme":  {options{args: []string{"--manager", "127.0.0.1:8957"}}, "must begin with http:// or https://"},
		"manager with a path":     {options{args: []string{"--manager", "http://example.com/foo"}}, "has no path"},
		"manager with a password": {options{args: []string{"--manager", "http://u:" + managertest.PermanentToken + "@example.com"}}, "credentials"},
		"not a pattern":           {options{args: []string{"--subscribe", "fleet.>", "--subscribe", "fleet.a*"}}, `"fleet.a*"`},
		"a pattern of others":     {options{args: []string{"--subscribe", "agents.k3v.>"}}, `"agents.k3v.>"`},
		"too many patterns":       {options{args: slices.Repeat([]string{"--subscribe", "fleet.>"}, 33)}, "more than 32"},
		"another manager":         {options{args: []string{"--manager", "http://127.0.0.1:2", "--state-dir", enrolled(t, stored)}}, "enrolled with " + stored},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, c.options).wantExit(t, 2, c.says, "--help")
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	a := start(t, options{args: []string{"--help"}})
	a.wantExit(t, 0)
	for _, text := range []string{"--token-file", "--max-retries", "ZEDOPS_TOKEN", "75", "77", "~/.zedops-agent", "--subscribe", "agents.self."} {
		if !strings.Contains(a.stdout.String(), text) {
			t.Errorf("the help does not mention %s", text)
		}
	}
	b := start(t, options{args: []string{"--version"}})
	b.wantExit(t, 0)
	if b.stdout.String() != "1.2.3-test\n" {
		t.Errorf("version %q", b.stdout)
	}
}

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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	a := start(t, options{args: []string{"--manager", nobody, "--max-retries", "2"}, env: []string{"ZEDOPS_TOKEN=" + managertest.EnrolmentToken}})
	a.wantExit(t, 75, "gave up after 2 failed attempts", "connection refused")
	if n := strings.Count(a.output.String(), "cannot connect, retrying"); n != 1 {
		t.Errorf("it logged the failure %d times", n)
	}
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
	// In the way of the temporary file, for root as well as for others.
	if err := os.MkdirAll(filepath.Join(dir, "manager.new", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.Register(t, managertest.Defaults())
	a.wantExit(t, 1, "could not be saved", "same enrolment token")
	if _, err := os.Stat(filepath.Join(dir, "token")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a token: %v", err)
	}
}

func TestTwoAgentsCannotShareAStateDirectory(t *testing.T) {
	m := managertest.Start(t, nil)
	dir := enrolled(t, m.URL)
	start(t, options{args: []string{"--state-dir", dir}})
	m.Next(t)
	start(t, options{args: []string{"--state-dir", dir}}).wantExit(t, 1, "another agent is running")
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

func TestANameThatComesTooLateIsSaid(t *testing.T) {
	m := managertest.Start(t, nil)
	a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL), "--name", "edge-8"}})
	m.Next(t)
	a.says(t, "--name is used when enrolling")
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

func TestWarnsOfATokenInTheClear(t *testing.T) {
	// Nobody listens on the discard port of this address: the dial fails or hangs, the warning comes before it.
	a := start(t, options{args: []string{"--manager", "http://0.0.0.0:9", "--max-retries", "1", "--token-file=-"}, stdin: managertest.EnrolmentToken})
	a.wantExit(t, 75, "unencrypted")
}

func TestJSONLog(t *testing.T) {
	m := managertest.Start(t, nil)
	a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL), "--log-format", "json"}})
	p := m.Next(t)
	p.Register(t, managertest.Defaults())
	p.Serve()
	a.says(t, `"msg":"connected","agentId":"k3v","name":"edge-7"`)
	a.says(t, `"manager":"`+m.URL+`"`)
}

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

// piped starts an enrolled agent that subscribes to fleet.> and whose output goes into a pipe.
func piped(t *testing.T, w managertest.Welcome) (*agent, *managertest.Peer, *os.File) {
	t.Helper()
	m := managertest.Start(t, nil)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	a := start(t, options{
		args:   []string{"--state-dir", enrolled(t, m.URL), "--subscribe", "fleet.>", "--subscribe", "agents.self.>"},
		stdout: writer,
	})
	writer.Close()
	p := m.Next(t)
	p.Register(t, w)
	p.Serve()
	a.says(t, "msg=connected")
	return a, p, reader
}

func TestPublishedMessagesBecomeLines(t *testing.T) {
	a, p, reader := piped(t, managertest.Defaults())
	lines := bufio.NewScanner(reader)
	for _, line := range []string{
		`{"subject":"fleet.announce","data":{"text":"<&>"},"timestamp":1790000000000}`,
		`{"subject":"agents.k3v.wake"}`,
	} {
		p.Send(t, line)
		if !lines.Scan() || lines.Text() != line {
			t.Errorf("got %q, want %q", lines.Text(), line)
		}
	}
	a.stopsWithin2s(t, syscall.SIGTERM)
	if lines.Scan() {
		t.Errorf("it also wrote %q", lines.Text())
	}
}

// big is a published frame of 4000 bytes: 256 are nearly a window, and many times what a pipe holds.
var big = `{"subject":"fleet.big","data":"` + strings.Repeat("x", 4000-33) + `"}`

func TestAReaderThatStalls(t *testing.T) {
	t.Run("delays nothing else", func(t *testing.T) {
		w := managertest.Defaults()
		w.HeartbeatIntervalMs = 50
		a, p, _ := piped(t, w)
		for range 256 {
			p.Send(t, big)
		}
		p.Send(t, `{"subject":"test.echo","reply":"inbox.c7h2k9.m1","data":1}`)
		if got := p.Await(t, "inbox.c7h2k9.m1"); string(got.Data) != "1" {
			t.Errorf("the echo is %+v", got)
		}
		for range 3 {
			p.Await(t, "agent.heartbeat")
		}
		a.stopsWithin2s(t, syscall.SIGTERM)
		a.says(t, "not read in time")
		if code, reason := p.AwaitClose(t); code != 1000 || reason != "stopped" {
			t.Errorf("it closed with %d %q", code, reason)
		}
	})
	t.Run("costs no memory, even if the manager ignores the window", func(t *testing.T) {
		a, p, _ := piped(t, managertest.Defaults())
		const flood = 10_000 // 40 MB
		for range flood {
			p.Send(t, big)
		}
		p.Send(t, `{"subject":"agent.info","reply":"inbox.c7h2k9.m1"}`)
		var info struct{ MemoryBytes int64 }
		if err := json.Unmarshal(p.Await(t, "inbox.c7h2k9.m1").Data, &info); err != nil {
			t.Fatal(err)
		}
		if info.MemoryBytes > 20<<20 {
			t.Errorf("it holds %d bytes", info.MemoryBytes)
		}
		p.Drop()
		// The pipe took a few, and the window 256.
		a.says(t, "droppedFrames=97")
	})
	t.Run("gets everything when it goes on", func(t *testing.T) {
		_, p, reader := piped(t, managertest.Defaults())
		for range 256 {
			p.Send(t, big)
		}
		p.Send(t, `{"subject":"test.echo","reply":"inbox.c7h2k9.m1","data":1}`)
		p.Await(t, "inbox.c7h2k9.m1")
		lines := bufio.NewScanner(reader)
		for n := range 256 {
			if !lines.Scan() || lines.Text() != big {
				t.Fatalf("line %d is %q, %v", n, lines.Text(), lines.Err())
			}
		}
		var told struct{ Frames, Bytes int64 }
		for told.Frames < 256 {
			if err := json.Unmarshal(p.Await(t, "agent.credit").Data, &told); err != nil {
				t.Fatal(err)
			}
		}
		if told.Frames != 256 || told.Bytes != 256*4000 {
			t.Errorf("it told %+v", told)
		}
	})
}

func TestAReaderThatGoesAwayStopsTheAgent(t *testing.T) {
	a, p, reader := piped(t, managertest.Defaults())
	p.Send(t, `{"subject":"fleet.a"}`)
	if lines := bufio.NewScanner(reader); !lines.Scan() {
		t.Fatal(lines.Err())
	}
	reader.Close() // as head -1 does
	p.Send(t, `{"subject":"fleet.b"}`)
	a.wantExit(t, 0, "nobody reads the published messages")
	if code, reason := p.AwaitClose(t); code != 1000 || reason != "stopped" {
		t.Errorf("it closed with %d %q", code, reason)
	}
}

func TestAnOutputThatCannotBeWrittenExits1(t *testing.T) {
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
	a.wantExit(t, 1, "write a published message", "no space left on device")
}
