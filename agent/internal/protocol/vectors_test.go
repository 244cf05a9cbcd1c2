package protocol

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
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

func sameMessage(t *testing.T, m Message, want json.RawMessage) {
	t.Helper()
	text, err := json.Marshal(m)
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
