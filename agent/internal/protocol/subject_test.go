package protocol

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// The same grammar as a regular expression: slow, but easy to check.
var plainToken = regexp.MustCompile(`\A[!-)+-\-/-=?-~]{1,64}\z`)

func isSubjectPlainly(s string) bool {
	tokens := strings.Split(s, ".")
	for _, t := range tokens {
		if !plainToken.MatchString(t) {
			return false
		}
	}
	return len(s) <= 255 && len(tokens) <= 16
}

func isPatternPlainly(s string) bool {
	tokens := strings.Split(s, ".")
	for i, t := range tokens {
		if t == "*" || (t == ">" && i == len(tokens)-1) {
			tokens[i] = "x"
		}
	}
	return isSubjectPlainly(strings.Join(tokens, "."))
}

// matchesPlainly turns the pattern into a regular expression.
func matchesPlainly(pattern, subject string) bool {
	if !isPatternPlainly(pattern) || !isSubjectPlainly(subject) {
		return false
	}
	tokens := strings.Split(pattern, ".")
	for i, t := range tokens {
		switch t {
		case "*":
			tokens[i] = `[^.]+`
		case ">":
			tokens[i] = `.+`
		default:
			tokens[i] = regexp.QuoteMeta(t)
		}
	}
	return regexp.MustCompile(`\A` + strings.Join(tokens, `\.`) + `\z`).MatchString(subject)
}

func TestMatchesLikeThePlainMatcher(t *testing.T) {
	// There are few tokens, so that many pairs nearly match. Some pieces break the grammar.
	pieces := []string{"a", "a", "b", "ab", "*", "*", ">", "", "a*", "é", "__proto__", "[a]", "$"}
	join := func() string {
		var tokens []string
		for range 1 + rand.IntN(4) {
			tokens = append(tokens, pieces[rand.IntN(len(pieces))])
		}
		return strings.Join(tokens, ".")
	}
	matched := 0
	for range 100_000 {
		pattern, subject := join(), join()
		got := Matches(pattern, subject)
		if want := matchesPlainly(pattern, subject); got != want {
			t.Fatalf("Matches(%q, %q) = %v", pattern, subject, got)
		}
		if got {
			matched++
		}
	}
	if matched < 1000 {
		t.Errorf("only %d pairs matched", matched)
	}
}

func TestHugeInputIsNeitherSubjectNorPattern(t *testing.T) {
	for _, piece := range []string{"a", ".", "a.", "*.", ">", "\x00", "\xff", "é"} {
		huge := strings.Repeat(piece, 1<<20)
		if IsSubject(huge) || IsPattern(huge) || Matches(huge, huge) || Matches(">", huge) || Matches(huge, "a") {
			t.Errorf("1 MiB of %q is a subject or a pattern", piece)
		}
	}
}

func FuzzIsSubject(f *testing.F) {
	for _, c := range readVectors[subjectVector](f, "subjects.json") {
		f.Add(c.Input)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := IsSubject(s), isSubjectPlainly(s); got != want {
			t.Errorf("IsSubject(%q) = %v", s, got)
		}
	})
}

func FuzzIsPattern(f *testing.F) {
	for _, c := range readVectors[patternVector](f, "patterns.json") {
		f.Add(c.Input)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := IsPattern(s), isPatternPlainly(s); got != want {
			t.Errorf("IsPattern(%q) = %v", s, got)
		}
	})
}

func FuzzMatches(f *testing.F) {
	for _, c := range readVectors[matchVector](f, "matches.json") {
		f.Add(c.Pattern, c.Subject)
	}
	f.Fuzz(func(t *testing.T, pattern, subject string) {
		if got, want := Matches(pattern, subject), matchesPlainly(pattern, subject); got != want {
			t.Errorf("Matches(%q, %q) = %v", pattern, subject, got)
		}
	})
}
