package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"time"
)

// event is one line of the journal: something happened to an agent.
type event struct {
	At      int64           `json:"at"` // Unix ms
	Agent   string          `json:"agent"`
	Event   string          `json:"event"`
	WaitMs  *int64          `json:"waitMs,omitempty"` // of waiting: until the next attempt
	Error   string          `json:"error,omitempty"`  // of lost and waiting: the cause
	Message json.RawMessage `json:"message,omitempty"`
}

// Values of event.Event.
const (
	connecting = "connecting" // an attempt begins
	connected  = "connected"  // messages flow
	lost       = "lost"       // a connection that was up has ended
	waiting    = "waiting"    // the next attempt comes after waitMs
	received   = "received"   // the message came, published by an operator
)

// eventOf maps log messages of package link to events. Other messages are not events.
var eventOf = map[string]string{
	"connecting":                connecting,
	"connected":                 connected,
	"reconnected":               connected,
	"connection lost, retrying": lost,
	"waiting to connect again":  waiting,
}

// journal writes the events of all agents.
type journal struct {
	mu     sync.Mutex
	output *json.Encoder
}

func newJournal(output io.Writer) *journal { return &journal{output: json.NewEncoder(output)} }

func (j *journal) write(e event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.output.Encode(e)
}

// recorder turns the log and the published messages of one agent into events.
type recorder struct {
	journal *journal
	agent   string
	first   sync.Once
	ready   func() // called at the first connected
}

func (j *journal) recorder(agent string, ready func()) *recorder {
	return &recorder{journal: j, agent: agent, ready: ready}
}

// Handle implements [slog.Handler].
func (r *recorder) Handle(_ context.Context, record slog.Record) error {
	name, ok := eventOf[record.Message]
	if !ok {
		return nil
	}
	e := event{At: record.Time.UnixMilli(), Agent: r.agent, Event: name}
	record.Attrs(func(attribute slog.Attr) bool {
		switch attribute.Key {
		case "error":
			e.Error = attribute.Value.String()
		case "wait":
			if wait, err := time.ParseDuration(attribute.Value.String()); err == nil {
				ms := wait.Milliseconds()
				e.WaitMs = &ms
			}
		}
		return true
	})
	if name == connected {
		r.first.Do(r.ready)
	}
	return r.journal.write(e)
}

// Write takes one published message, as the link's output does.
func (r *recorder) Write(line []byte) (int, error) {
	e := event{At: time.Now().UnixMilli(), Agent: r.agent, Event: received, Message: line}
	return len(line), r.journal.write(e)
}

// Enabled implements [slog.Handler]: attempts are logged at debug level.
func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements [slog.Handler]. The link's loggers have no attributes of their own.
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler { return r }

// WithGroup implements [slog.Handler]. The link's loggers have no groups.
func (r *recorder) WithGroup(string) slog.Handler { return r }
