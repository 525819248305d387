package password

import (
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/secret"
)

func BenchmarkVerifyWithTheDefaults(b *testing.B) {
	h := newHasher(b, Config{})
	for b.Loop() {
		if err := h.VerifyNone(b.Context(), secret.New("correct horse battery")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckOfTheLongestPassword(b *testing.B) {
	rules := newRules(b, RulesConfig{Service: []string{"Signet"}})
	longest := secret.New(strings.Repeat("tangerine lamp orbit ", 12))
	for b.Loop() {
		_ = rules.Check(longest, alice())
	}
}
