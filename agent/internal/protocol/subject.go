package protocol

import "strings"

const (
	maxSubjectBytes  = 255
	maxSubjectTokens = 16
	maxTokenBytes    = 64
)

// IsSubject reports whether s is a subject: 1 to 16 tokens joined by '.', at most 255 bytes, each token 1 to 64
// characters of '!' to '~' except '.', '*' and '>'. It is defined for every string, valid UTF-8 or not.
func IsSubject(s string) bool {
	return isJoined(s, func(token string, _ bool) bool { return isToken(token) })
}

// IsPattern reports whether s is a pattern: a subject in which tokens may be "*", and the last one ">".
func IsPattern(s string) bool {
	return isJoined(s, func(token string, last bool) bool {
		return token == "*" || (token == ">" && last) || isToken(token)
	})
}

// Matches reports whether a pattern covers a subject: "*" stands for one token, a last ">" for one or more. It is false
// if the pattern or the subject is not valid.
func Matches(pattern, subject string) bool {
	if !IsPattern(pattern) || !IsSubject(subject) {
		return false
	}
	for {
		want, patternRest, patternGoesOn := strings.Cut(pattern, ".")
		got, subjectRest, subjectGoesOn := strings.Cut(subject, ".")
		switch {
		case want == ">":
			return true
		case want != "*" && want != got, patternGoesOn != subjectGoesOn:
			return false
		case !patternGoesOn:
			return true
		}
		pattern, subject = patternRest, subjectRest
	}
}

// Inbox is the subject of an answer on one connection. docs/PROTOCOL.md "Request and reply".
func Inbox(connection, token string) string { return "inbox." + connection + "." + token }

func isJoined(s string, isToken func(token string, last bool) bool) bool {
	if len(s) > maxSubjectBytes {
		return false
	}
	for range maxSubjectTokens {
		token, rest, goesOn := strings.Cut(s, ".")
		if !isToken(token, !goesOn) {
			return false
		}
		if !goesOn {
			return true
		}
		s = rest
	}
	return false
}

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '.' || c == '*' || c == '>' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxTokenBytes
}
