package link

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// What the agent reads on average and at once: docs/PROTOCOL.md "Budgets". So many frames cost less than 1 % of a core.
const (
	framesPerSecond = 200
	bytesPerSecond  = 512 << 10
	framesAtOnce    = 10_000
	bytesAtOnce     = 16 << 20
)

// intakePause is the shortest pause once the budget is spent: few long pauses cost less than many short ones. No beat is
// overdue because of it.
const intakePause = 250 * time.Millisecond

// intake limits what the agent reads, so that no manager can make it work all the time. It outlives connections. What
// exceeds it waits in the socket, and the manager with it.
type intake struct {
	mu            sync.Mutex
	frames, bytes float64 // that may be read now; negative if too much was read
	at            time.Time
}

func newIntake() *intake { return &intake{frames: framesAtOnce, bytes: bytesAtOnce, at: time.Now()} }

// take counts frames and bytes that were read, and waits until the agent may read on.
func (i *intake) take(ctx context.Context, frames, bytes int) {
	pause := i.spend(frames, bytes)
	if pause == 0 {
		return
	}
	over := time.NewTimer(pause)
	defer over.Stop()
	select {
	case <-ctx.Done():
	case <-over.C:
	}
}

func (i *intake) spend(frames, bytes int) (pause time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	passed := now.Sub(i.at).Seconds()
	i.at = now
	i.frames = min(framesAtOnce, i.frames+passed*framesPerSecond) - float64(frames)
	i.bytes = min(bytesAtOnce, i.bytes+passed*bytesPerSecond) - float64(bytes)
	if i.frames >= 0 && i.bytes >= 0 {
		return 0
	}
	missing := max(-i.frames/framesPerSecond, -i.bytes/bytesPerSecond)
	return max(intakePause, time.Duration(missing*float64(time.Second)))
}

// meter compares what arrives on a TCP socket with what messages and pings make of it. Fragments without content cost work
// and never end a message, so nothing else counts them.
type meter struct {
	net.Conn
	raw      int64
	useful   atomic.Int64
	progress *progress // of the dial
	upgraded atomic.Bool
}

// errWasteful ends a socket on which hardly anything is content.
var errWasteful = errors.New("the other end sends fragments without content")

// The least of raw that is looked at, and how many times as much as useful it may be. A heartbeat's answer in a TLS record
// of its own is twice its text.
const (
	leastRaw  = 256 << 10
	mostWaste = 8
)

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if m.raw += int64(n); m.raw > leastRaw && m.raw > mostWaste*m.useful.Load() {
		return n, errWasteful
	}
	return n, err
}

// cut ends the TCP socket at once. The library cannot: its Close waits five seconds for the other end, and its CloseNow
// waits for a Close that has begun.
func (m *meter) cut() {
	if m.Conn != nil { // nil if the transport used a connection of an earlier dial
		_ = m.Conn.Close()
	}
}

func (m *meter) Write(p []byte) (int, error) {
	if !m.upgraded.Load() {
		m.progress.onWrite(p)
	}
	return m.Conn.Write(p)
}

// meterKey is the context key of the meter of a dial.
type meterKey struct{}

// metered returns a function that dials, and measures what it has dialled with the meter of the context.
func metered(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		socket, err := dial(ctx, network, address)
		m, ok := ctx.Value(meterKey{}).(*meter)
		if err != nil || !ok {
			return socket, err
		}
		m.Conn = socket
		m.progress.onConnected(socket)
		return m, nil
	}
}

// frameReader reads the messages of one socket. Only one goroutine may use it.
type frameReader struct {
	ws     *websocket.Conn
	intake *intake
	meter  *meter
	limit  int    // bytes of a message that are kept
	buffer []byte // for the next message
}

// largestRead is the most that is read before it is counted, and the largest buffer that is kept for the next message.
const largestRead = 64 << 10

// next returns a message, which is valid until the next call. One that is longer than the limit costs no more memory: only
// that it is longer can be told from the text.
func (f *frameReader) next(ctx context.Context) (websocket.MessageType, []byte, error) {
	kind, r, err := f.ws.Reader(ctx)
	if err != nil {
		return 0, nil, err
	}
	if f.buffer == nil || cap(f.buffer) > largestRead {
		f.buffer = make([]byte, 0, 4<<10)
	}
	text := f.buffer[:0]
	fragments := 0
	for {
		into := text[:min(len(text), largestRead)] // it is too long already, so its text is not needed
		if len(text) <= f.limit {
			if len(text) == cap(text) {
				text = append(make([]byte, 0, min(2*cap(text), f.limit+1)), text...)
			}
			into = text[len(text):min(cap(text), len(text)+largestRead)]
		}
		n, err := r.Read(into)
		f.meter.useful.Add(int64(n))
		ended := 0
		if n < len(into) && (n > 0 || fragments == 0) {
			ended = 1
			fragments++
		}
		f.intake.take(ctx, ended, n)
		if len(text) <= f.limit {
			text = text[:len(text)+n]
		}
		switch {
		case err == io.EOF: // the library wraps the end of the socket
			f.buffer = text
			return kind, text, nil
		case err != nil:
			return 0, nil, err
		}
	}
}
