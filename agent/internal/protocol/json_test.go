package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestOfFieldsWithOneNameTheLastCounts(t *testing.T) {
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	for frame, want := range map[string]string{
		`{"subject":"a","subject":"b"}`:                                `{"subject":"b"}`,
		`{"subject":7,"subject":"b"}`:                                  `{"subject":"b"}`,
		`{"subject":"a","data":1,"data":{"x":1e400,"x":1}}`:            `{"subject":"a","data":{"x":1e400,"x":1}}`,
		`{"subject":"a","data":` + deep + `,"data":0}`:                 `{"subject":"a","data":0}`,
		`{"subject":"a","reply":"r.*","\u0072eply":"r"}`:               `{"subject":"a","reply":"r"}`,
		`{"subject":"a","timestamp":1e400,"timestamp":1e3}`:            `{"subject":"a","timestamp":1000}`,
		`{"subject":"a","error":{"code":1,"code":"x","message":"<>"}}`: `{"subject":"a","error":{"code":"x","message":"<>"}}`,
		`{"subject":"a\"\\b","data": [ 1 ]}`:                           `{"subject":"a\"\\b","data":[ 1 ]}`,
	} {
		m, err := Decode([]byte(frame))
		if err != nil {
			t.Errorf("%s: %v", frame, err)
			continue
		}
		if got, err := Encode(m); err != nil || string(got) != want {
			t.Errorf("%s became %s, %v", frame, got, err)
		}
	}
}

