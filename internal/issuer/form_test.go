package issuer

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/client"
)

func basic(raw string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(raw)) }

func TestBasicCredentialsAreFormDecodedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ header, id, secret string }{
		"plain":                            {basic("web:s3cret"), "web", "s3cret"},
		"scheme in another case":           {"bAsIc" + basic("web:s3cret")[5:], "web", "s3cret"},
		"space around":                     {"Basic  " + basic("web:s3cret")[6:] + " ", "web", "s3cret"},
		"an encoded colon in the id":       {basic("legacy%3Aid%2Fwith%2Bodd+chars:x"), "legacy:id/with+odd chars", "x"},
		"a plain colon in the secret":      {basic("web:a:b"), "web", "a:b"},
		"an encoded percent in the secret": {basic("web:100%2525"), "web", "100%25"},
		"an empty secret":                  {basic("web:"), "web", ""},
	} {
		got, err := parseBasic(c.header)
		if err != nil || got.id != client.ID(c.id) || got.secret.Reveal() != c.secret || got.method != client.AuthBasic {
			t.Errorf("%s: %q, %q, %v", name, got.id, got.secret.Reveal(), err)
		}
	}
	for name, header := range map[string]string{
		"empty":                     "",
		"the scheme alone":          "Basic",
		"nothing behind the scheme": "Basic ",
		"another scheme":            "Bearer " + basic("web:x")[6:],
		"no base64":                 "Basic ???",
		"unpadded base64":           "Basic d2ViOng",
		"base64 with loose bits":    "Basic d2ViOnh=",
		"base64url":                 "Basic " + base64.URLEncoding.EncodeToString([]byte("web:\xff\xfe\xfd")),
		"no colon":                  basic("web"),
		"no id":                     basic(":x"),
		"a malformed escape":        basic("web:50%"),
		"a malformed escape in id":  basic("we%zzb:x"),
		"invalid UTF-8 in the id":   basic("we\xffb:x"),
		"a NUL in the id":           basic("we%00b:x"),
		"too long":                  basic("web:" + strings.Repeat("x", maxValueBytes)),
	} {
		if got, err := parseBasic(header); err == nil {
			t.Errorf("%s: %q", name, got.id)
		} else if e, _ := protocolError(err); e.code != "invalid_client" {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func FuzzParseBasic(f *testing.F) {
	for _, s := range []string{"web:s3cret", "legacy%3Aid%2Fwith%2Bodd+chars:x", "a:b:c", ":", "a%00:b", "%:", "a+b:c+d", "é:ü"} {
		f.Add(basic(s))
	}
	f.Add("Basic ")
	f.Add("Bearer x")
	f.Fuzz(func(t *testing.T, header string) {
		got, err := parseBasic(header)
		if err != nil {
			if e, expected := protocolError(err); !expected || e.code != "invalid_client" || got != (credentials{}) {
				t.Fatalf("%q: %v", header, err)
			}
			return
		}
		if got.id == "" || !utf8.ValidString(string(got.id)) || strings.ContainsRune(string(got.id), 0) {
			t.Fatalf("%q names %q", header, got.id)
		}
		again, err := parseBasic(basic(url.QueryEscape(string(got.id)) + ":" + url.QueryEscape(got.secret.Reveal())))
		if err != nil || again.id != got.id || again.secret.Reveal() != got.secret.Reveal() {
			t.Fatalf("%q names %q, which encoded names %q, %v", header, got.id, again.id, err)
		}
	})
}

// What a request says decides alone: nothing of it is read in two ways.
func TestOneRequestAuthenticatesInOneWay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		headers []string
		form    url.Values
		code    string // of the error
		want    client.AuthMethod
	}{
		"header alone":               {[]string{basic("web:x")}, url.Values{}, "", client.AuthBasic},
		"header and the same id":     {[]string{basic("web:x")}, url.Values{"client_id": {"web"}}, "", client.AuthBasic},
		"header and another id":      {[]string{basic("web:x")}, url.Values{"client_id": {"spa"}}, "invalid_request", ""},
		"header and a body secret":   {[]string{basic("web:x")}, url.Values{"client_secret": {"x"}}, "invalid_request", ""},
		"header and an empty secret": {[]string{basic("web:x")}, url.Values{"client_secret": {""}}, "invalid_request", ""},
		"two headers":                {[]string{basic("web:x"), basic("web:x")}, url.Values{}, "invalid_request", ""},
		"a bearer token":             {[]string{"Bearer x"}, url.Values{"client_id": {"web"}}, "invalid_client", ""},
		"body secret":                {nil, url.Values{"client_id": {"web"}, "client_secret": {"x"}}, "", client.AuthPost},
		"id alone":                   {nil, url.Values{"client_id": {"spa"}}, "", client.AuthNone},
		"nothing":                    {nil, url.Values{}, "invalid_client", ""},
	} {
		r := httptest.NewRequest(http.MethodPost, "/token", nil)
		r.Header["Authorization"] = c.headers
		if c.headers == nil {
			r.Header.Del("Authorization")
		}
		got, err := readCredentials(r, c.form)
		code := ""
		if err != nil {
			e, _ := protocolError(err)
			code = e.code
		}
		if code != c.code || got.method != c.want {
			t.Errorf("%s: %q, %v", name, code, got.method)
		}
	}
}

