// Package protocol implements docs/PROTOCOL.md for the agent: messages, subjects and codes. Its counterpart is
// manager/src/protocol. Both are tested with the vectors in docs/vectors.
package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Protocol is the version of docs/PROTOCOL.md that this agent speaks.
const Protocol = 1

// Subjects of the control messages.
const (
	SubjectRegister     = "agent.register"
	SubjectHeartbeat    = "agent.heartbeat"
	SubjectHeartbeatAck = "agent.heartbeat.ack"
	SubjectWelcome      = "agent.welcome"
	SubjectError        = "agent.error"
	SubjectSubscribe    = "agent.subscribe"
	SubjectCredit       = "agent.credit"
	SubjectInfo         = "agent.info"
	SubjectRotate       = "agent.rotate"
	SubjectReconnect    = "agent.reconnect"
	SubjectEcho         = "test.echo"
)

// The bare heartbeat and its answer. Both ends send exactly these bytes, because the manager's edge compares the text.
const (
	Heartbeat    = `{"subject":"agent.heartbeat"}`
	HeartbeatAck = `{"subject":"agent.heartbeat.ack"}`
)

// Message is one frame.
type Message struct {
	Subject   string          `json:"subject"`
	Reply     string          `json:"reply,omitempty"`     // inbox for the answer; empty if no answer is wanted
	Data      json.RawMessage `json:"data,omitempty"`      // nil if absent; null is a value
	Timestamp *int64          `json:"timestamp,omitempty"` // the sender's clock, Unix ms
	Error     *WireError      `json:"error,omitempty"`     // excludes Data
}

// BadFrame is the error of Decode.
type BadFrame struct {
	Cause WireError
	Reply string // the inbox for the answer; empty if the frame has no valid reply
}

func (b *BadFrame) Error() string { return b.Cause.Error() }

func (b *BadFrame) Unwrap() error { return &b.Cause }

// maxSafeInteger is the largest integer that every JSON implementation represents exactly.
const maxSafeInteger = 1<<53 - 1

// Decode parses a text frame. The error is always a *BadFrame. The caller checks the size of the frame.
func Decode(frame []byte) (Message, error) {
	// This is a map because encoding/json ignores case when it matches the fields of a struct.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(frame, &fields); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return Message{}, &BadFrame{Cause: WireError{Code: InvalidJSON, Message: "the frame is not JSON"}}
		}
	}
	if fields == nil {
		return Message{}, &BadFrame{Cause: WireError{Code: InvalidMessage, Message: "the frame is not a JSON object"}}
	}

	var m Message
	replyOK := true
	if raw, present := fields["reply"]; present {
		m.Reply, replyOK = decodeString(raw)
	}
	bad := func(code Code, message string) (Message, error) {
		b := &BadFrame{Cause: WireError{Code: code, Message: message}}
		if IsSubject(m.Reply) {
			b.Reply = m.Reply
		}
		return Message{}, b
	}

	var ok bool
	if m.Subject, ok = decodeString(fields["subject"]); !ok {
		return bad(InvalidMessage, "subject is not a string")
	}
	if !replyOK {
		return bad(InvalidMessage, "reply is not a string")
	}
	if raw, present := fields["timestamp"]; present {
		t, ok := decodeInteger(raw)
		if !ok {
			return bad(InvalidMessage, "timestamp is not an integer")
		}
		m.Timestamp = &t
	}
	if raw, present := fields["error"]; present {
		if m.Error, ok = decodeError(raw); !ok {
			return bad(InvalidMessage, "error is not an object with a code and a message")
		}
		if _, both := fields["data"]; both {
			return bad(InvalidMessage, "error and data exclude each other")
		}
	}
	if !IsSubject(m.Subject) {
		return bad(InvalidSubject, "subject is not valid")
	}
	if _, present := fields["reply"]; present && !IsSubject(m.Reply) {
		return bad(InvalidSubject, "reply is not valid")
	}
	m.Data = fields["data"]
	return m, nil
}

// Encode is the inverse of Decode. It refuses a message that the other end would refuse, but does not check its size.
// The error is always a *WireError.
func Encode(m Message) ([]byte, error) {
	if !IsSubject(m.Subject) {
		return nil, &WireError{Code: InvalidSubject, Message: fmt.Sprintf("subject %q is not valid", m.Subject)}
	}
	if m.Reply != "" && !IsSubject(m.Reply) {
		return nil, &WireError{Code: InvalidSubject, Message: fmt.Sprintf("reply %q is not valid", m.Reply)}
	}
	var frame bytes.Buffer
	e := json.NewEncoder(&frame)
	e.SetEscapeHTML(false) // an escaped echo would be up to six times as long
	if err := e.Encode(m); err != nil {
		return nil, &WireError{Code: Internal, Message: "the message cannot be written as JSON"}
	}
	return bytes.TrimSuffix(frame.Bytes(), []byte("\n")), nil
}

func decodeString(raw json.RawMessage) (string, bool) {
	// Unmarshal alone would accept null as "".
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// decodeInteger accepts every JSON notation of an integer, such as 1e3, within ±(2^53-1).
func decodeInteger(raw json.RawMessage) (int64, bool) {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > maxSafeInteger {
		return 0, false
	}
	return int64(f), true
}

func decodeError(raw json.RawMessage) (*WireError, bool) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, false
	}
	code, codeOK := decodeString(fields["code"])
	message, messageOK := decodeString(fields["message"])
	return &WireError{Code: Code(code), Message: message}, codeOK && messageOK
}
