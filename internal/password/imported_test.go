package password

import (
	"errors"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

const known = "correct horse battery"

// importedHashes are hashes of known, each made by another implementation: libxcrypt (bcrypt,
// SHA-crypt), Python's hashlib (scrypt, PBKDF2), and a WebAssembly build of the reference
// argon2; bare argon2 keys come from the reference's own test vectors.
var importedHashes = map[string]string{
	"argon2i":                  "$argon2i$v=19$m=8192,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$mO4WYoFhPSTzQiqbb2+zV14//I+1mda5tEIuzPs830Y",
	"argon2d":                  "$argon2d$v=19$m=8192,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$TI0ZeKp8zZcKaF8XNKCqyv9MVqYBtrISvJai2FQ4XbM",
	"argon2id":                 "$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$FdL8IRWh6nXNKrRyTIByxITX3JWvjmHo2f6R8bjmFjc",
	"argon2id with four lanes": "$argon2id$v=19$m=16384,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$tpHOvv/3QlhyEKTsbWleEmzFMGq35tjQ",
	"Django argon2":            "argon2$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$FdL8IRWh6nXNKrRyTIByxITX3JWvjmHo2f6R8bjmFjc",
	"LDAP argon2":              "{ARGON2}$argon2id$v=19$m=8192,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$FdL8IRWh6nXNKrRyTIByxITX3JWvjmHo2f6R8bjmFjc",
	"bcrypt 2a":                "$2a$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
	"bcrypt 2b":                "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
	"bcrypt 2y":                "$2y$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
	"Spring bcrypt":            "{bcrypt}$2a$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
	"Django bcrypt":            "bcrypt$$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
	"Django bcrypt_sha256":     "bcrypt_sha256$$2b$05$abcdefghijklmnopqrstuuGcuILa2E37uJs3NexF6McyNsliG6nJW",
	"scrypt":                   "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$xXt6EAFzAOlee5Hgl8R5+kLA6sDARjRcMGtm6fZJsa8",
	"Django scrypt":            "scrypt$1024$djsalt$8$2$khkDHoG/7sN4Gd05sExIb8xGwleWtCVF1Zlkr75bUsMlnE1hezYsV5UqHN+8bkkM26pLsU4ld4aiTIA79pbk3w==",
	"Werkzeug scrypt":          "scrypt:1024:8:2$djsalt$9219031e81bfeec37819dd39b04c486fcc46c25796b42545d59964afbe5b52c3259c4d617b362c57952a1cdfbc6e490cdbaa4bb14e257786a24c803bf696e4df",
	"PBKDF2 sha1":              "$pbkdf2$1200$./8wMTIzNDU2Nzg5YWJjZA$WPhbUicAoP3GYSVjfu5kDRJHrWo",
	"PBKDF2 sha256":            "$pbkdf2-sha256$1200$./8wMTIzNDU2Nzg5YWJjZA$7d8Io0Q.tP3zMbO8wMuefbpALMsVF/K2Ky8XfqC8W/Q",
	"PBKDF2 sha256 in standard base64 (Keycloak)": "$pbkdf2-sha256$1200$+/8wMTIzNDU2Nzg5YWJjZA==$7d8Io0Q+tP3zMbO8wMuefbpALMsVF/K2Ky8XfqC8W/Q=",
	"PBKDF2 sha1 of four blocks (Keycloak)":       "$pbkdf2-sha1$1200$c2FsdHNhbHRzYWx0c2FsdA==$S4zVMvrVLgf/nvA7IppeYIxXae1djChTaXwFIGw1D0neTBvl/3XG9R3UNxE3lwzdLed3XFzek4fna52DQ4P0ag==",
	"PBKDF2 sha256 of two blocks (Keycloak)":      "$pbkdf2-sha256$1200$c2FsdHNhbHRzYWx0c2FsdA==$6Y3RMAND9hT7JY1RooJnUMf9XVQT2MOZPWB4bBHUqtYx6omV+ipKhpAVYB6qpHdBbb6IFPi4eLrcPNhtbN+OVQ==",
	"PBKDF2 sha512":                               "$pbkdf2-sha512$1200$./8wMTIzNDU2Nzg5YWJjZA$U7rX.qSvYrsckYOhPds58oIZ7naLy0pnKIqP6ufaEtw5WwgFu.s1uMp/0N7mfl4AM2RN6A15.29KiTXsYbEv8A",
	"Django pbkdf2_sha1":                          "pbkdf2_sha1$1500$seasalt12345$LyK6lBGmcb3QOP9b6whq/y7c77s=",
	"Django pbkdf2_sha256":                        "pbkdf2_sha256$1500$seasalt12345$LssYcP7s6cc5vnM8ZfKepMTFC21IZflPJvYcKNEUnQ0=",
	"Werkzeug pbkdf2":                             "pbkdf2:sha256:1500$wsalt$410ccdf42ab110691cb9baf15bbd4f219bfc942a2c2a991dfe0180cb7ce6d916",
	"ASP.NET Core Identity v3":                    "AQAAAAIAAAfQAAAAEDAxMjM0NTY3ODlhYmNkZWYS4cDKUaosIvobQaMndv582FjnGGbAgvB4VcCChmPykw==",
	"SHA-crypt 5":                                 "$5$saltstring$Ei5pjI5XWclFQjLDfGOMwlNh9NsZierSPwLy2XgJds6",
	"SHA-crypt 5 with rounds":                     "$5$rounds=1400$saltstring$a677V71O8hTAk2PsPgcAHpa0QbUlI7duWbv3FV47qLC",
	"SHA-crypt 6":                                 "$6$saltstring$dBHc6z5hpSlx63LLGnlt2xpSGH7T2QL7PJTCjPwajfWh/K10OPeGyl0Oe5VoIANbBgC0gNnRFVE.3uO/lesxj/",
	"SHA-crypt 6 with rounds":                     "$6$rounds=1400$saltstring$p9JMFilDFtELZ0vJX2BrZbRV6LG6NJuhtoretXxGsEmC5kpracmPET8btMQqpi3z1uyaxsNmvTFDRaen2wNb70",
	"SHA-crypt 6 as LDAP stores":                  "{CRYPT}$6$saltstring$dBHc6z5hpSlx63LLGnlt2xpSGH7T2QL7PJTCjPwajfWh/K10OPeGyl0Oe5VoIANbBgC0gNnRFVE.3uO/lesxj/",
}

func TestHashesOfOtherSystemsVerifyAndAskForARehash(t *testing.T) {
	t.Parallel()
	h := newHasher(t, light())
	for name, encoded := range importedHashes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := CheckImport(encoded); err != nil {
				t.Fatal(err)
			}
			if got, err := h.Verify(t.Context(), encoded, secret.New(known)); err != nil || got != (Result{true, true}) {
				t.Errorf("right password: got %+v, %v", got, err)
			}
			for _, wrong := range []string{known + "x", known[1:], ""} {
				if got, err := h.Verify(t.Context(), encoded, secret.New(wrong)); err != nil || got != (Result{}) {
					t.Errorf("password %q: got %+v, %v", wrong, got, err)
				}
			}
		})
	}
}

