// Package protocol implements docs/PROTOCOL.md for the agent: messages, subjects and codes. Its counterpart is
// manager/src/protocol. Both are tested with the vectors in docs/vectors.
package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Protocol is the version of docs/PROTOCOL.md that this agent speaks.
const Protocol = 1

// Subjects of the control messages.
const (
	SubjectRegister       = "agent.register"
	SubjectHeartbeat      = "agent.heartbeat"
	SubjectHeartbeatAck   = "agent.heartbeat.ack"
	SubjectHeartbeatAlign = "agent.heartbeat.align"
	SubjectWelcome        = "agent.welcome"
	SubjectError          = "agent.error"
	SubjectSubscribe      = "agent.subscribe"
	SubjectCredit         = "agent.credit"
	SubjectInfo           = "agent.info"
	SubjectRotate         = "agent.rotate"
	SubjectReconnect      = "agent.reconnect"
	SubjectEcho           = "test.echo"
)

// The bare heartbeat and its answer. Both ends send exactly these bytes, because the manager's edge compares the text.
const (
	Heartbeat    = `{"subject":"agent.heartbeat"}`
	HeartbeatAck = `{"subject":"agent.heartbeat.ack"}`
)

// Message is one frame.
type Message struct {
	Subject   string
	Reply     string          // inbox for the answer; empty if no answer is wanted
	Data      json.RawMessage // the payload as it is spelled; nil if absent; null is a value
	Timestamp *int64          // the sender's clock, Unix ms
	Error     *WireError      // excludes Data
}

// BadFrame is the error of Decode.
type BadFrame struct {
	Cause   WireError
	Subject string // where it was sent to; empty if the frame has no valid subject
	Reply   string // the inbox for the answer; empty if the frame has no valid reply
}

func (b *BadFrame) Error() string { return b.Cause.Error() }

func (b *BadFrame) Unwrap() error { return &b.Cause }

// Decode parses a text frame. The error is always a *BadFrame. The caller checks the size of the frame. The message shares
// no memory with the frame.
func Decode(frame []byte) (Message, error) {
	fields := make(map[string]Member, 5)
	var tooDeep map[string]bool // the names of the fields that are, known or not
	err := eachMember(frame, func(name string, field Member) {
		switch name {
		case "subject", "reply", "data", "timestamp", "error":
			fields[name] = field
		}
		delete(tooDeep, name) // of fields with the same name the last one counts
		if field.Depth > MaxDepth {
			if tooDeep == nil {
				tooDeep = map[string]bool{}
			}
			tooDeep[name] = true
		}
	})
	switch {
	case errors.Is(err, errNotObject):
		return Message{}, &BadFrame{Cause: WireError{Code: InvalidMessage, Message: "the frame is not a JSON object"}}
	case err != nil:
		return Message{}, &BadFrame{Cause: WireError{Code: InvalidJSON, Message: "the frame is not JSON"}}
	}
	subject, subjectOK := fields["subject"].AsString()
	reply, replyOK := fields["reply"].AsString()
	bad := func(code Code, message string) (Message, error) {
		b := &BadFrame{Cause: WireError{Code: code, Message: message}}
		if IsSubject(subject) {
			b.Subject = subject
		}
		if IsSubject(reply) {
			b.Reply = reply
		}
		return Message{}, b
	}

	// The form of every field first, then the grammar: the order is part of the protocol.
	for name := range tooDeep {
		return bad(InvalidMessage, fmt.Sprintf("%.64s is nested more than %d deep", name, MaxDepth))
	}
	m := Message{Subject: subject, Reply: reply}
	_, asks := fields["reply"]
	if _, present := fields["subject"]; !present {
		return bad(InvalidMessage, "subject is missing")
	}
	if !subjectOK {
		return bad(InvalidMessage, "subject is not a string")
	}
	if asks && !replyOK {
		return bad(InvalidMessage, "reply is not a string")
	}
	if field, present := fields["timestamp"]; present {
		t, ok := field.AsInteger()
		if !ok {
			return bad(InvalidMessage, "timestamp is not an integer")
		}
		m.Timestamp = &t
	}
	data, hasData := fields["data"]
	if field, present := fields["error"]; present {
		if m.Error = field.AsError(); m.Error == nil {
			return bad(InvalidMessage, "error is not an object with the strings code and message")
		}
		if hasData {
			return bad(InvalidMessage, "error and data exclude each other")
		}
	}
	if !IsSubject(subject) {
		return bad(InvalidSubject, "subject is not a valid subject")
	}
	if asks && !IsSubject(reply) {
		return bad(InvalidSubject, "reply is not a valid subject")
	}
	m.Data = bytes.Clone(data.Text)
	return m, nil
}

// Encode is the inverse of Decode. The data travel as they are. It refuses a message that the other end would refuse, but
// does not check its size. The error is always a *WireError.
func Encode(m Message) ([]byte, error) {
	if !IsSubject(m.Subject) {
		return nil, &WireError{Code: InvalidSubject, Message: fmt.Sprintf("subject %q is not valid", m.Subject)}
	}
	if m.Reply != "" && !IsSubject(m.Reply) {
		return nil, &WireError{Code: InvalidSubject, Message: fmt.Sprintf("reply %q is not valid", m.Reply)}
	}
	if len(m.Data) > 0 && !isPayload(m.Data) {
		return nil, &WireError{Code: Internal, Message: fmt.Sprintf("the data are not JSON, or are nested more than %d deep", MaxDepth)}
	}
	// JSON and Go quote a subject in the same way, because all of its characters are visible and ASCII.
	frame := make([]byte, 0, len(m.Subject)+len(m.Reply)+len(m.Data)+96)
	frame = strconv.AppendQuote(append(frame, `{"subject":`...), m.Subject)
	if m.Reply != "" {
		frame = strconv.AppendQuote(append(frame, `,"reply":`...), m.Reply)
	}
	if len(m.Data) > 0 {
		frame = append(append(frame, `,"data":`...), m.Data...)
	}
	if m.Timestamp != nil {
		frame = strconv.AppendInt(append(frame, `,"timestamp":`...), *m.Timestamp, 10)
	}
	if m.Error != nil {
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false) // an escaped message would be up to six times as long
		if err := e.Encode(m.Error); err != nil {
			return nil, &WireError{Code: Internal, Message: "the error cannot be written as JSON"}
		}
		frame = append(append(frame, `,"error":`...), bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
	}
	return append(frame, '}'), nil
}

// AsError returns the error that the member is, or nil if it is none.
func (m Member) AsError() *WireError {
	fields, err := ReadObject(m.Text, "code", "message")
	if err != nil {
		return nil
	}
	code, codeOK := fields["code"].AsString()
	message, messageOK := fields["message"].AsString()
	if !codeOK || !messageOK {
		return nil
	}
	return &WireError{Code: Code(code), Message: message}
}
