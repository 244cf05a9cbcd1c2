package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep the arrays and objects of one member's value may be nested. Every JSON parser can follow so far.
const MaxDepth = 512

// Member is one member of a JSON object. The zero Member stands for one that is missing.
type Member struct {
	Text  json.RawMessage // its value as it was spelled; it shares memory with the object's text
	Depth int             // how deep that is nested; 0: neither an array nor an object
}

var (
	errNotJSON   = errors.New("not JSON")
	errNotObject = errors.New("not a JSON object")
)

// ReadObject returns the members of the object that text is and that have one of the names; of members with the same name
// the last. It makes no values. So the spelling of numbers, the order of keys, duplicate keys and escapes survive:
// docs/PROTOCOL.md "Payloads". Other members cost no memory, however many there are.
func ReadObject(text []byte, names ...string) (map[string]Member, error) {
	members := make(map[string]Member, len(names))
	err := eachMember(text, func(name string, m Member) {
		if slices.Contains(names, name) {
			members[name] = m
		}
	})
	return members, err
}

// eachMember visits the members of the object that text is, in their order. It may have visited some before an error.
func eachMember(text []byte, visit func(name string, m Member)) error {
	s := scanner{text: text}
	s.skipSpace()
	if s.next() != '{' {
		if s.skipValue() && s.atEnd() {
			return errNotObject
		}
		return errNotJSON
	}
	s.take('{')
	for first := true; ; first = false {
		s.skipSpace()
		if first && s.take('}') {
			break
		}
		name, ok := s.skipName()
		start := s.at
		if !ok || !s.skipValue() {
			return errNotJSON
		}
		visit(unquote(name), Member{Text: json.RawMessage(text[start:s.at]), Depth: s.depth})
		s.skipSpace()
		if s.take('}') {
			break
		}
		if !s.take(',') {
			return errNotJSON
		}
	}
	if !s.atEnd() {
		return errNotJSON
	}
	return nil
}

// AsString returns the string that the member is. It is false if the member is missing or another value.
func (m Member) AsString() (string, bool) {
	if len(m.Text) == 0 || m.Text[0] != '"' {
		return "", false
	}
	return unquote(m.Text), true
}

// AsStrings returns the strings of the array that the member is. It is false if the member is missing or another value, or
// if an element is.
func (m Member) AsStrings() ([]string, bool) {
	s := scanner{text: m.Text}
	if !s.take('[') {
		return nil, false
	}
	var all []string
	for {
		s.skipSpace()
		if s.take(']') {
			return all, true
		}
		start := s.at
		if !s.skipString() {
			return nil, false
		}
		all = append(all, unquote(m.Text[start:s.at]))
		s.skipSpace()
		s.take(',')
	}
}

// AsNumber returns the number that the member is, or ±Inf if a float cannot hold it. It is false if the member is missing or
// another value.
func (m Member) AsNumber() (float64, bool) {
	if len(m.Text) == 0 || (m.Text[0] != '-' && !isDigit(m.Text[0])) {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(m.Text), 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}

// maxSafeInteger is the largest integer that every JSON implementation represents exactly.
const maxSafeInteger = 1<<53 - 1

// AsInteger returns the integer that the member is, in any notation of JSON such as 1e3, within ±(2^53-1).
func (m Member) AsInteger() (int64, bool) {
	f, ok := m.AsNumber()
	if !ok || f != math.Trunc(f) || math.Abs(f) > maxSafeInteger {
		return 0, false
	}
	return int64(f), true
}

// isPayload reports whether text may be the data of a frame.
func isPayload(text []byte) bool {
	s := scanner{text: text}
	s.skipSpace()
	return s.skipValue() && s.depth <= MaxDepth && s.atEnd()
}

// unquote returns the value of a string that a scanner has passed. What is not UTF-8, and half of a surrogate pair, becomes
// U+FFFD. encoding/json's decoder would do it too, and make the agent 86 kB larger.
func unquote(text []byte) string {
	rest := text[1 : len(text)-1]
	if bytes.IndexByte(rest, '\\') < 0 && utf8.Valid(rest) {
		return string(rest)
	}
	value := make([]byte, 0, len(rest))
	for len(rest) > 0 {
		if rest[0] != '\\' {
			r, length := utf8.DecodeRune(rest)
			value, rest = utf8.AppendRune(value, r), rest[length:]
			continue
		}
		if r, ok := escapedRune(rest); ok {
			rest = rest[6:]
			if low, ok := escapedRune(rest); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
				r, rest = utf16.DecodeRune(r, low), rest[6:]
			}
			value = utf8.AppendRune(value, r)
			continue
		}
		c := rest[1]
		if i := strings.IndexByte("bfnrt", c); i >= 0 {
			c = "\b\f\n\r\t"[i]
		}
		value, rest = append(value, c), rest[2:]
	}
	return string(value)
}

