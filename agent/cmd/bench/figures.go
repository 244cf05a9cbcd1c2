//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// figures is what was measured.
type figures struct {
	plan        plan
	agent, bare sideFigures
}

type sideFigures struct {
	bytes           int64     // of its file
	connected       []sample  // of each idle client, when it was connected
	idle            []sample  // later
	cpuPerHour      []float64 // of each idle client, in seconds
	wakesPerHour    []float64 // of each idle client
	onManyCores     []sample  // of a client that believes in so many; none without strace
	goroutines      int       // 0 if it cannot be asked
	reconnected     sample    // of the client that reconnected, when it had rested
	cpuPerReconnect time.Duration
}

// section is the page's section without its heading. The values are, in this order: date, processor and cores, system, Go's
// version, the table.
const section = `
Measured on %s, on %s with %s and %s:

%s
The bare client (` + "`agent/cmd/bare`" + `) dials with the agent's WebSocket library, sends a heartbeat every 30 s and ignores what
comes. Both are compiled with the same flags and connected over TLS to one manager, a stand-in that does nothing else. They
trust the certificates of Debian's bundle and the manager's. Each process has its own copy of the file. A cell has the
median of three processes, and in brackets the least and the most. The CPU time is that of all threads, from
` + "`/proc/<pid>/task/*/schedstat`" + `, with real heartbeats. The wakes are the voluntary context switches of all threads. For
the row with many cores, strace changes the kernel's answer to sched_getaffinity. The agent that reconnects is compiled with one constant changed,
so that it does not wait up to a minute first; its connection ends as soon as its first heartbeat and its test.echo are
answered. It rests two minutes before its memory is read.

` + "`make bench-agent`" + ` measures this in about five minutes and writes this section; ` + "`make bench-agent ARGS=--full`" + ` idles for
an hour and reconnects 10,000 times. ` + "`agent/test/footprint_test.go`" + ` holds the bytes, goroutines and threads in ` + "`make test`" + `, and
` + "`agent/internal/link/allocations_test.go`" + ` the allocations of a heartbeat and of an echo; ` + "`wakes_test.go`" + ` beside it holds the wakes.
`

// write replaces the section of the page.
func (f figures) write() error {
	text, err := os.ReadFile(page)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("# Benchmarks\n"), nil
	}
	if err != nil {
		return err
	}
	own := heading + fmt.Sprintf(section, time.Now().UTC().Format(time.DateOnly), processor(), system(), runtime.Version(), f.table())
	before, after, found := strings.Cut(string(text), heading)
	if found {
		if next := strings.Index(after, "\n## "); next >= 0 {
			own += after[next:]
		}
	} else {
		before += "\n"
	}
	return os.WriteFile(page, []byte(before+own), 0o644)
}

const (
	page    = "../docs/BENCHMARKS.md"
	heading = "## The agent\n"
)

func (f figures) table() string {
	var t strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&t, "| %s |\n", strings.Join(cells, " | ")) }
	row("what", "agent", "bare client", "ratio", "goal")
	row("---", "---", "---", "---", "---")
	compare := func(what string, agent, bare []float64, format, goal string) {
		row(what, spread(agent, format), spread(bare, format), fmt.Sprintf("%.2f", median(agent)/median(bare)), goal)
	}
	compare("stripped binary for linux/amd64", []float64{float64(f.agent.bytes) / 1e6}, []float64{float64(f.bare.bytes) / 1e6}, "%.2f MB", "6.6 MB, 1.18")
	resident := func(s sample) float64 { return float64(s.resident) / 1e6 }
	anonymous := func(s sample) float64 { return float64(s.anonymous) / 1e6 }
	span := words(f.plan.settle + f.plan.idle)
	compare("resident, when it has connected", each(f.agent.connected, resident), each(f.bare.connected, resident), "%.1f MB", "1.2")
	compare("resident, "+span+" later", each(f.agent.idle, resident), each(f.bare.idle, resident), "%.1f MB", "1.2")
	compare("of that without the file's pages", each(f.agent.idle, anonymous), each(f.bare.idle, anonymous), "%.1f MB", "")
	if len(f.agent.onManyCores) > 0 {
		what := fmt.Sprintf("resident on %d cores, %s later", manyCores, span)
		compare(what, each(f.agent.onManyCores, resident), each(f.bare.onManyCores, resident), "%.1f MB", "1.2")
	}
	compare(fmt.Sprintf("resident, after %d reconnects", f.plan.reconnects), []float64{resident(f.agent.reconnected)}, []float64{resident(f.bare.reconnected)}, "%.1f MB", "1.2")
	compare("CPU time in an hour, from "+words(f.plan.idle), f.agent.cpuPerHour, f.bare.cpuPerHour, "%.3f s", "0.1 s")
	compare("wakes of its threads in an hour", f.agent.wakesPerHour, f.bare.wakesPerHour, "%.0f", "")
	milliseconds := func(d time.Duration) []float64 { return []float64{float64(d) / float64(time.Millisecond)} }
	compare("CPU time of a reconnect", milliseconds(f.agent.cpuPerReconnect), milliseconds(f.bare.cpuPerReconnect), "%.1f ms", "")
	row("goroutines, one of which tells their number", fmt.Sprint(f.agent.goroutines), "–", "–", "10")
	return t.String()
}

func each(samples []sample, of func(sample) float64) (values []float64) {
	for _, s := range samples {
		values = append(values, of(s))
	}
	return values
}

// spread is the median of some values, and the least and the most.
func spread(values []float64, format string) string {
	text := fmt.Sprintf(format, median(values))
	if len(values) == 1 {
		return text
	}
	number, _, _ := strings.Cut(format, " ")
	return text + fmt.Sprintf(" ("+number+"–"+number+")", slices.Min(values), slices.Max(values))
}

// median is the middle one of an odd number of values.
func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// words is a time as a reader would say it.
func words(d time.Duration) string {
	if minutes := d.Minutes(); minutes < 60 {
		return fmt.Sprintf("%.0f minutes", minutes)
	}
	return fmt.Sprintf("%.1f hours", d.Hours())
}

// processor is its name, and the number of cores.
func processor() string {
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name\t: "))
}

func system() string { return strings.Trim(field("/etc/os-release", "PRETTY_NAME="), `"`) }

// field is what follows a key at the beginning of a line.
func field(file, key string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key); ok {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