func TestAnyFieldMayBeTooDeep(t *testing.T) {
	deep := strings.Repeat("[", 513) + strings.Repeat("]", 513)
	for _, name := range []string{"subject", "reply", "data", "timestamp", "error", "unknown"} {
		var bad *BadFrame
		if _, err := Decode([]byte(`{"` + name + `":` + deep + `}`)); !errors.As(err, &bad) || bad.Cause.Code != InvalidMessage || !strings.Contains(bad.Cause.Message, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The frame itself does not count, and depth does not add up over values side by side.
	wide := "[" + strings.Repeat("[[0]],", 1000) + "0]"
	if _, err := Decode(frameOf(wide)); err != nil {
		t.Error(err)
	}
}

func TestAFrameNestedAMillionTimesNeedsNoStack(t *testing.T) {
	const depth = 1 << 20
	fields, err := ReadObject([]byte(`{"a":`+strings.Repeat(`[{"":`, depth)+"0"+strings.Repeat("}]", depth)+`,"b":1}`), "a", "b")
	if err != nil || fields["a"].Depth != 2*depth || fields["b"].Depth != 0 {
		t.Errorf("%d deep, %v", fields["a"].Depth, err)
	}
	if _, err := ReadObject([]byte(`{"a":` + strings.Repeat("[", depth))); !errors.Is(err, errNotJSON) {
		t.Error(err)
	}
}

func TestMembersAsValues(t *testing.T) {
	for text, want := range map[string]struct {
		number  any
		integer any
	}{
		"0": {0.0, int64(0)}, "-0": {math.Copysign(0, -1), int64(0)}, "1e3": {1000.0, int64(1000)}, "5.0": {5.0, int64(5)}, "1.5": {1.5, nil},
		"9007199254740991": {9007199254740991.0, int64(9007199254740991)}, "9007199254740993": {9007199254740992.0, nil},
		"1e400": {math.Inf(1), nil}, "-1e400": {math.Inf(-1), nil}, `"1"`: {nil, nil}, "null": {nil, nil}, "true": {nil, nil}, "[1]": {nil, nil}, "": {nil, nil},
	} {
		m := Member{Text: json.RawMessage(text)}
		var number, integer any
		if f, ok := m.AsNumber(); ok {
			number = f
		}
		if n, ok := m.AsInteger(); ok {
			integer = n
		}
		if number != want.number || integer != want.integer {
			t.Errorf("%s: %v and %v, want %v and %v", text, number, integer, want.number, want.integer)
		}
	}
}

func TestStringsAreReadAsEncodingJSONReadsThem(t *testing.T) {
	for _, text := range []string{
		`""`, `"\"\\\/\b\f\n\r\t"`, `"\u00e9\u20ACx"`, `"\ud83d\ude00!"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\ud83d\ude00"`, `"\ude00\ud83d"`,
		`"\u0000\uffff"`, "\"é\\u0041\"", "\"\xff\\n\xc3\"", "\"\xed\xa0\x80\"", `"\\u0041"`,
	} {
		var want string
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got, ok := (Member{Text: json.RawMessage(text)}).AsString(); !ok || got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

func TestAMemberAsStrings(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`: {}, `[ ]`: {}, `["a"]`: {"a"}, "[ \"a\" ,\n\"\\u0062\",\"\"]": {"a", "b", ""},
		"": nil, "null": nil, `"a"`: nil, `{"a":"b"}`: nil, `["a",1]`: nil, `[["a"]]`: nil, `[null]`: nil,
	} {
		got, ok := (Member{Text: json.RawMessage(text)}).AsStrings()
		if ok != (want != nil) || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %q, %v", text, got, ok)
		}
	}
}

func TestMembersThatNobodyWantsCostNoMemory(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"a":1`)
	for n := range 100_000 {
		fmt.Fprintf(&text, `,"%d":0`, n)
	}
	text.WriteString(`,"a":2}`)
	members, err := ReadObject([]byte(text.String()), "a", "b")
	if err != nil || len(members) != 1 || string(members["a"].Text) != "2" {
		t.Errorf("got %d members, %v", len(members), err)
	}
	if _, err := ReadObject([]byte(`{"a":1,`), "a"); !errors.Is(err, errNotJSON) {
		t.Error(err)
	}
}

func TestOfFieldsWithTheSameNameTheDepthOfTheLastCounts(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)
	if _, err := Decode([]byte(`{"subject":"a","x":` + deep + `,"x":1}`)); err != nil {
		t.Error(err)
	}
	if _, err := Decode([]byte(`{"subject":"a","x":1,"x":` + deep + `}`)); err == nil {
		t.Error("it is taken")
	}
}

// Decode makes the message, its strings, a copy of the data, and the table of the members. encoding/json made 27
// allocations of the same frame.
func TestDecodeAllocatesLittle(t *testing.T) {
	frame := []byte(`{"subject":"test.echo","reply":"inbox.c7h2k9.1","data":{"a":[1,2.5,"x",true,null],"b":{"c":"d"}},"timestamp":1790000000012}`)
	var m Message
	var err error
	if got := testing.AllocsPerRun(100, func() { m, err = Decode(frame) }); got > 11 || err != nil {
		t.Errorf("Decode makes %v allocations, %v", got, err)
	}
	if got := testing.AllocsPerRun(100, func() { _, err = Encode(m) }); got > 1 || err != nil {
		t.Errorf("Encode makes %v allocations, %v", got, err)
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, data := range []string{`{"a":[1,2.5,"x",true,null]}`, `"` + strings.Repeat("x", 60_000) + `"`, "[" + strings.Repeat("1,", 30_000) + "0]"} {
		b.Run(fmt.Sprint(len(data)), func(b *testing.B) {
			frame := frameOf(data)
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(frame); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzReadObject(f *testing.F) {
	vectors := readPayloads(f)
	for _, c := range vectors.Unaltered {
		f.Add(frameOf(c.Data))
	}
	for _, c := range vectors.Refused {
		f.Add(frameOf(c.Data))
	}
	for _, c := range readVectors[frameVector](f, "frames.json") {
		f.Add([]byte(c.Frame))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > 10_000 {
			return // too deep for encoding/json
		}
		members := map[string]Member{}
		err := eachMember(text, func(name string, m Member) { members[name] = m })
		if got, want := !errors.Is(err, errNotJSON), json.Valid(text); got != want {
			t.Fatalf("%q: it takes it for JSON: %v, %v", text, got, err)
		}
		if isPayload(text) && !json.Valid(text) {
			t.Fatalf("%q is a payload", text)
		}
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(text, &want) == nil && want != nil
		if isObject != (err == nil) {
			t.Fatalf("%q: it takes it for an object: %v", text, err)
		}
		if !isObject {
			return
		}
		got := map[string]json.RawMessage{}
		for name, member := range members {
			got[name] = member.Text
			var value any
			if err := json.Unmarshal(member.Text, &value); err != nil {
				continue // a number that no float holds
			}
			if depth := depthOf(value); depth > member.Depth || !json.Valid(member.Text) {
				t.Errorf("%q: %s is nested %d deep, not %d", text, member.Text, depth, member.Depth)
			}
			if s, ok := member.AsString(); ok != (reflect.TypeOf(value) == reflect.TypeFor[string]()) || (ok && s != value) {
				t.Errorf("%q: %s is the string %q", text, member.Text, s)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}

// depthOf is how deep a value is nested. It may be less than its text: of keys with the same name one counts.
func depthOf(value any) (depth int) {
	inner := func(value any) { depth = max(depth, 1+depthOf(value)) }
	switch value := value.(type) {
	case []any:
		depth = 1
		for _, element := range value {
			inner(element)
		}
	case map[string]any:
		depth = 1
		for _, element := range value {
			inner(element)
		}
	}
	return depth
}