// escapedRune is the number in an escape like \u00e9 that text begins with. It is false if text begins with anything else.
func escapedRune(text []byte) (rune, bool) {
	if !bytes.HasPrefix(text, []byte(`\u`)) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

type scanner struct {
	text  []byte
	at    int
	depth int // how deep the value was nested that was skipped last
}

// next is the byte that comes next. It is 0 at the end, which is no byte of JSON outside of a string either.
func (s *scanner) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// take moves past c if it comes next.
func (s *scanner) take(c byte) bool {
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) skipSpace() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\n', '\r', '\t':
			s.at++
		default:
			return
		}
	}
}

// atEnd reports whether nothing but white space is left.
func (s *scanner) atEnd() bool {
	s.skipSpace()
	return s.at == len(s.text)
}

// skipString moves past a string. It is false if none comes next.
func (s *scanner) skipString() bool {
	if !s.take('"') {
		return false
	}
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"':
			return true
		case c < ' ':
			return false
		case c == '\\' && !s.skipEscape():
			return false
		}
	}
	return false
}

// skipEscape moves past the part of an escape that follows the backslash.
func (s *scanner) skipEscape() bool {
	switch s.next() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return true
	case 'u':
		s.at++
		for range 4 {
			if !isHex(s.next()) {
				return false
			}
			s.at++
		}
		return true
	}
	return false
}

// skipScalar moves past true, false, null or a number. It is false if none comes next.
func (s *scanner) skipScalar() bool {
	switch s.next() {
	case 't':
		return s.skipLiteral("true")
	case 'f':
		return s.skipLiteral("false")
	case 'n':
		return s.skipLiteral("null")
	}
	s.take('-')
	if !s.take('0') && !s.skipDigits() {
		return false
	}
	if s.take('.') && !s.skipDigits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.skipDigits()
	}
	return true
}

func (s *scanner) skipLiteral(literal string) bool {
	if !bytes.HasPrefix(s.text[s.at:], []byte(literal)) {
		return false
	}
	s.at += len(literal)
	return true
}

func (s *scanner) skipDigits() bool {
	start := s.at
	for isDigit(s.next()) {
		s.at++
	}
	return s.at > start
}

// skipValue moves past a value. It is false if none comes next. It keeps its own stack, so no nesting is too deep for it.
func (s *scanner) skipValue() bool {
	var few [64]byte // the usual nesting costs no memory
	open := few[:0]  // what closes the arrays and objects that are open
	s.depth = 0
	for {
		switch c := s.next(); c {
		case '{', '[':
			s.at++
			open = append(open, c+2) // ']' and '}' come two after '[' and '{'
			s.depth = max(s.depth, len(open))
			s.skipSpace()
			if s.next() == c+2 {
				break // it is empty; it ends below
			}
			if c == '{' {
				if _, ok := s.skipName(); !ok {
					return false
				}
			}
			continue
		case '"':
			if !s.skipString() {
				return false
			}
		default:
			if !s.skipScalar() {
				return false
			}
		}
		// A value has ended, or an empty one is about to; so may those around it.
		for {
			if len(open) == 0 {
				return true
			}
			innermost := open[len(open)-1]
			s.skipSpace()
			if s.take(innermost) {
				open = open[:len(open)-1]
				continue
			}
			if !s.take(',') {
				return false
			}
			s.skipSpace()
			if innermost == '}' {
				if _, ok := s.skipName(); !ok {
					return false
				}
			}
			break
		}
	}
}

// skipName moves past a member's name and its colon, to its value. It returns the name as it is spelled.
func (s *scanner) skipName() (name []byte, ok bool) {
	start := s.at
	if !s.skipString() {
		return nil, false
	}
	name = s.text[start:s.at]
	s.skipSpace()
	if !s.take(':') {
		return nil, false
	}
	s.skipSpace()
	return name, true
}
