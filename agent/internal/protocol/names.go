package protocol

import (
	"errors"
	"unicode"
	"unicode/utf8"
)

// NameFault is the reason why a name is refused; nil if it is valid. docs/PROTOCOL.md "Handshake" has the rules.
func NameFault(name string) error {
	if !utf8.ValidString(name) {
		return errors.New("must be valid UTF-8")
	}
	visible := false
	for _, r := range name {
		switch {
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp):
			return errors.New("must not contain control characters or line breaks")
		case isExplicitDirection(r):
			return errors.New("must not contain characters that change the direction of text")
		case isHidden(r):
			return errors.New("must not contain invisible characters")
		}
		visible = visible || isVisible(r)
	}
	if !visible {
		return errors.New("must contain a visible character")
	}
	return nil
}

// isExplicitDirection reports embeddings, overrides and isolates. They reorder the text around them. Right-to-left scripts
// work without them.
func isExplicitDirection(r rune) bool {
	return (r >= 0x202A && r <= 0x202E) || (r >= 0x2066 && r <= 0x2069)
}

// isHidden reports invisible characters. Joiners, marks of direction, variation selectors and tags are excepted, because
// letters and emoji need them.
func isHidden(r rune) bool {
	isTag := r >= 0xE0020 && r <= 0xE007F
	if isTag || r == 0x034F || unicode.In(r, unicode.Join_Control, unicode.Variation_Selector, unicode.Bidi_Control) {
		return false
	}
	return isIgnorable(r) || r == brailleBlank || isAnnotation(r)
}

// isVisible reports characters that are visible by themselves: no spaces, combining marks or invisible characters. It takes
// a character that is newer than Go's tables for visible: the manager may know it.
func isVisible(r rune) bool {
	return !isIgnorable(r) && r != brailleBlank && !unicode.In(r, unicode.Cc, unicode.Cf, unicode.M, unicode.Z)
}

const brailleBlank = 0x2800

func isAnnotation(r rune) bool { return r >= 0xFFF9 && r <= 0xFFFB }

// isIgnorable is Default_Ignorable_Code_Point, which package unicode lacks, as Unicode derives it.
func isIgnorable(r rune) bool {
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return true
	}
	isHieroglyphFormat := r >= 0x13430 && r <= 0x13440
	return unicode.Is(unicode.Cf, r) && !isAnnotation(r) && !isHieroglyphFormat &&
		!unicode.In(r, unicode.White_Space, unicode.Prepended_Concatenation_Mark)
}
