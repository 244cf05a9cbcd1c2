package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zedops/zedops/agent/internal/compile"
	"github.com/zedops/zedops/agent/internal/managertest"
)

// What the agent may cost; docs/BENCHMARKS.md has the figures that are times and megabytes.
const (
	// Of the stripped binary for linux/amd64. 5.6 MB of it are the library, TLS and the Go runtime. encoding/json's decoder
	// would be 86 kB more, a net/http server 420 kB, and text/template or HTTP/2 about as much.
	mostBytes = 6_600_000
	// A newer Go may make every binary larger. Then the agent may grow with the bare client.
	mostTimesBare = 1.18
	// Each has a stack of its own, of 8 kB with TLS. One of them answers the question.
	mostGoroutines = 10
)

func TestTheBinaryIsSmall(t *testing.T) {
	t.Parallel()
	size := map[string]int64{}
	for _, program := range []string{compile.Agent, compile.Bare} {
		var err error
		if size[program], err = compile.Program("..", program, filepath.Join(t.TempDir(), "program")); err != nil {
			t.Fatal(err)
		}
	}
	agent, bare := size[compile.Agent], size[compile.Bare]
	if ratio := float64(agent) / float64(bare); agent > mostBytes || ratio > mostTimesBare {
		t.Errorf("the agent has %d bytes, at most %d are allowed; the bare client has %d, and the ratio is %.3f, at most %.2f", agent, mostBytes, bare, ratio, mostTimesBare)
	}
}

func TestTheMeasuredBinaryIsTheOneOfMakeAgent(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"AGENT_FLAGS := " + compile.MakeFlags, `go build $(AGENT_FLAGS) -ldflags "-s -w -X main.version=$(VERSION)"`} {
		if !strings.Contains(string(makefile), part) {
			t.Errorf("the Makefile does not build the agent with %s", part)
		}
	}
}

// A thread that runs Go code has memory of its own and wakes with the others. On a host with 192 cores they cost 6 MB.
func TestAConnectedAgentHasFewGoroutinesAndThreads(t *testing.T) {
	m := managertest.Start(t, nil)
	for _, c := range []struct {
		env     []string
		threads string
	}{
		{nil, "1"},
		{[]string{"GOMAXPROCS=2"}, "2"}, // an operator's own choice
	} {
		// The runtime tells how many threads may run Go code, every 20 ms.
		a := start(t, options{args: []string{"--state-dir", enrolled(t, m.URL)}, env: append(c.env, "GODEBUG=schedtrace=20")})
		p := m.Next(t)
		p.Register(t, managertest.Defaults())
		p.Serve()
		a.says(t, "msg=connected")
		a.says(t, "gomaxprocs="+c.threads+" ")
		p.Send(t, `{"subject":"agent.info","reply":"inbox.c7h2k9.m1"}`)
		var info struct{ Goroutines int }
		if err := json.Unmarshal(p.Await(t, "inbox.c7h2k9.m1").Data, &info); err != nil || info.Goroutines > mostGoroutines {
			t.Errorf("it has %d goroutines, at most %d are allowed; %v", info.Goroutines, mostGoroutines, err)
		}
	}
}

// Before main, the Go runtime prepares a thread for each core, and keeps their memory: 4 MB on 192 cores.
func TestAHostWithManyCoresCostsNoMoreMemory(t *testing.T) {
	onCores, err := compile.OnCores(192)
	if err != nil {
		t.Skip(err)
	}
	m := managertest.Start(t, nil)
	held := func(under []string, env ...string) (kB int) {
		a := start(t, options{under: under, args: []string{"--state-dir", enrolled(t, m.URL)}, env: env})
		p := m.Next(t)
		p.Register(t, managertest.Defaults())
		p.Serve()
		a.says(t, "msg=connected")
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.Process.Pid))
		if err != nil || !strings.HasPrefix(string(status), "Name:\tzedops-agent\n") {
			t.Fatalf("the process is not the agent: %s, %v", status, err)
		}
		_, text, _ := strings.Cut(string(status), "RssAnon:")
		_, _ = fmt.Sscan(text, &kB)
		return kB
	}
	few, many, unbounded := held(nil), held(onCores), held(onCores, "GOMAXPROCS=192")
	empty := held(onCores, "GOMAXPROCS=") // as a line of a settings file without a value gives it
	t.Logf("%d kB, with 192 cores %d kB, with an empty variable %d kB, and %d kB without a bound", few, many, empty, unbounded)
	if most := few + 1024; max(many, empty) > most || unbounded < most {
		t.Errorf("%d and %d kB with 192 cores, at most %d are allowed; %d without a bound", many, empty, most, unbounded)
	}
}
