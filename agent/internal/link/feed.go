package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"sync"
	"syscall"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// feed carries published messages from the sockets to the output, whose reader may stall. It holds one window of
// messages. It outlives connections: the messages of a lost connection are still written, unless a new one needs the room.
type feed struct {
	mu      sync.Mutex
	changed *sync.Cond // signalled by a new message and by close
	queue   []published
	held    amount // in the queue or being written
	closed  bool
}

type published struct {
	message protocol.Message
	bytes   int64 // the length of its frame
	window  *creditWindow
}

func newFeed() *feed {
	f := &feed{}
	f.changed = sync.NewCond(&f.mu)
	return f
}

// offer never waits. It returns how many messages it dropped: this one if the manager ignores the window, or older ones
// of a lost connection.
func (f *feed) offer(m protocol.Message, bytes int64, w *creditWindow) (dropped int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !w.admits(w.held, bytes) {
		return 1
	}
	for len(f.queue) > 0 && f.queue[0].window != w && !w.admits(f.held, bytes) {
		f.held.subtract(f.queue[0].bytes)
		f.dequeue()
		dropped++
	}
	f.queue = append(f.queue, published{message: m, bytes: bytes, window: w})
	f.held.add(bytes)
	w.held.add(bytes)
	f.changed.Signal()
	return dropped
}

// dequeue removes the first message and releases its memory.
func (f *feed) dequeue() published {
	first := f.queue[0]
	f.queue[0] = published{}
	f.queue = f.queue[1:]
	return first
}

// write writes one JSON line for each message. It returns when the feed is closed and empty. A message that cannot be
// written is lost, and the agent goes on: the host must not be lost because of its reader.
func (f *feed) write(output io.Writer, log *slog.Logger) {
	var failed error
	broken := false // the output ends in the middle of a line
	for {
		p, ok := f.next()
		if !ok {
			return
		}
		line, err := formatLine(p.message)
		if broken {
			line = append([]byte{'\n'}, line...)
		}
		if err == nil {
			var n int
			n, err = output.Write(line)
			broken = n < len(line) && (n > 0 || broken)
		}
		f.consume(p)
		switch {
		case err == nil && failed != nil:
			log.Info("published messages are written again")
		case err != nil && (failed == nil || err.Error() != failed.Error()):
			text := "published messages cannot be written and are lost until that works again"
			if errors.Is(err, syscall.EPIPE) {
				text = "nobody reads the published messages any more, and they are lost: start the agent again with a reader"
			}
			log.Warn(text, "error", err)
		}
		failed = err
	}
}

// formatLine returns the line of a message.
func formatLine(m protocol.Message) ([]byte, error) {
	text, err := protocol.Encode(protocol.Message{Subject: m.Subject, Data: m.Data, Timestamp: m.Timestamp})
	if err != nil {
		return nil, err
	}
	var line bytes.Buffer
	// This removes the white space between tokens, line breaks among it, and alters nothing else.
	if err := json.Compact(&line, text); err != nil {
		return nil, err
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}

func (f *feed) next() (p published, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) == 0 {
		if f.closed {
			return p, false
		}
		f.changed.Wait()
	}
	return f.dequeue(), true
}

func (f *feed) consume(p published) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held.subtract(p.bytes)
	p.window.consume(p.bytes)
}

// creditToReport returns the totals for the manager, and remembers them as reported if credit is due.
func (f *feed) creditToReport(w *creditWindow) (consumed amount, due bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if due = w.isDue(); due {
		w.reported = w.consumed
	}
	return w.consumed, due
}

// close lets write return when it has written everything.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.changed.Signal()
}

// unwritten is the number of messages that have not been written.
func (f *feed) unwritten() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held.Frames
}
