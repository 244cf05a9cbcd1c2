package identity

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// longestTokenText is the most that is read of a file with an enrolment token, in bytes.
const longestTokenText = 16 << 10

var errIncomplete = errors.New("there is no token in the text yet")

// tokenInText returns the first line of a text that is not blank, without the marks that editors, shells and Windows add: a
// byte order mark, UTF-16, line ends, white space, and quotes around it. It returns errIncomplete if that line may go on,
// or may be still to come.
func tokenInText(text []byte, ended bool) (string, error) {
	text = toUTF8(text)
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole && !ended {
			return "", errIncomplete
		}
		if token := trimQuotes(strings.TrimSpace(string(line))); token != "" {
			return token, nil
		}
		text = rest
	}
	if !ended {
		return "", errIncomplete
	}
	return "", nil
}

// toUTF8 removes a byte order mark and converts UTF-16, which has zero bytes between the letters of a token. Half a letter
// at the end is left out.
func toUTF8(text []byte) []byte {
	bigEndian := bytes.HasPrefix(text, []byte{0xFE, 0xFF}) || len(text) > 1 && text[0] == 0 && text[1] != 0
	littleEndian := bytes.HasPrefix(text, []byte{0xFF, 0xFE}) || len(text) > 1 && text[1] == 0 && text[0] != 0
	if !bigEndian && !littleEndian {
		return bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	}
	units := make([]uint16, 0, len(text)/2)
	for i := 0; i+1 < len(text); i += 2 {
		low, high := text[i], text[i+1]
		if bigEndian {
			low, high = high, low
		}
		units = append(units, uint16(high)<<8|uint16(low))
	}
	if len(units) > 0 && units[0] == 0xFEFF {
		units = units[1:]
	}
	return []byte(string(utf16.Decode(units)))
}

// trimQuotes removes one pair of quotes around a token.
func trimQuotes(token string) string {
	for _, pair := range []string{`""`, "''", "``", "“”", "‘’", "«»"} {
		opening, size := utf8.DecodeRuneInString(pair)
		inner, opens := strings.CutPrefix(token, string(opening))
		inner, closes := strings.CutSuffix(inner, pair[size:])
		if opens && closes {
			return strings.TrimSpace(inner)
		}
	}
	return token
}

// textFault says what is wrong with a text that cannot be a token, as far as it shows. It never repeats the text.
func textFault(text string) error {
	switch {
	case strings.IndexByte(text, 0) >= 0 || strings.HasPrefix(text, "\xFF\xFE") || strings.HasPrefix(text, "\xFE\xFF"):
		return errors.New("it holds zero bytes or is UTF-16; save it as plain text")
	case strings.HasPrefix(text, "\xEF\xBB\xBF"):
		return errors.New("it begins with a byte order mark; save it as plain text without one")
	case !utf8.ValidString(text):
		return errors.New("it is no text in UTF-8")
	case strings.ContainsAny(text, "\r\n"):
		return errors.New("it has several lines, and a token has one")
	case trimQuotes(text) != text || strings.ContainsAny(text, "\"'`“”‘’«»"):
		return errors.New("it holds quotes")
	case len(text) > longestToken:
		return errors.New("it is too long for one")
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return errors.New("it holds spaces or other characters that a token cannot hold")
		}
	}
	return nil
}
