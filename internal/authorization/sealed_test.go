package authorization_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/errdefs"
)

// mac is HMAC-SHA256 under the text as key.
type mac string

func (m mac) Sum(data []byte) (out [32]byte) {
	h := hmac.New(sha256.New, []byte(m))
	h.Write(data)
	h.Sum(out[:0])
	return out
}

func (m mac) Check(data, code []byte) bool {
	want := m.Sum(data)
	return hmac.Equal(want[:], code)
}

func full() authorization.Request {
	return authorization.Request{
		Client: "legacy:id/with+odd chars", RedirectURI: "https://app.example/cb?x=1&y=<2>", RedirectURIGiven: true, ResponseMode: "fragment",
		State: "s \"\\ \u2028 ü", Scopes: []string{"openid", "a:b"}, Audiences: []string{"https://orders.example"}, Nonce: "n",
		CodeChallenge: strings.Repeat("c", 43), Prompt: []string{"login", "consent"}, MaxAge: -1, LoginHint: "ada@acme.example",
		HintedUser: ada, ACRValues: []string{"x"}, Connector: "google", Organization: "acme", ArrivedAt: arrival,
	}.WithAccount(here).WithTenant(here, acme.ID).WithConsent(here)
}

func seal(t testing.TB, r authorization.Request) string {
	t.Helper()
	s, err := r.Seal(mac("k"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASealedRequestOpensAsItWas(t *testing.T) {
	t.Parallel()
	for _, r := range []authorization.Request{full(), {ArrivedAt: arrival}} {
		if got, err := authorization.Open(seal(t, r), mac("k"), arrival); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("opened as\n%+v, %v\nwant\n%+v", got, err, r)
		}
	}
}

// Every field has to travel: one that were forgotten would be decided anew from nothing.
func TestTheFullExampleLeavesNoFieldOfARequestEmpty(t *testing.T) {
	t.Parallel()
	for _, v := range []reflect.Value{reflect.ValueOf(full()), reflect.ValueOf(full().Settled)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s is empty", v.Type().Field(i).Name)
			}
		}
	}
}

func TestAnyChangedByteOfASealedRequestIsRefused(t *testing.T) {
	t.Parallel()
	good := seal(t, full())
	check := func(what, s string) {
		t.Helper()
		if r, err := authorization.Open(s, mac("k"), arrival); !errors.Is(err, errdefs.ErrInvalid) || !reflect.DeepEqual(r, authorization.Request{}) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range len(good) {
		for _, b := range []byte{good[i] ^ 1, '\n', '.', '=', 'A', 0xff} {
			if b != good[i] {
				check("changed", good[:i]+string([]byte{b})+good[i+1:])
			}
		}
		check("shortened", good[:i])
		for _, more := range []string{"\n", "\r", "=", " ", "A"} {
			check("grown by "+more, good[:i]+more+good[i:])
		}
	}
	for _, more := range []string{"\n", "=", ".", "A", "\x00"} {
		check("a tail", good+more)
	}
	if _, err := authorization.Open(good, mac("another"), arrival); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("opened under another key: %v", err)
	}
}

func TestASealedRequestExpires(t *testing.T) {
	t.Parallel()
	s := seal(t, full())
	for age, ok := range map[time.Duration]bool{
		0: true, authorization.Lifetime: true, authorization.Lifetime + 1: false, -time.Minute: true, -time.Minute - 1: false,
	} {
		if _, err := authorization.Open(s, mac("k"), arrival.Add(age)); (err == nil) != ok {
			t.Errorf("at the age of %v: %v", age, err)
		}
	}
}

func TestARequestThatNoURLHoldsIsNotSealed(t *testing.T) {
	t.Parallel()
	r := full()
	r.State = strings.Repeat("x", authorization.MaxSealed)
	if _, err := r.Seal(mac("k")); !errors.Is(err, errdefs.ErrInvalid) {
		t.Errorf("sealed: %v", err)
	}
}

func TestWhatIsGenuineButNoRequestIsRefused(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "[]", `"x"`, "{}", `{"t":"yesterday"}`, `{"t":"2026-11-21T12:00:00Z","hu":"ten_01h455vb4pex5vsknk084sn02q"}`} {
		code := mac("k").Sum([]byte(body))
		b64 := base64.RawURLEncoding
		if _, err := authorization.Open(b64.EncodeToString([]byte(body))+"."+b64.EncodeToString(code[:]), mac("k"), arrival); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func FuzzSealedRequest(f *testing.F) {
	f.Add("state", "nonce", "https://app.example/cb", int64(-1), 3, byte('\n'))
	f.Add("", "", "", int64(0), 0, byte(0))
	f.Add("\u2028<&>", `"\`, "com.example:/cb", int64(1<<40), 70, byte('.'))
	f.Fuzz(func(t *testing.T, state, nonce, uri string, maxAge int64, at int, b byte) {
		if !utf8.ValidString(state) || !utf8.ValidString(nonce) || !utf8.ValidString(uri) {
			t.Skip("forms hold valid UTF-8 only")
		}
		r := authorization.Request{State: state, Nonce: nonce, RedirectURI: uri, MaxAge: maxAge, ArrivedAt: arrival}
		s, err := r.Seal(mac("k"))
		if err != nil {
			if !errors.Is(err, errdefs.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if got, err := authorization.Open(s, mac("k"), arrival); err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("%+v opened as %+v, %v", r, got, err)
		}
		i := int(uint(at) % uint(len(s)))
		if s[i] == b {
			return
		}
		if _, err := authorization.Open(s[:i]+string([]byte{b})+s[i+1:], mac("k"), arrival); err == nil {
			t.Fatalf("opened with byte %d as %#x", i, b)
		}
		if _, err := authorization.Open(s[:i]+string([]byte{b})+s[i:], mac("k"), arrival); err == nil {
			t.Fatalf("opened with %#x put in at %d", b, i)
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add(seal(f, full()))
	f.Add(".")
	f.Add("e30.AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := authorization.Open(s, mac("k"), arrival)
		if err != nil {
			if !errors.Is(err, errdefs.ErrInvalid) || !reflect.DeepEqual(r, authorization.Request{}) {
				t.Fatalf("%q: %+v, %v", s, r, err)
			}
			return
		}
		if again := seal(t, r); again != s {
			t.Fatalf("%q opened as what seals to %q", s, again)
		}
	})
}
