package cli

import (
	"errors"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// checkName returns the reason why a manager refuses the name of a host. Its counterpart is manager/src/protocol/names.ts.
func checkName(name string) error {
	visible := false
	for _, r := range name {
		switch {
		case unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp), r == utf8.RuneError && !utf8.ValidString(name):
			return errors.New("--name must not contain control characters or line breaks")
		case '\u202A' <= r && r <= '\u202E', '\u2066' <= r && r <= '\u2069':
			return errors.New("--name must not contain characters that change the direction of text")
		case isHidden(r):
			return errors.New("--name must not contain invisible characters")
		}
		visible = visible || unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S, unicode.Co) && !isIgnorable(r) && r != '\u2800'
	}
	switch {
	case !visible:
		return errors.New("--name must contain a visible character")
	case len(utf16.Encode([]rune(name))) > 64: // the manager counts so
		return errors.New("--name must have 1 to 64 characters")
	}
	return nil
}

// isHidden is true for invisible characters, except those that letters and emoji need: joiners, marks of direction,
// variation selectors and tags.
func isHidden(r rune) bool {
	switch {
	case unicode.In(r, unicode.Join_Control, unicode.Variation_Selector, unicode.Bidi_Control), 0xE0020 <= r && r <= 0xE007F, r == 0x034F:
		return false
	case r == 0x2800, 0xFFF9 <= r && r <= 0xFFFB:
		return true
	}
	return isIgnorable(r)
}

// isIgnorable is Unicode's Default_Ignorable_Code_Point, which package unicode has in parts only.
func isIgnorable(r rune) bool {
	if !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Cf, unicode.Variation_Selector) {
		return false
	}
	excepted := 0xFFF9 <= r && r <= 0xFFFB || 0x13430 <= r && r <= 0x13440
	return !excepted && !unicode.In(r, unicode.White_Space, unicode.Prepended_Concatenation_Mark)
}
