package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// MaxSubscriptions is how many patterns the protocol allows on one connection.
const MaxSubscriptions = 32

// self begins a pattern below this agent's own subjects. An operator who writes it need not know the agent's id.
const selfPrefix = "agents.self."

// CheckPattern tells whether an agent may subscribe to a pattern, in which "agents.self." stands for its own subjects.
func CheckPattern(pattern string) error {
	switch {
	case !protocol.IsPattern(pattern):
		return errors.New(`it is not a pattern: tokens joined by ".", of which any may be "*" and the last ">"`)
	case !strings.HasPrefix(pattern, "fleet.") && !strings.HasPrefix(pattern, selfPrefix):
		return errors.New(`it must begin with "fleet." or "` + selfPrefix + `"`)
	case !protocol.IsPattern(expandSelf(pattern, strings.Repeat("x", 64))):
		return errors.New("it is too long once the agent's id stands in it")
	}
	return nil
}

func expandSelf(pattern, agentID string) string {
	if rest, ok := strings.CutPrefix(pattern, selfPrefix); ok {
		return "agents." + agentID + "." + rest
	}
	return pattern
}

func expandPatterns(patterns []string, agentID string) []string {
	var own []string
	for _, pattern := range patterns {
		own = append(own, expandSelf(pattern, agentID))
	}
	return own
}

// subscribe makes the connection's subscriptions, which a new socket does not have. A refusal is no *Refused: the
// agent's credential is as good as before.
func (c *connection) subscribe(ctx context.Context) error {
	if len(c.patterns) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.stepTimeout)
	defer cancel()
	type list struct {
		Patterns []string `json:"patterns"`
	}
	data, err := json.Marshal(list{Patterns: c.patterns})
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	answer, err := c.request(ctx, protocol.SubjectSubscribe, data)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", strings.Join(c.patterns, " "), err)
	}
	var granted list
	if err := json.Unmarshal(answer, &granted); err != nil {
		return fmt.Errorf("read the subscriptions: %w", err)
	}
	for _, pattern := range c.patterns {
		if !slices.Contains(granted.Patterns, pattern) {
			return fmt.Errorf("subscribe to %s: the manager left it out", pattern)
		}
	}
	return nil
}

// wants tells a message that was published to this agent from anything else. No pattern of an agent covers a control
// subject or an inbox.
func (c *connection) isSubscribed(m protocol.Message) bool {
	return m.Reply == "" && slices.ContainsFunc(c.patterns, func(pattern string) bool {
		return protocol.Matches(pattern, m.Subject)
	})
}
