package secret_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/secret"
)

func TestNoWayOfPrintingShowsTheSecret(t *testing.T) {
	t.Parallel()
	const value = "tr0ub4dor"
	s := secret.New(value)
	holder := struct {
		Password secret.Text
		Pointer  *secret.Text
	}{s, &s}
	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b", "%!"} {
		printed[verb] = fmt.Sprintf(verb, s)
		printed[verb+" in a struct"] = fmt.Sprintf(verb, holder)
		printed[verb+" in a slice"] = fmt.Sprintf(verb, []secret.Text{s})
	}
	b, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	printed["JSON"] = string(b)
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(h).Info("m", "direct", s, "holder", holder, "slice", []secret.Text{s})
	}
	printed["logs"] = log.String()
	// fmt calls no methods on what unexported fields hold.
	hidden := struct{ password secret.Text }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if text := fmt.Sprintf(verb, hidden); strings.Contains(text, value) {
			t.Errorf("%s of an unexported field: %s", verb, text)
		}
	}
	for way, text := range printed {
		if strings.Contains(text, value) || strings.Contains(text, hex.EncodeToString([]byte(value))) || !strings.Contains(text, "redacted") {
			t.Errorf("%s: %s", way, text)
		}
	}
}

func TestAGeneratedSecretHas256Bits(t *testing.T) {
	t.Parallel()
	a, b := secret.Generate(), secret.Generate()
	if len(a.Reveal()) != 43 || a.Reveal() == b.Reveal() || a.Empty() {
		t.Errorf("generated %q and %q", a.Reveal(), b.Reveal())
	}
}

func TestAHashMatchesItsSecretAlone(t *testing.T) {
	t.Parallel()
	h := secret.New("one").Hash()
	if !h.Matches(secret.New("one")) {
		t.Error("does not match its own secret")
	}
	for _, other := range []string{"", "two", "one ", "One"} {
		if h.Matches(secret.New(other)) {
			t.Errorf("matches %q", other)
		}
	}
}

func TestASecretIsReadFromADocumentAsItStands(t *testing.T) {
	t.Parallel()
	var v struct{ Password secret.Text }
	if err := json.Unmarshal([]byte(`{"Password":" a b "}`), &v); err != nil || v.Password.Reveal() != " a b " {
		t.Errorf("read %q, %v", v.Password.Reveal(), err)
	}
}
