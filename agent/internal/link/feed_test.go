package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
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
	if err := f.write(&out); err != nil {
		t.Fatal(err)
	}
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
		if err := f.write(&out); err != nil || out.String() != `{"subject":"fleet.x","data":`+c.Data+"}\n" {
			t.Errorf("%s: it wrote %s, %v", c.Name, &out, err)
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

func TestAClosedOutputIsNotAFault(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	f := newFeed()
	f.offer(numbered(1), 100, windowOf(4, 400, 100))
	if err := f.write(w); !errors.Is(err, ErrOutputClosed) || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("it ended with %v", err)
	}
	f.offer(numbered(1), 100, windowOf(4, 400, 100))
	if err := f.write(full{}); !errors.Is(err, io.ErrShortWrite) || errors.Is(err, ErrOutputClosed) {
		t.Errorf("it ended with %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
