package identity

import (
	"encoding/base64"
	"strings"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// AgentID is the id of the agent that a permanent token is for: the subject of a JWT. It is empty if the token does not tell.
// Nobody has checked the signature, so the id is good for people to read and for nothing else.
func AgentID(token string) string {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	claims, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	fields, _ := protocol.ReadObject(claims, "sub")
	id, _ := fields["sub"].AsString()
	if !protocol.IsSubject(id) || strings.Contains(id, ".") {
		return ""
	}
	return id
}
