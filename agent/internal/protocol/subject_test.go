package protocol

import (
	"regexp"
	"strings"
	"testing"
)

// The grammar again, as slow and plain as it can be written.
var token = regexp.MustCompile(`\A[!-)+-\-/-=?-~]{1,64}\z`)

func isSubjectPlainly(s string) bool {
	tokens := strings.Split(s, ".")
	for _, t := range tokens {
		if !token.MatchString(t) {
			return false
		}
	}
	return len(s) <= 255 && len(tokens) <= 16
}

func TestIsSubjectOfHugeInput(t *testing.T) {
	for _, piece := range []string{"a", ".", "a.", "\x00", "\xff", "é"} {
		if IsSubject(strings.Repeat(piece, 1<<20)) {
			t.Errorf("1 MiB of %q is a subject", piece)
		}
	}
}

func FuzzIsSubject(f *testing.F) {
	for _, c := range readVectors[subjectVector](f, "subjects.json") {
		f.Add(c.Input)
	}
	f.Add("\xff.a")
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := IsSubject(s), isSubjectPlainly(s); got != want {
			t.Errorf("IsSubject(%q) = %v", s, got)
		}
	})
}
