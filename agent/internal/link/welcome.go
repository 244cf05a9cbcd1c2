package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// welcome is the data of agent.welcome, the manager's first message. Durations are milliseconds.
type welcome struct {
	Connection          string
	ServerTime          int64 // Unix ms; 0 if not known
	HeartbeatIntervalMs int64
	HeartbeatDelayMs    int64 // until the first heartbeat of the schedule; -1 if the manager has none
	LeaseMs             int64
	MaxFrameBytes       int64
	MessagesPerSecond   int64
	CreditFrames        int64
	CreditBytes         int64
	ReconnectSpreadMs   int64
	Labels              []string // of the agent; nil if the manager does not tell them
}

// longestSpread limits the spread, so that a faulty manager cannot send its agents away for ever.
const longestSpread = longestDrain

// The most that the agent can afford, whatever the manager allows: so many beats, and so many bytes in hand.
const (
	shortestInterval = 200 * time.Millisecond
	longestFrame     = 1 << 20 // as long as any manager's
	mostMessages     = 100     // a second
)

var widestWindow = amount{Frames: 4096, Bytes: 1 << 20}

// parseWelcome keeps the agent from spinning, hanging or running out of memory because of a faulty manager.
// docs/PROTOCOL.md "Handshake" has the ranges.
func parseWelcome(data json.RawMessage) (w welcome, err error) {
	const day = 24 * 60 * 60 * 1000
	fields, err := protocol.ReadObject(data, "connection", "serverTime", "heartbeatIntervalMs", "heartbeatDelayMs", "leaseMs",
		"maxFrameBytes", "messagesPerSecond", "creditFrames", "creditBytes", "reconnectSpreadMs", "labels")
	if err != nil {
		return w, fmt.Errorf("its data is %w", err)
	}
	w.Connection, _ = fields["connection"].AsString()
	if !isToken(w.Connection) {
		return w, errors.New("connection is not a token")
	}
	in := integers{fields: fields}
	w.ServerTime = serverTime(fields)
	w.HeartbeatIntervalMs = in.required("heartbeatIntervalMs", 10, day)
	w.LeaseMs = in.required("leaseMs", float64(w.HeartbeatIntervalMs+1), 2*day)
	tooOften := max(0, shortestInterval.Milliseconds()-w.HeartbeatIntervalMs)
	w.HeartbeatIntervalMs += tooOften
	w.LeaseMs += tooOften
	w.HeartbeatDelayMs = min(in.optional("heartbeatDelayMs", 0, math.Inf(1), -1), w.HeartbeatIntervalMs)
	w.MaxFrameBytes = min(in.required("maxFrameBytes", 1<<10, 32<<20), longestFrame)
	w.MessagesPerSecond = min(in.optional("messagesPerSecond", 1, math.Inf(1), mostMessages), mostMessages)
	w.CreditFrames = min(in.optional("creditFrames", 1, 1<<16, 256), widestWindow.Frames)
	w.CreditBytes = min(in.optional("creditBytes", 1, 64<<20, 1<<20), widestWindow.Bytes)
	w.ReconnectSpreadMs = min(in.optional("reconnectSpreadMs", 0, math.Inf(1), 1000), longestSpread.Milliseconds())
	w.Labels = readLabels(fields["labels"])
	return w, in.err
}

// readLabels returns nil if the field is missing or holds anything but valid labels: people see them at a terminal.
func readLabels(field protocol.Member) []string {
	labels, ok := field.AsStrings()
	if !ok || len(labels) > protocol.MaxLabels {
		return nil
	}
	for _, label := range labels {
		if protocol.LabelFault(label) != nil {
			return nil
		}
	}
	return append([]string{}, labels...) // none is not nil
}

// isToken reports whether s is one token of a subject.
func isToken(s string) bool { return protocol.IsSubject(s) && !strings.Contains(s, ".") }

// integers reads integers in any notation of JSON, and keeps the first error.
type integers struct {
	fields map[string]protocol.Member
	err    error
}

// required returns an integer from low to high. Huge ones are cut.
func (in *integers) required(name string, low, high float64) int64 {
	n, ok := in.fields[name].AsNumber()
	if in.err == nil && (!ok || n != math.Trunc(n) || n < low || n > high) {
		in.err = fmt.Errorf("%s is missing, not an integer or out of range", name)
	}
	return int64(max(-1<<53, min(n, 1<<53)))
}

// optional returns another value if the field is missing.
func (in *integers) optional(name string, low, high float64, missing int64) int64 {
	if _, present := in.fields[name]; !present {
		return missing
	}
	return in.required(name, low, high)
}

// serverTime returns the manager's clock in Unix ms, or 0 if the fields do not tell it. Only the measured skew depends on it.
func serverTime(fields map[string]protocol.Member) int64 {
	const latest = 1e15 // the manager takes no skew that is larger
	if t, ok := fields["serverTime"].AsInteger(); ok && t >= 0 && t <= latest {
		return t
	}
	return 0
}

func (w welcome) inbox(token string) string { return protocol.Inbox(w.Connection, token) }

func (w welcome) spread() time.Duration { return time.Duration(w.ReconnectSpreadMs) * time.Millisecond }
