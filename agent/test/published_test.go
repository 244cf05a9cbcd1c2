package test

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/zedops/zedops/agent/internal/managertest"
)

// piped starts an enrolled agent that subscribes to fleet.> and writes into a pipe.
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

// big is a published frame of 4000 bytes. 256 of them nearly fill a window, and are too many for a pipe.
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
		const flood = 4000 // 16 MB, which the agent reads at once
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
		// The pipe holds a few, and the window 256.
		a.says(t, "droppedFrames=37")
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

func TestAReaderThatGoesAwayDoesNotEndTheAgent(t *testing.T) {
	a, p, reader := piped(t, managertest.Defaults())
	p.Send(t, `{"subject":"fleet.a"}`)
	if lines := bufio.NewScanner(reader); !lines.Scan() {
		t.Fatal(lines.Err())
	}
	reader.Close() // like head -1
	p.Send(t, `{"subject":"fleet.b"}`)
	a.says(t, "nobody reads the published messages any more")
	for range 300 { // more than a window: nothing waits for the reader
		p.Send(t, `{"subject":"fleet.c"}`)
	}
	p.Send(t, `{"subject":"test.echo","reply":"inbox.c7h2k9.m1","data":1}`)
	p.Await(t, "inbox.c7h2k9.m1")
	if n := strings.Count(a.output.String(), "nobody reads"); n != 1 {
		t.Errorf("it says so %d times", n)
	}
	a.stopsWithin2s(t, syscall.SIGTERM)
}
