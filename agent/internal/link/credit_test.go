package link

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/zedops/zedops/agent/internal/managertest"
	"github.com/zedops/zedops/agent/internal/protocol"
)

// For any window and any frames, a manager that keeps its own rule never waits for a report that does not come.
func TestCreditNeverStalls(t *testing.T) {
	for _, frames := range []int64{1, 2, 3, 63, 64, 65, 256, 1000} {
		for _, bytes := range []int64{1, 100, 65_535, 65_536, 65_537, 100_000, 1 << 20} {
			f, w := newFeed(), windowOf(frames, bytes, 65_536)
			var delivered, acknowledged amount
			for n := range 1000 {
				size := []int64{30, 1000, 65_536}[rand.IntN(3)]
				open := amount{Frames: delivered.Frames - acknowledged.Frames, Bytes: delivered.Bytes - acknowledged.Bytes}
				if !w.admits(open, size) {
					t.Fatalf("window of %d frames or %d bytes: message %d of %d bytes finds no room", frames, bytes, n, size)
				}
				delivered.add(size)
				if f.offer(numbered(n), size, w) != 0 {
					t.Fatalf("message %d was dropped", n)
				}
				p, _ := f.next()
				f.consume(p)
				if consumed, due := f.creditToReport(w); due {
					acknowledged = consumed
				}
			}
		}
	}
}

func TestCreditIsDueAfter64FramesOrAQuarterOfTheBytes(t *testing.T) {
	for size, want := range map[int64]amount{100: {Frames: 64, Bytes: 6400}, 60_000: {Frames: 5, Bytes: 300_000}} {
		f, w := newFeed(), windowOf(256, 1<<20, 65_536)
		for n := range 64 {
			f.offer(numbered(n), size, w)
			p, _ := f.next()
			f.consume(p)
			if told, due := f.creditToReport(w); due {
				if told != want {
					t.Errorf("frames of %d bytes: %+v", size, told)
				}
				break
			}
		}
		if _, due := f.creditToReport(w); due || w.reported != want {
			t.Errorf("frames of %d bytes: told %+v", size, w.reported)
		}
	}
}

func TestReportsConsumedMessages(t *testing.T) {
	m := managertest.Start(t, nil)
	w := managertest.Defaults()
	r, _ := subscribed(t, m.URL, "fleet.>")
	for range 2 { // the totals start again on each connection
		p := connected(t, m, r, w)
		sent := 0
		publish := func(frames, size int) {
			frame := `{"subject":"fleet.x","data":""}`
			frame = strings.Replace(frame, `""`, `"é`+strings.Repeat("x", size-len(frame)-2)+`"`, 1)
			for range frames {
				p.Send(t, frame)
				sent += len(frame)
			}
		}
		wantCredit := func(frames int) {
			t.Helper()
			if got, want := string(p.Await(t, protocol.SubjectCredit).Data), fmt.Sprintf(`{"frames":%d,"bytes":%d}`, frames, sent); got != want {
				t.Errorf("it tells %s, want %s", got, want)
			}
		}
		publish(64, 100)
		wantCredit(64)
		publish(64, 50)
		wantCredit(128)
		publish(5, 60_000)
		wantCredit(133)
		p.Drop()
	}
}

func TestCreditLeavesRoomInTheBudget(t *testing.T) {
	t.Parallel()
	m := managertest.Start(t, nil)
	r, _ := subscribed(t, m.URL, "fleet.>")
	w := managertest.Defaults()
	w.MessagesPerSecond, w.CreditFrames, w.CreditBytes = 10, widestWindow.Frames, widestWindow.Bytes
	p := connected(t, m, r, w)
	start, credits := time.Now(), 0
	for range 4032 { // 63 times 64, which fit into the window
		p.Send(t, `{"subject":"fleet.a"}`)
	}
	var told amount
	for told.Frames < 4032 {
		if err := json.Unmarshal(p.Await(t, protocol.SubjectCredit).Data, &told); err != nil {
			t.Fatal(err)
		}
		credits++
	}
	if most := 1 + int(time.Since(start)/(200*time.Millisecond)); credits > most {
		t.Errorf("%d credits, of which the budget allows %d", credits, most)
	}
}

func TestAWelcomeWithoutAWindowHasTheDefault(t *testing.T) {
	m := managertest.Start(t, nil)
	r, _ := subscribed(t, m.URL, "fleet.>")
	p := m.Next(t)
	p.Send(t, `{"subject":"agent.welcome","data":{"connection":"c7h2k9","heartbeatIntervalMs":30000,"leaseMs":40000,"maxFrameBytes":65536}}`)
	p.Send(t, `{"subject":"`+p.Receive(t).Reply+`","data":{"agentId":"k3v","name":"edge-7"}}`)
	p.Serve()
	r.log.says(t, "msg=connected")
	for range 64 {
		p.Send(t, `{"subject":"fleet.a"}`)
	}
	p.Await(t, protocol.SubjectCredit)
}
