package link

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/zedops/zedops/agent/internal/protocol"
)

func windowOf(frames, bytes, maxFrameBytes int64) *creditWindow {
	return newCreditWindow(welcome{CreditFrames: frames, CreditBytes: bytes, MaxFrameBytes: maxFrameBytes})
}

func numbered(n int) protocol.Message {
	return protocol.Message{Subject: "fleet.x", Data: json.RawMessage(fmt.Sprint(n))}
}

// written empties the feed and returns the data of its lines.
func written(t *testing.T, f *feed) string {
	t.Helper()
	f.close()
	var out strings.Builder
	f.write(&out, slog.New(slog.DiscardHandler))
	var data []string
	for line := range strings.Lines(out.String()) {
		var m struct{ Data json.RawMessage }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		data = append(data, string(m.Data))
	}
	return strings.Join(data, " ")
}

func TestALineHasThePayloadUnaltered(t *testing.T) {
	for _, c := range readPayloads(t).Unaltered {
		f := newFeed()
		spaced := " \r\n\t" + c.Data + "\n"
		f.offer(protocol.Message{Subject: "fleet.x", Data: json.RawMessage(spaced)}, 100, windowOf(4, 400, 100))
		f.close()
		var out strings.Builder
		if f.write(&out, slog.New(slog.DiscardHandler)); out.String() != `{"subject":"fleet.x","data":`+c.Data+"}\n" {
			t.Errorf("%s: it wrote %s", c.Name, &out)
		}
	}
	f := newFeed()
	f.offer(protocol.Message{Subject: "fleet.x", Data: json.RawMessage("{\n \"a\" : [ 1.0 ,\r\n\t1e400 ] , \"a\" : \" \\n<\" }")}, 100, windowOf(4, 400, 100))
	if got, want := written(t, f), `{"a":[1.0,1e400],"a":" \n<"}`; got != want {
		t.Errorf("it wrote %s, want %s", got, want)
	}
}

func TestTheFeedHoldsOneWindow(t *testing.T) {
	for name, w := range map[string]*creditWindow{
		"of frames": windowOf(4, 1<<20, 1<<16),
		"of bytes":  windowOf(256, 400, 100),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFeed()
			for n := range 6 {
				if dropped := f.offer(numbered(n), 100, w); (dropped == 1) != (n >= 4) {
					t.Errorf("message %d: %d dropped", n, dropped)
				}
			}
			if got := written(t, f); got != "0 1 2 3" {
				t.Errorf("it wrote %s", got)
			}
			if f.held != (amount{}) || w.held != (amount{}) || w.consumed != (amount{Frames: 4, Bytes: 400}) {
				t.Errorf("left %+v, %+v", f.held, w)
			}
		})
	}
}

func TestAFrameLargerThanTheWindowGoesAlone(t *testing.T) {
	f, w := newFeed(), windowOf(256, 400, 1<<16)
	if f.offer(numbered(1), 5000, w) != 0 || f.offer(numbered(2), 10, w) != 1 {
		t.Error("it takes the wrong ones")
	}
}

func TestMessagesOfALostConnectionMakeRoomForANewWindow(t *testing.T) {
	f, old := newFeed(), windowOf(4, 1<<20, 1<<16)
	for n := range 4 {
		f.offer(numbered(n), 100, old)
	}
	// The writer has stalled with one message.
	stalled, _ := f.next()
	current := windowOf(4, 1<<20, 1<<16)
	var dropped int64
	for n := range 5 {
		dropped += f.offer(numbered(10+n), 100, current)
	}
	if dropped != 4 { // three old ones, and the fifth new one, for which the manager had no credit
		t.Errorf("%d were dropped", dropped)
	}
	f.consume(stalled)
	if got := written(t, f); got != "10 11 12 13" {
		t.Errorf("it wrote %s", got)
	}
	if current.consumed != (amount{Frames: 4, Bytes: 400}) || old.consumed != (amount{Frames: 1, Bytes: 100}) {
		t.Errorf("consumed %+v and %+v", current.consumed, old.consumed)
	}

	f, current = newFeed(), windowOf(4, 1<<20, 1<<16)
	f.offer(numbered(1), 100, windowOf(4, 1<<20, 1<<16))
	f.offer(numbered(2), 100, current)
	if got := written(t, f); got != "1 2" {
		t.Errorf("with room for both it wrote %s", got)
	}
}

func TestAnOutputThatCannotBeWrittenLosesMessagesOnly(t *testing.T) {
	f, w, log, disk := newFeed(), windowOf(64, 1<<20, 1<<16), &logged{}, &faultyDisk{}
	done := make(chan struct{})
	go func() { f.write(disk, slog.New(slog.NewTextHandler(log, nil))); close(done) }()
	for n, fault := range []error{nil, syscall.ENOSPC, syscall.ENOSPC, nil, syscall.EPIPE, syscall.EPIPE} {
		disk.set(fault)
		f.offer(numbered(n), 100, w)
		eventually(t, func() bool { return f.unwritten() == 0 }, "consumed")
	}
	f.close()
	<-done
	if got, want := disk.text.String(), line(0)+"{\n"+line(3)+"{"; got != want {
		t.Errorf("it wrote %q, want %q", got, want)
	}
	for text, want := range map[string]int{"are lost until that works again": 1, "written again": 1, "nobody reads the published messages any more": 1, "level=": 3} {
		if got := strings.Count(log.String(), text); got != want {
			t.Errorf("%q is said %d times in\n%s", text, got, log)
		}
	}
	if consumed, _ := f.creditToReport(w); consumed.Frames != 6 {
		t.Errorf("consumed %+v", consumed)
	}
}

func line(n int) string { return fmt.Sprintf(`{"subject":"fleet.x","data":%d}`, n) + "\n" }

// faultyDisk takes one byte of a line while it has a fault, and none of the next.
type faultyDisk struct {
	mu    sync.Mutex
	text  strings.Builder
	fault error
	full  bool
}

func (d *faultyDisk) set(fault error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault, d.full = fault, d.full && fault != nil
}

func (d *faultyDisk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault == nil {
		return d.text.Write(p)
	}
	if d.full {
		return 0, d.fault
	}
	d.full = true
	d.text.Write(p[:1])
	return 1, d.fault
}
