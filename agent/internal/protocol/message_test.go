package protocol

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestEncodeKeepsPayloadsAsLongAsTheyWere(t *testing.T) {
	data := `"` + strings.Repeat("<&>", 1000) + `"`
	frame, err := Encode(Message{Subject: "a", Data: json.RawMessage(data)})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"subject":"a","data":` + data + `}`; string(frame) != want {
		t.Errorf("got %d bytes, want %d", len(frame), len(want))
	}
}

func TestEncodeRefusesWhatTheManagerWouldRefuse(t *testing.T) {
	for _, m := range []Message{{}, {Subject: "foo.*"}, {Subject: "a", Reply: "foo.>"}} {
		_, err := Encode(m)
		var e *WireError
		if !errors.As(err, &e) || e.Code != InvalidSubject {
			t.Errorf("Encode(%+v) says %v", m, err)
		}
	}
}

func TestTheBareHeartbeatIsOrdinaryJSON(t *testing.T) {
	for text, subject := range map[string]string{Heartbeat: SubjectHeartbeat, HeartbeatAck: SubjectHeartbeatAck} {
		if m, err := Decode([]byte(text)); err != nil || m.Subject != subject {
			t.Errorf("%s decodes to %+v, %v", text, m, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range readVectors[frameVector](f, "frames.json") {
		f.Add([]byte(c.Frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := Decode(frame)
		if err != nil {
			var bad *BadFrame
			if !errors.As(err, &bad) || bad.Cause.Message == "" || (bad.Reply != "" && !IsSubject(bad.Reply)) {
				t.Fatalf("unusable error %#v", err)
			}
			return
		}
		if !json.Valid(frame) || !IsSubject(m.Subject) || (m.Reply != "" && !IsSubject(m.Reply)) || (m.Error != nil && m.Data != nil) {
			t.Fatalf("accepted %q as %+v", frame, m)
		}
		again, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("%q became %q: %v", frame, again, err)
		}
	})
}
