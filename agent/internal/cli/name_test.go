package cli

import (
	"strings"
	"testing"
)

// The cases of manager/src/protocol/names.test.ts.
func TestNames(t *testing.T) {
	for _, name := range []string{
		"edge-7.example <b>&'\"", "Büro", "Bu\u0308ro", "خادم المكتب", "\u200Fخادم\u200E 7", "می\u200Cخواهم", "שָׁלוֹם", "क्\u200Dष", "边缘节点", "เซิร์ฟเวอร์",
		"🖥️", "👩‍👩‍👧‍👦 home", "🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F", "7️⃣", "rack 4  left", strings.Repeat("x", 64), strings.Repeat("🖥", 32),
	} {
		if err := checkName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, reason := range map[string]string{
		"\u200B": "invisible", "\u3164": "invisible", "\uFFA0": "invisible", "edge\u2060-7": "invisible", "edge\u00AD-7": "invisible", "\u2800\u2800": "invisible",
		"\uFEFF": "invisible", "\u200D\u200C": "visible", "\uFE0F": "visible", "\u200F\u200E": "visible", "\u0301": "visible", " ": "visible", "\u00A0": "visible", "\u3000": "visible",
		"edge\u202E7-": "direction", "\u202Bedge": "direction", "\u2066edge\u2069": "direction",
		"edge\u20287": "line breaks", "edge\u20297": "line breaks", "edge\n7": "line breaks", "edge\u00857": "line breaks", "edge\u007F7": "control", "edge\xff7": "UTF-8",
		strings.Repeat("x", 65): "64 characters", strings.Repeat("🖥", 33): "64 characters",
	} {
		if err := checkName(name); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
