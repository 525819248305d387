package password

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
)

func newRules(t testing.TB, cfg RulesConfig) *Rules {
	t.Helper()
	r, err := NewRules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// reasonOf returns why r refuses a password, "" when it accepts it.
func reasonOf(t testing.TB, r *Rules, password string, c Context) Reason {
	t.Helper()
	err := r.Check(secret.New(password), c)
	if err == nil {
		return ""
	}
	var refusal *Refusal
	if !errors.As(err, &refusal) || !errors.Is(err, errdefs.ErrInvalid) {
		t.Fatalf("got an error of the wrong kind: %v", err)
	}
	return refusal.Reason
}

func alice() Context {
	return Context{Email: "alice.winterbourne@globex-industries.example", Name: "Alice Winterbourne", Words: []string{"Globex Industries"}}
}

func TestGoodPasswordsAreAcceptedWhateverTheyAreMadeOf(t *testing.T) {
	t.Parallel()
	rules := newRules(t, RulesConfig{Service: []string{"Signet"}})
	for _, password := range []string{
		"tangerine lamp orbit",
		"only lowercase letters here",
		"8306 5571 9924 0473",
		"my cat reads newspapers",
		"there were twelve apples",
		"alice went to the market again",
		"the winterbourne estate is haunted by geese",
		"signet rings are made of gold",
		"purple12345staircase",
		"  leading and trailing  ",
		"нет ничего лучше борща",
		"青い空と白い雲と静かな海辺の小さな家",
		"مفتاح الباب تحت السجادة",
		"🦊🐢🦉🐝🦋🐙🦀🐬🦓🦒🐘🦔🐿🦩🦚",
		"dR8#kq!Vz2@mWx7",
		"vlkqhzupwrtynme",
		"summer8361940275",
		strings.Repeat("long passphrase 4 u ", 2) + "with some other words",
	} {
		if got := reasonOf(t, rules, password, alice()); got != "" {
			t.Errorf("%q is refused as %s", password, got)
		}
	}
}

func TestWeakPasswordsAreRefusedForTheRightReason(t *testing.T) {
	t.Parallel()
	rules := newRules(t, RulesConfig{Service: []string{"Signet"}})
	for password, want := range map[string]Reason{
		"":               TooShort,
		"fourteen chars": TooShort,
		"a\u0301a\u0301a\u0301a\u0301 e\u0301e\u0301e\u0301": TooShort, // 8 code points once composed
		strings.Repeat("xk4 ", 65):                           TooLong,
		strings.Repeat("x", 5000):                            TooLong,
		"not utf-8 \xff\xfe at all":                          Unusable,
		"a null \x00 byte in it":                             Unusable,
		"a tab\tbetween two words":                           Unusable,
		"unassigned \U000E0080 code point":                   Unusable,
		"correct horse battery staple":                       Common,
		"CorrectHorseBatteryStaple":                          Common,
		"correct-horse-battery-staple":                       Common,
		"thisismypassword":                                   Common,
		"ThisIsMyPassword123":                                Common,
		"This is my password!":                               Common,
		"passwordpassword":                                   Common,
		"password password password":                         Common,
		"P@ssw0rdP@ssw0rd":                                   Common,
		"password12345678":                                   Common,
		"!!!!Password2024":                                   Common,
		"Administrat0r!!!":                                   Common,
		"ｐａｓｓｗｏｒｄ１２３４５６７８":                                   Common,
		"ichliebedichsehr":                                   Common,
		"aaaaaaaaaaaaaaaa":                                   Repetitive,
		"aaaaaaaaaaaaaaab":                                   Repetitive,
		"tromtromtromtrom":                                   Repetitive,
		"lampoon lampoon lampoon":                            Repetitive,
		"bcdefghijklmnopqrstu":                               Repetitive,
		"zyxwvutsrqponmlkj":                                  Repetitive,
		"2345678901234567":                                   Repetitive,
		"абвгдежзийклмноп":                                   Repetitive,
		"qwertyuiop[]asdfg":                                  Repetitive,
		"lkjhgfdsapoiuytrewq":                                Repetitive,
		"QWERTZUIOP1234567":                                  Repetitive,
		"5tgb6yhn7ujm8ik,":                                   Repetitive,
		"q1w2e3r4t5y6u7i8o9":                                 Repetitive,
		"111222333444555666":                                 Repetitive,
		"alice.winterbourne":                                 ContextWord,
		"AliceWinterbourne1":                                 ContextWord,
		"winterbourne2024!":                                  ContextWord,
		"globex-industries":                                  ContextWord,
		"alice@globex.example":                               ContextWord,
		"alice.winterbourne@globex-industries.example":       ContextWord,
		"signet signet alice":                                ContextWord,
	} {
		if got := reasonOf(t, rules, password, alice()); got != want {
			t.Errorf("%q: got %q, want %q", password, got, want)
		}
	}
}

func TestLengthCountsCodePointsAndDependsOnTheSecondFactor(t *testing.T) {
	t.Parallel()
	rules := newRules(t, RulesConfig{})
	sentence := []rune("жил был у бабушки серенький козлик вот как вот как и никто его не видал никогда")
	for _, c := range []struct {
		length       int
		secondFactor bool
		want         Reason
	}{
		{14, false, TooShort}, {15, false, ""}, {64, false, ""},
		{7, true, TooShort}, {8, true, ""}, {64, true, ""},
	} {
		if got := reasonOf(t, rules, string(sentence[:c.length]), Context{SecondFactor: c.secondFactor}); got != c.want {
			t.Errorf("%d code points, second factor %v: got %q, want %q", c.length, c.secondFactor, got, c.want)
		}
	}
	err := rules.Check(secret.New("short"), Context{})
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Min != 15 || !strings.Contains(err.Error(), "15") {
		t.Errorf("the minimum is not told: %v", err)
	}
}

func TestTheLongestAcceptedPasswordCanBeHashed(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range MaxLength {
		b.WriteRune(rune(0x20000 + i*i*7%40000)) // four bytes each, no pattern
	}
	if got := reasonOf(t, newRules(t, RulesConfig{}), b.String(), Context{}); got != "" {
		t.Fatalf("refused as %s", got)
	}
	h := newHasher(t, light())
	encoded, err := h.Hash(t.Context(), secret.New(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := h.Verify(t.Context(), encoded, secret.New(b.String())); err != nil || !got.Match {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnOperatorsListAppliesToTheWholePasswordInAnyCase(t *testing.T) {
	t.Parallel()
	list, err := LoadBlocklist(strings.NewReader("Tangerine Lamp Orbit\r\n\n" + strings.Repeat("x", 200_000) + "\nhorse\nтихий дон течет на юг"))
	if err != nil {
		t.Fatal(err)
	}
	if list.Len() != 3 {
		t.Errorf("holds %d entries, want 3", list.Len())
	}
	rules := newRules(t, RulesConfig{Blocklist: list})
	for password, want := range map[string]Reason{
		"tangerine lamp orbit": Common, "TANGERINE LAMP ORBIT": Common, "Тихий Дон течет на юг": Common,
		"tangerine lamp orbits": "", "my horse eats tulips": "",
	} {
		if got := reasonOf(t, rules, password, Context{}); got != want {
			t.Errorf("%q: got %q, want %q", password, got, want)
		}
	}
}

func TestAMillionLinesLoadInAboutASecondAndEightMegabytes(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	for i := range 1_000_000 {
		fmt.Fprintf(&file, "Password-%d\n", i)
	}
	began := time.Now()
	list, err := LoadBlocklist(&file)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second { // generous: shared machines, race detector
		t.Errorf("took %v", took)
	}
	if list.Len() != 1_000_000 || !list.contains("password-999999") || list.contains("password-1000000") {
		t.Errorf("holds %d entries or the wrong ones", list.Len())
	}
	if cap(list.hashes) > 1_100_000 {
		t.Errorf("keeps room for %d entries", cap(list.hashes))
	}
}

func TestAListThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := LoadBlocklist(iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestTheBuiltInListHoldsLongEntriesToo(t *testing.T) {
	t.Parallel()
	long := 0
	for line := range strings.Lines(common) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line != fold(line) {
			t.Errorf("entry %q is not in folded form", line)
		}
		if utf8.RuneCountInString(line) >= DefaultMin {
			long++
		}
	}
	if long < 100 {
		t.Errorf("only %d entries are long enough to matter by themselves", long)
	}
}

func TestRulesBelowTheStandardAreRefused(t *testing.T) {
	t.Parallel()
	for _, cfg := range []RulesConfig{{Min: 7}, {Min: 65}, {MinSecondFactor: 7}, {Min: 12, MinSecondFactor: 13}} {
		if _, err := NewRules(cfg); !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%+v: got %v", cfg, err)
		}
	}
	if _, err := NewRules(RulesConfig{Min: 8}); err != nil {
		t.Error(err)
	}
}

func FuzzCheckNeverPanicsNorTellsThePassword(f *testing.F) {
	f.Add("alice.winterbourne", "alice@example.com", "Alice")
	f.Add("q1w2e3r4t5y6u7i8o9", "", "")
	f.Add("\xff\xfe", "@", " ")
	f.Add("пароль пароль пароль", "п@п", "п")
	rules := newRules(f, RulesConfig{Service: []string{"Signet"}})
	f.Fuzz(func(t *testing.T, password, email, name string) {
		err := rules.Check(secret.New(password), Context{Email: email, Name: name})
		if err == nil {
			if n := utf8.RuneCountInString(string(normalise(secret.New(password)))); n < DefaultMin || n > MaxLength {
				t.Errorf("accepted %d code points", n)
			}
			return
		}
		if !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("got an error of no kind: %v", err)
		}
		for reason := range map[Reason]bool{TooShort: true, TooLong: true, Unusable: true, Common: true, Repetitive: true, ContextWord: true} {
			fixed := (&Refusal{Reason: reason, Min: DefaultMin, Max: MaxLength}).Error()
			if err.Error() == fixed {
				return
			}
		}
		t.Errorf("the text depends on more than the reason: %v", err)
	})
}
