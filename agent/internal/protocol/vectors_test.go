package protocol

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func readVectors[T any](t testing.TB, name string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	var cases []T
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 50 {
		t.Fatalf("%s holds only %d cases", name, len(cases))
	}
	return cases
}

type subjectVector struct {
	Input     string
	IsSubject bool
}

type patternVector struct {
	Input     string
	IsPattern bool
}

type matchVector struct {
	Pattern, Subject string
	Matches          bool
}

type frameVector struct {
	Name    string
	Frame   string
	Message json.RawMessage // of a valid frame
	Error   Code
	Reply   string // the inbox for the error
}

// payloadVectors is docs/vectors/payloads.json.
type payloadVectors struct {
	MaxDepth  int
	Unaltered []struct{ Name, Data string }
	Refused   []struct {
		Name, Data string
		Error      Code
	}
	Nested []struct {
		Open, Close string
		Depth       int
		Error       Code
	}
}

func readPayloads(t testing.TB) (v payloadVectors) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "vectors", "payloads.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Unaltered) < 10 || len(v.Refused) < 10 || len(v.Nested) < 5 {
		t.Fatal("payloads.json holds too few cases")
	}
	return v
}

func TestSubjectVectors(t *testing.T) {
	for _, c := range readVectors[subjectVector](t, "subjects.json") {
		if got := IsSubject(c.Input); got != c.IsSubject {
			t.Errorf("IsSubject(%q) = %v", c.Input, got)
		}
	}
}

func TestPatternVectors(t *testing.T) {
	for _, c := range readVectors[patternVector](t, "patterns.json") {
		if got := IsPattern(c.Input); got != c.IsPattern {
			t.Errorf("IsPattern(%q) = %v", c.Input, got)
		}
	}
}

func TestMatchVectors(t *testing.T) {
	for _, c := range readVectors[matchVector](t, "matches.json") {
		if got := Matches(c.Pattern, c.Subject); got != c.Matches {
			t.Errorf("Matches(%q, %q) = %v", c.Pattern, c.Subject, got)
		}
	}
}

func TestFrameVectors(t *testing.T) {
	for _, c := range readVectors[frameVector](t, "frames.json") {
		t.Run(c.Name, func(t *testing.T) {
			m, err := Decode([]byte(c.Frame))
			if c.Error != "" {
				var bad *BadFrame
				if !errors.As(err, &bad) {
					t.Fatalf("got %v and error %v, want %s", m, err, c.Error)
				}
				if bad.Cause.Code != c.Error || bad.Reply != c.Reply {
					t.Errorf("got %s with reply %q, want %s with reply %q", bad.Cause.Code, bad.Reply, c.Error, c.Reply)
				}
				if bad.Cause.Message == "" {
					t.Error("the error has no message")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			sameMessage(t, m, c.Message)

			// Encode accepts each valid message, and Decode returns the same message.
			frame, err := Encode(m)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Decode(frame)
			if err != nil {
				t.Fatal(err)
			}
			sameMessage(t, again, c.Message)
		})
	}
}

func frameOf(data string) []byte {
	return []byte(`{"subject":"a.b","reply":"inbox.c.1","data":` + data + `}`)
}

func TestPayloadVectors(t *testing.T) {
	vectors := readPayloads(t)
	if vectors.MaxDepth != MaxDepth {
		t.Errorf("MaxDepth is %d, want %d", MaxDepth, vectors.MaxDepth)
	}
	for _, c := range vectors.Unaltered {
		m, err := Decode(frameOf(c.Data))
		if err != nil || string(m.Data) != c.Data {
			t.Errorf("%s: %s arrives as %s, %v", c.Name, c.Data, m.Data, err)
			continue
		}
		if frame, err := Encode(m); err != nil || string(frame) != string(frameOf(c.Data)) {
			t.Errorf("%s: %s is sent as %s, %v", c.Name, c.Data, frame, err)
		}
	}
	for _, c := range vectors.Refused {
		var bad *BadFrame
		if _, err := Decode(frameOf(c.Data)); !errors.As(err, &bad) || bad.Cause.Code != c.Error {
			t.Errorf("%s: %v, want %s", c.Name, err, c.Error)
		}
		if frame, err := Encode(Message{Subject: "a.b", Data: json.RawMessage(c.Data)}); err == nil {
			t.Errorf("%s: it sends %s", c.Name, frame)
		}
	}
	for _, c := range vectors.Nested {
		name := fmt.Sprintf("%s nested %d times", c.Open, c.Depth)
		data := strings.Repeat(c.Open, c.Depth) + "0" + strings.Repeat(c.Close, c.Depth)
		m, err := Decode(frameOf(data))
		_, encodeErr := Encode(Message{Subject: "a.b", Data: json.RawMessage(data)})
		if c.Error == "" {
			if err != nil || string(m.Data) != data || encodeErr != nil {
				t.Errorf("%s: %v, %v", name, err, encodeErr)
			}
			continue
		}
		// Whoever waits for an answer gets it, though the depth is known only after the inbox was read.
		var bad *BadFrame
		if !errors.As(err, &bad) || bad.Cause.Code != c.Error || bad.Subject != "a.b" || bad.Reply != "inbox.c.1" {
			t.Errorf("%s: %#v, want %s", name, err, c.Error)
		}
		if encodeErr == nil {
			t.Errorf("%s: it sends it", name)
		}
	}
}

func sameMessage(t *testing.T, m Message, want json.RawMessage) {
	t.Helper()
	text, err := Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := errors.Join(json.Unmarshal(text, &a), json.Unmarshal(want, &b)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got %s, want %s", text, want)
	}
}
