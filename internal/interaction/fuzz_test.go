package interaction

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/authorization"
	"github.com/signet-id/signet/internal/id"
)

type fuzzMAC string

func (m fuzzMAC) Sum(data []byte) [32]byte {
	h := hmac.New(sha256.New, []byte(m))
	h.Write(data)
	return [32]byte(h.Sum(nil))
}

func (m fuzzMAC) Check(data, code []byte) bool {
	sum := m.Sum(data)
	return hmac.Equal(sum[:], code)
}

func fuzzed() *Interaction {
	now := time.Unix(1_800_000_000, 0)
	return &Interaction{
		Config:  Config{DeviceMAC: fuzzMAC("device"), LogoutMAC: fuzzMAC("logout"), Now: func() time.Time { return now }},
		cookies: cookiesFor(&url.URL{Scheme: "https", Host: "id.example"}),
	}
}

func FuzzCookieHeader(f *testing.F) {
	i := fuzzed()
	user := id.NewUser(i.Now())
	for _, seed := range []string{"", "__Host-signet=x", "__Host-signet-device=a.b", "__Host-signet-device=....", `__Host-signet="q"; =;`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Header: http.Header{"Cookie": {header}}}
		if s := i.cookies.sessionToken(r); !s.Empty() && len(s.Reveal()) != tokenLength {
			t.Fatalf("%q yields a token", header)
		}
		if i.knownTo(i.device(r), user) != "" {
			t.Fatalf("%q makes a known device", header)
		}
	})
}

func FuzzSealedLogout(f *testing.F) {
	i := fuzzed()
	good, err := i.sealLogout(authorization.Logout{Client: "c", RedirectURI: "https://app.example/"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, "", ".", good[1:], good + "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := i.openLogout(s); err == nil && s != good {
			t.Fatalf("%q was accepted", s)
		}
	})
}
