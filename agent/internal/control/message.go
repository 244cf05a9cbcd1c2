// Package control is the socket on which a running agent answers the commands of its own host. It is a unix socket in the
// state directory, for the agent's user and root. A client sends one line of JSON and gets one back:
//
//	{"version":1,"request":"status"}
//	{"version":1,"status":{...}}
//	{"version":1,"error":{"code":"unknown_request","message":"..."}}
package control

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zedops/zedops/agent/internal/protocol"
)

// version is that of both lines. Another version means that an agent and a command of two releases do not understand each
// other. New fields do not change it.
const version = 1

const statusRequest = "status"

// The longest lines, in bytes.
const (
	longestRequest = 4 << 10
	longestReply   = 64 << 10
)

// checkRequest returns nil for a request that the agent can answer.
func checkRequest(line []byte) *protocol.WireError {
	fields, err := protocol.ReadObject(line, "version", "request")
	if err != nil {
		return &protocol.WireError{Code: "bad_request", Message: "the request is " + err.Error()}
	}
	if v, ok := fields["version"].AsInteger(); !ok || v != version {
		return &protocol.WireError{Code: "unknown_version", Message: "the agent that runs has another version: start it again"}
	}
	if request, _ := fields["request"].AsString(); request != statusRequest {
		return &protocol.WireError{Code: "unknown_request", Message: "the agent that runs does not know this request: start it again"}
	}
	return nil
}

// readReply returns the status in a reply.
func readReply(line []byte) (json.RawMessage, error) {
	fields, err := protocol.ReadObject(line, "version", "status", "error")
	if err != nil {
		return nil, fmt.Errorf("the agent's answer is %w", err)
	}
	if failure, present := fields["error"]; present {
		details, _ := protocol.ReadObject(failure.Text, "code", "message")
		code, _ := details["code"].AsString()
		message, _ := details["message"].AsString()
		return nil, fmt.Errorf("%s (%s)", message, code)
	}
	if v, ok := fields["version"].AsInteger(); !ok || v != version {
		return nil, errors.New("the agent that runs has another version: start it again")
	}
	status, present := fields["status"]
	if _, err := protocol.ReadObject(status.Text); !present || err != nil {
		return nil, errors.New("the agent's answer holds no status")
	}
	return status.Text, nil
}
