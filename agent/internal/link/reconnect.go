package link

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// errReconnecting ends a connection because the manager asked the agent to reconnect.
var errReconnecting = errors.New("the manager asked to reconnect")

// drain is the manager's request in agent.reconnect.
type drain struct {
	delay time.Duration
	until time.Time // the earliest time of the next attempt
}

// longestDrain limits the delay, so that a faulty manager cannot send its agents away for ever.
const longestDrain = time.Hour

func parseReconnect(data json.RawMessage, now time.Time) (*drain, *protocol.WireError) {
	asked, _ := protocol.ReadObject(data, "delayMs")
	delayMs, ok := asked["delayMs"].AsNumber()
	if !ok || delayMs < 0 {
		return nil, &protocol.WireError{Code: protocol.InvalidData, Message: "delayMs is not a number of milliseconds"}
	}
	delay := time.Duration(min(delayMs, float64(longestDrain.Milliseconds())) * float64(time.Millisecond))
	return &drain{delay: delay, until: now.Add(delay)}, nil
}

// handleReconnect answers agent.reconnect. Only the first valid one on a connection counts. Only the goroutine that reads
// the socket may call this.
func (c *connection) handleReconnect(m protocol.Message, now time.Time) {
	asked, failure := parseReconnect(m.Data, now)
	var data json.RawMessage
	if failure == nil {
		data = json.RawMessage("{}")
	} else {
		c.log.Warn("the manager sent an invalid request to reconnect", "error", failure)
	}
	if strings.HasPrefix(m.Reply, c.welcome.inbox("")) {
		c.answer(m.Reply, data, failure) // before the connection ends
	}
	if failure == nil && c.drain == nil {
		c.drain = asked
		close(c.draining)
	}
}
