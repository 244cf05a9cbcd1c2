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

// MaxSubscriptions is the protocol's limit of patterns on one connection.
const MaxSubscriptions = 32

// selfPrefix stands for this agent's own subjects in a pattern, so that an operator need not know the agent's id.
const selfPrefix = "agents.self."

// CheckPattern returns an error if an agent may not subscribe to the pattern. "agents.self." stands for its own subjects.
func CheckPattern(pattern string) error {
	switch {
	case !protocol.IsPattern(pattern):
		return errors.New(`it is not a pattern: tokens joined by "."; any may be "*", and the last may be ">"`)
	case !strings.HasPrefix(pattern, "fleet.") && !strings.HasPrefix(pattern, selfPrefix):
		return errors.New(`it must begin with "fleet." or "` + selfPrefix + `"`)
	case !protocol.IsPattern(expandSelf(pattern, strings.Repeat("x", 64))):
		return errors.New("it is too long with the agent's id in it")
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

// subscribe subscribes again, because a new socket has no subscriptions. An error of the manager is not a *RefusedError:
// the agent's credential is still valid.
func (c *connection) subscribe(ctx context.Context) error {
	if len(c.patterns) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.stepTimeout)
	defer cancel()
	data, err := json.Marshal(struct {
		Patterns []string `json:"patterns"`
	}{Patterns: c.patterns})
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	answer, err := c.request(ctx, protocol.SubjectSubscribe, data)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", strings.Join(c.patterns, " "), err)
	}
	list, _ := protocol.ReadObject(answer, "patterns")
	granted, ok := list["patterns"].AsStrings()
	if !ok {
		return errors.New("read the subscriptions: patterns is not an array of strings")
	}
	for _, pattern := range c.patterns {
		if !slices.Contains(granted, pattern) {
			return fmt.Errorf("subscribe to %s: the manager left it out", pattern)
		}
	}
	return nil
}

// isSubscribed reports whether a message was published to this agent. An agent's pattern covers no control subject and no
// inbox.
func (c *connection) isSubscribed(m protocol.Message) bool {
	return m.Reply == "" && slices.ContainsFunc(c.patterns, func(pattern string) bool {
		return protocol.Matches(pattern, m.Subject)
	})
}