func TestTheArgon2ReferenceVectorsVerify(t *testing.T) {
	t.Parallel()
	h := newHasher(t, light())
	for _, encoded := range []string{
		"$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		if got, err := h.Verify(t.Context(), encoded, secret.New("password")); err != nil || !got.Match {
			t.Errorf("%s: got %+v, %v", encoded, got, err)
		}
	}
}

func TestBcryptReadsTheFirst72BytesAsItsMakersDid(t *testing.T) {
	t.Parallel()
	h := newHasher(t, light())
	// Made by libxcrypt from 80 bytes.
	const encoded = "$2b$05$abcdefghijklmnopqrstuuLkMZtUsVwf9Ptg/wgiNv8ZhtnAHnix."
	digits := strings.Repeat("0123456789", 8)
	for password, want := range map[string]bool{
		digits: true, digits[:72]: true, digits[:72] + "else": true, digits[:71]: false, digits[:71] + "x": false,
	} {
		if got, err := h.Verify(t.Context(), encoded, secret.New(password)); err != nil || got.Match != want {
			t.Errorf("%d bytes: got %+v, %v, want match %v", len(password), got, err, want)
		}
	}
}

func TestAnImportedHashOfBytesThatWereNeverNormalisedVerifies(t *testing.T) {
	t.Parallel()
	h := newHasher(t, light())
	// Made by libxcrypt from "café" composed and "créme" decomposed: no normal form.
	const encoded = "$6$saltstring$zqIDn9hVJgvgHGv3MMHIuSThY1BYPlHMknIqVq6FctcpED1nklyHsIg9fPS9xJhvUPWbJAaR98LCg.gJW.7Vk0"
	if got, err := h.Verify(t.Context(), encoded, secret.New("caf\u00e9 cre\u0301me")); err != nil || got != (Result{true, true}) {
		t.Errorf("as sent: got %+v, %v", got, err)
	}
	if got, err := h.Verify(t.Context(), encoded, secret.New("caf\u00e9 cr\u00e9me")); err != nil || got.Match {
		t.Errorf("in a form the old system never saw: got %+v, %v", got, err)
	}
}

