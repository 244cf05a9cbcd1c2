package protocol

const (
	maxSubjectBytes  = 255
	maxSubjectTokens = 16
	maxTokenBytes    = 64
)

// IsSubject reports whether s is a subject: 1 to 16 tokens joined by '.', at most 255 bytes, each token 1 to 64
// characters of '!' to '~' except '.', '*' and '>'. It is defined for every string, valid UTF-8 or not.
func IsSubject(s string) bool {
	if len(s) > maxSubjectBytes {
		return false
	}
	tokens, length := 1, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if length == 0 {
				return false
			}
			tokens++
			length = 0
		case c < '!' || c > '~' || c == '*' || c == '>':
			return false
		default:
			length++
			if length > maxTokenBytes {
				return false
			}
		}
	}
	return length > 0 && tokens <= maxSubjectTokens
}
