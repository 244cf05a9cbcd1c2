// Package test runs the whole binary against a manager that the tests control.
package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	// go test caches a result until a file changes that the test has looked at. So this looks at all the sources.
	if err := filepath.WalkDir("..", func(_ string, _ os.DirEntry, err error) error { return err }); err != nil {
		return err
	}
	command := exec.Command("go", "build", "-ldflags", "-X main.version=1.2.3-test", "-o", binary, "main.go")
	command.Dir = ".."
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

// shorten keeps the end of a long output.
func (o *output) shorten() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() > 4000 {
		o.text.Next(o.text.Len() - 4000)
	}
}

type options struct {
	env    []string
	stdin  string
	file   *os.File // standard input instead of stdin
	args   []string
	under  []string // a program that runs the agent, with its arguments; it must keep the process id
	stdout *os.File // nil: the agent's output
	stderr *os.File // likewise
}

func start(t *testing.T, o options) *agent {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	line := slices.Concat(o.under, []string{binary}, o.args)
	a := &agent{Cmd: exec.Command(line[0], line[1:]...), output: &output{}, stdout: &output{}, ended: make(chan struct{})}
	a.Env = append([]string{"HOME=" + t.TempDir()}, o.env...)
	a.Stdin = strings.NewReader(o.stdin)
	if o.file != nil {
		a.Stdin = o.file
	}
	a.Stdout, a.Stderr = a.stdout, a.output
	if o.stdout != nil {
		a.Stdout = o.stdout
	}
	if o.stderr != nil {
		a.Stderr = o.stderr
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
	a.saysWithin(t, text, managertest.Timeout)
}

func (a *agent) saysWithin(t *testing.T, text string, limit time.Duration) {
	t.Helper()
	deadline := time.Now().Add(limit)
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