func FuzzQueryForm(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "a=1&a=2", "resource=x&resource=y", "a=%zz", "a;b", "a=%00", "a=%ff", "=", "&&&", "a=+", strings.Repeat("a&", 70)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}}
		form, err := requestForm(nil, r) // no method: GET
		if err == nil {
			err = checkDuplicates(form)
		}
		if err != nil {
			if e, expected := protocolError(err); !expected || e.code != "invalid_request" {
				t.Fatalf("%q: %v", query, err)
			}
			return
		}
		for name, values := range form {
			if len(values) != 1 && name != repeatable {
				t.Fatalf("%q: %q occurs %d times", query, name, len(values))
			}
			for _, v := range append(values, name) {
				if !utf8.ValidString(v) || strings.ContainsRune(v, 0) || v != name && len(v) > maxValueBytes {
					t.Fatalf("%q: %q holds %q", query, name, v)
				}
			}
		}
		if again, err := url.ParseQuery(form.Encode()); err != nil || again.Encode() != form.Encode() {
			t.Fatalf("%q does not survive encoding: %v", query, err)
		}
	})
}

func TestAListIsSplitAtSpacesInOrderAndOnce(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"": nil, " ": nil, "a": {"a"}, " a  b ": {"a", "b"}, "b a b": {"b", "a"}, "a\tb": {"a\tb"},
	} {
		if got := fields(in); !slices.Equal(got, want) {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestAVerifierHas43To128UnreservedCharacters(t *testing.T) {
	t.Parallel()
	// The example of RFC 7636 appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if got, err := challengeOf(verifier); err != nil || got != challenge || !validChallenge(got) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := challengeOf(""); err != nil || got != "" {
		t.Errorf("none: %q, %v", got, err)
	}
	for _, v := range []string{strings.Repeat("a", 128), strings.Repeat("~", 43)} {
		if _, err := challengeOf(v); err != nil {
			t.Errorf("%q: %v", v, err)
		}
	}
	for _, v := range []string{strings.Repeat("a", 42), strings.Repeat("a", 129), strings.Repeat("a", 42) + "+", strings.Repeat("a", 21) + " " + strings.Repeat("a", 21), strings.Repeat("é", 30)} {
		if _, err := challengeOf(v); err == nil {
			t.Errorf("%q passed", v)
		}
	}
	for _, c := range []string{"", challenge + "=", challenge[:42], challenge + "A", challenge + "\n", challenge[:42] + "N", strings.Replace(challenge, "-", "+", 1), challenge[:42] + "\n"} {
		if validChallenge(c) {
			t.Errorf("challenge %q passed", c)
		}
	}
}

func TestADescriptionHoldsTheAllowedCharactersAlone(t *testing.T) {
	t.Parallel()
	for _, hint := range []string{"plain", `a "quote" and \ one`, "line\r\nbreak", "üñí\u2028", "\x00\x7f\xff", strings.Repeat("é", 500)} {
		got := description(errInvalidRequest.hint(hint))
		for _, r := range got {
			if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
				t.Errorf("%q holds %q (RFC 6749 §5.2)", got, r)
			}
		}
		if len(got) > 400 || got == "" {
			t.Errorf("%d bytes", len(got))
		}
	}
}
