package id_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestAnIdentifierIsAUUIDv7InsideAndATypeIDOutside(t *testing.T) {
	t.Parallel()
	u := id.NewUser(noon)
	b := u.UUID()
	if b[6]>>4 != 7 || b[8]>>6 != 2 {
		t.Errorf("%x is no UUIDv7 (RFC 9562 §5.7)", b)
	}
	ms := int64(b[0])<<40 | int64(b[1])<<32 | int64(b[2])<<24 | int64(b[3])<<16 | int64(b[4])<<8 | int64(b[5])
	if ms != noon.UnixMilli() {
		t.Errorf("time part is %d, want %d", ms, noon.UnixMilli())
	}
	if s := u.String(); !strings.HasPrefix(s, "usr_") || len(s) != 30 {
		t.Errorf("text form is %q", s)
	}
	if u == id.NewUser(noon) {
		t.Error("two identifiers of one moment are equal")
	}
}

// The TypeID specification gives this pair of forms.
func TestTheTextFormIsThatOfTheTypeIDSpecification(t *testing.T) {
	t.Parallel()
	uuid := [16]byte{0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57}
	const text = "usr_01h455vb4pex5vsknk084sn02q"
	if got := id.UserFromUUID(uuid).String(); got != text {
		t.Errorf("printed %q, want %q", got, text)
	}
	if got, err := id.ParseUser(text); err != nil || got.UUID() != uuid {
		t.Errorf("parsed %x, %v", got.UUID(), err)
	}
}

func TestIdentifiersOfLaterMomentsSortLater(t *testing.T) {
	t.Parallel()
	a, b := id.NewGrant(noon), id.NewGrant(noon.Add(time.Millisecond))
	if a.String() >= b.String() {
		t.Errorf("%s does not sort before %s", a, b)
	}
}

func TestOnlyTheCanonicalTextOfTheRightKindParses(t *testing.T) {
	t.Parallel()
	good := id.UserFromUUID([16]byte{1: 1}).String()
	for name, s := range map[string]string{
		"empty":                        "",
		"another kind":                 "ten_" + good[4:],
		"no prefix":                    good[4:],
		"no underscore":                "usr" + good[4:],
		"upper case":                   strings.ToUpper(good),
		"upper case after the prefix":  "usr_" + strings.ToUpper(good[4:27]) + "ABC",
		"one character short":          good[:29],
		"one character long":           good + "0",
		"none, written out":            "usr_00000000000000000000000000",
		"more than 128 bits":           "usr_8" + good[5:],
		"a letter Crockford left out":  good[:29] + "u",
		"l, which is not read as 1":    good[:29] + "l",
		"a space in front":             " " + good,
		"a line break behind":          good + "\n",
		"a character beyond ASCII":     good[:28] + "é",
		"a UUID in its usual notation": "usr_01890a5d-ac96-774b-bcce-b302099a8057",
	} {
		if v, err := id.ParseUser(s); !errors.Is(err, errdefs.ErrInvalid) || !v.IsZero() {
			t.Errorf("%s: %q parsed as %v, %v", name, s, v, err)
		}
	}
}

func TestNoneIsTheEmptyTextInDocuments(t *testing.T) {
	t.Parallel()
	type document struct{ User id.User }
	in := document{id.NewUser(noon)}
	for _, d := range []document{{}, in} {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		out := in
		if err := json.Unmarshal(b, &out); err != nil || out != d {
			t.Errorf("%s read back as %v, %v", b, out, err)
		}
	}
	out := in
	if err := json.Unmarshal([]byte(`{"User":"ten_01h455vb4pex5vsknk084sn02q"}`), &out); err == nil || out != in {
		t.Errorf("a tenant passed for a user: %v, %v", out, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"usr_01h455vb4pex5vsknk084sn02q", "usr_7zzzzzzzzzzzzzzzzzzzzzzzzz", "usr_8zzzzzzzzzzzzzzzzzzzzzzzzz",
		"usr_00000000000000000000000000", "ten_01h455vb4pex5vsknk084sn02q", "usr_", "", "usr_01H455VB4PEX5VSKNK084SN02Q",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := id.ParseUser(s)
		if err != nil {
			if !errors.Is(err, errdefs.ErrInvalid) || !v.IsZero() {
				t.Fatalf("%q: %v, %v", s, v, err)
			}
			return
		}
		if v.IsZero() {
			t.Fatalf("%q is none and must not parse", s)
		}
		if v.String() != s {
			t.Fatalf("%q parsed to what prints as %q", s, v)
		}
		if _, err := id.ParseTenant(s); err == nil {
			t.Fatalf("%q is both a user and a tenant", s)
		}
	})
}