func TestHashesThatCannotBeTrustedOrAffordedAreRefusedOnImport(t *testing.T) {
	t.Parallel()
	const salt, key = "c2FsdHNhbHRzYWx0c2FsdA", "FdL8IRWh6nXNKrRyTIByxITX3JWvjmHo2f6R8bjmFjc"
	const b53 = "abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo."
	for name, encoded := range map[string]string{
		"nothing":                         "",
		"plain text":                      "hunter2",
		"md5-crypt":                       "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/",
		"argon2 above 256 MiB":            "$argon2id$v=19$m=262145,t=1,p=1$" + salt + "$" + key,
		"argon2 with too many passes":     "$argon2id$v=19$m=65536,t=17,p=1$" + salt + "$" + key,
		"argon2 with passes that wrap":    "$argon2id$v=19$m=8192,t=4294967296,p=1$" + salt + "$" + key,
		"argon2 with no pass":             "$argon2id$v=19$m=8192,t=0,p=1$" + salt + "$" + key,
		"argon2 with no lane":             "$argon2id$v=19$m=8192,t=1,p=0$" + salt + "$" + key,
		"argon2 with 257 lanes":           "$argon2id$v=19$m=8192,t=1,p=257$" + salt + "$" + key,
		"argon2 of the old version":       "$argon2id$v=16$m=8192,t=2,p=1$" + salt + "$" + key,
		"argon2 without a version":        "$argon2id$m=8192,t=2,p=1$" + salt + "$" + key,
		"argon2 with a parameter twice":   "$argon2id$v=19$m=8192,t=2,p=1,t=2$" + salt + "$" + key,
		"argon2 with an unknown one":      "$argon2id$v=19$m=8192,t=2,p=1,data=1$" + salt + "$" + key,
		"argon2 with a short tag":         "$argon2id$v=19$m=8192,t=2,p=1$" + salt + "$FdL8",
		"argon2 without a salt":           "$argon2id$v=19$m=8192,t=2,p=1$$" + key,
		"argon2 with trailing text":       "$argon2id$v=19$m=8192,t=2,p=1$" + salt + "$" + key + "$",
		"bcrypt at cost 16":               "$2b$16$" + b53,
		"bcrypt at cost 3":                "$2b$03$" + b53,
		"bcrypt with a sign":              "$2b$+5$" + b53,
		"bcrypt with trailing text":       "$2b$05$" + b53 + "x",
		"bcrypt with a foreign character": "$2b$05$" + b53[:52] + "!",
		"the broken bcrypt 2x":            "$2x$05$" + b53,
		"scrypt above 256 MiB":            "$scrypt$ln=18,r=9,p=1$" + salt + "$" + key,
		"scrypt with numbers that wrap":   "$scrypt$ln=31,r=2147483647,p=2147483647$" + salt + "$" + key,
		"scrypt with too much work":       "$scrypt$ln=17,r=8,p=5$" + salt + "$" + key,
		"scrypt whose N is no power":      "scrypt$1000$djsalt$8$1$" + key,
		"PBKDF2 with too many iterations": "$pbkdf2-sha256$5000001$" + salt + "$" + key,
		"PBKDF2 with very long output":    "pbkdf2:sha1:2500000$s$" + strings.Repeat("ab", 129),
		"PBKDF2 with no iteration":        "$pbkdf2-sha256$0$" + salt + "$" + key,
		"PBKDF2 with an unknown digest":   "$pbkdf2-md5$1000$" + salt + "$" + key,
		"Identity with a huge salt":       "AQAAAAIAAAfQ/////zAxMjM0NTY3ODlhYmNkZWYS4cDKUaosIvobQaMndv582FjnGGbAgvB4VcCChmPykw==",
		"SHA-crypt with too many rounds":  "$6$rounds=1000001$saltstring$" + strings.Repeat("a", 86),
		"SHA-crypt with a long salt":      "$6$saltstringsaltstring$" + strings.Repeat("a", 86),
		"SHA-crypt with a short key":      "$6$saltstring$abc",
		"something very long":             "$6$" + strings.Repeat("a", 10_000),
	} {
		err := CheckImport(encoded)
		if !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if len(encoded) > 20 && strings.Contains(err.Error(), encoded[len(encoded)-20:]) {
			t.Errorf("%s: the error contains the hash: %v", name, err)
		}
	}
}

func FuzzDecodingNeverPanicsNorExceedsTheCaps(f *testing.F) {
	for _, encoded := range importedHashes {
		f.Add(encoded)
	}
	f.Add("$scrypt$ln=1,r=1,p=1$YQ$")
	f.Fuzz(func(t *testing.T, encoded string) {
		stored, err := decode(encoded)
		if (err == nil) != (stored != nil) {
			t.Fatalf("got both or neither: %v, %v", stored, err)
		}
		if err != nil {
			return
		}
		if c := stored.cost(); c.memory > maxMemory || c.algorithm == "" {
			t.Fatalf("accepted at a cost of %+v", c)
		}
		switch h := stored.(type) {
		case *argon2Hash:
			if h.memory > 64 || h.time > 4 {
				return // within the caps, too slow for here
			}
		case *scryptHash:
			if h.n*h.r*h.p > 1<<10 {
				return
			}
		case *pbkdf2Hash:
			if h.iterations > 2000 {
				return
			}
		case *bcryptHash, *shaCryptHash:
			return
		}
		stored.matches([]byte("a password"))
	})
}
