package ui

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTheEnglishCatalogLeavesNothingOut(t *testing.T) {
	t.Parallel()
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		if v.Kind() == reflect.String {
			if v.String() == "" {
				t.Errorf("%s is empty", path)
			}
			return
		}
		for i := range v.NumField() {
			walk(path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	}
	walk("Text", reflect.ValueOf(English()))
}

func TestEveryNoticeAndProblemHasWords(t *testing.T) {
	t.Parallel()
	text := English()
	for _, n := range []Notice{NoticeSignInAgain, NoticeExpired, NoticeSessionEnded, NoticePasswordChanged, NoticeOtherSignedOut, NoticeAccountSwitched, NoticePasswordReset, NoticeInvited, NoticeJoined, NoticeVerificationSent, NoticeVerifying, NoticeLinking, NoticeCancelled, NoticeConfined, NoticeIdentityLinked, NoticeIdentityRemoved, NoticeProfileSaved} {
		if text.notice(n) == "" {
			t.Errorf("notice %s", n)
		}
	}
	for _, p := range []PasswordProblem{PasswordWrongCurrent, PasswordMissingCurrent, PasswordThrottled, PasswordMissingNew, PasswordTooShort, PasswordTooLong, PasswordCommon, PasswordRepetitive, PasswordUnusable, PasswordPersonal, PasswordSame, NameMissing} {
		if text.passwordProblem(0, p) == "" {
			t.Errorf("problem %s", p)
		}
	}
	seen := map[string]SignInProblem{}
	for _, p := range []SignInProblem{ProblemMismatch, ProblemMissing, ProblemThrottled, ProblemBusy, ProblemUpstream} {
		words := text.signInProblem(SignIn{Problem: p})
		if words == "" || seen[words] != "" {
			t.Errorf("problem %s: %q", p, words)
		}
		seen[words] = p
	}
}

func TestEveryReasonOfAFailedUpstreamSignInHasWordsOfItsOwn(t *testing.T) {
	t.Parallel()
	text, seen := English(), map[string]UpstreamReason{}
	for _, reason := range upstreamReasons() {
		words := UpstreamFailed{Reason: reason}.Words(&text)
		if words.Title == "" || words.What == "" || words.Do == "" || seen[words.What] != "" {
			t.Errorf("%s: %+v", reason, words)
		}
		seen[words.What] = reason
	}
}

func TestWaitsAreRoundedUp(t *testing.T) {
	t.Parallel()
	text := English()
	for d, want := range map[time.Duration]string{
		-time.Second:               "1 second",
		0:                          "1 second",
		time.Millisecond:           "1 second",
		1500 * time.Millisecond:    "2 seconds",
		59 * time.Second:           "59 seconds",
		time.Minute:                "1 minute",
		61 * time.Second:           "2 minutes",
		59*time.Minute + 1:         "60 minutes",
		time.Hour:                  "60 minutes",
		time.Hour + time.Second:    "2 hours",
		23*time.Hour + time.Second: "24 hours",
	} {
		if got := text.wait(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestALockedSignInSaysWhenToComeBackInWordsAndHeader(t *testing.T) {
	t.Parallel()
	page, w := rendered(t, SignIn{Problem: ProblemThrottled, RetryAfter: 3*time.Minute + time.Millisecond})
	if !strings.Contains(page, "Too many attempts. Try again in 4 minutes.") {
		t.Error("the page does not say when")
	}
	if got := w.Header().Get("Retry-After"); got != "181" {
		t.Errorf("Retry-After %q", got)
	}
}

func TestAProductCanBringItsOwnNameAndWords(t *testing.T) {
	t.Parallel()
	text := English()
	text.SignIn.Title = "Einloggen & mehr"
	r, err := New(Config{Product: "Acme <ID>", Issuer: "https://id.acme.test:8443/x", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := r.Render(w, 200, SignIn{Frame: Frame{Lang: "de"}}); err != nil {
		t.Fatal(err)
	}
	d := parse(t, w.Body.String())
	if got := textOf(d.all("title")[0]); got != "Einloggen & mehr – Acme <ID>" {
		t.Errorf("title %q", got)
	}
	if got := textOf(d.all("footer")[0]); got != "You are at id.acme.test:8443" {
		t.Errorf("footer %q", got)
	}
	if got := attr(d.all("html")[0], "lang"); got != "de" {
		t.Errorf("lang %q", got)
	}
}

func TestAnIssuerThatIsNoURLIsRefused(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{"", "acme.test", "https://", ":"} {
		if _, err := New(Config{Issuer: issuer}); err == nil {
			t.Errorf("%q was accepted", issuer)
		}
	}
}

func TestNoPageIsAPlainErrorNotAPanic(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := newRenderer(t).Render(w, 200, nil); err == nil || w.Code != 500 {
		t.Errorf("%v, %d", err, w.Code)
	}
}

func TestAHeadRequestGetsTheHeadersAlone(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(galleryHandler(t, newRenderer(t)))
	t.Cleanup(server.Close)
	response, err := http.Head(server.URL + "/home")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 || response.ContentLength <= 0 {
		t.Errorf("%s, %d bytes", response.Status, response.ContentLength)
	}
}

func TestConsentShowsWhereTheBrowserGoesNext(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][2]string{
		"https://orders.acme.test/cb":   {"orders.acme.test", ""},
		"http://127.0.0.1:8123/cb":      {"127.0.0.1:8123", ""},
		"http://[::1]:8123/cb":          {"[::1]:8123", ""},
		"https://bücher.test/":          {"xn--bcher-kva.test", ""},
		"https://orders.acme.test@e.x/": {"e.x", ""},
		"test.acme.field:/cb":           {"", "test.acme.field"},
		"javascript:alert(1)":           {"", ""},
	} {
		p := Consent{RedirectURI: raw}
		if got := [2]string{p.Host(), p.App()}; got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestOnlySafeLinksAreFollowed(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]bool{
		"/login": true, "https://a.test/": true, "http://127.0.0.1:1/": true, "com.example.app:/": true,
		"": false, "login": false, "//a.test": false, `/\a.test`: false, "/\t/a.test": false,
		"javascript:alert(1)": false, "JAVASCRIPT:alert(1)": false, " javascript:alert(1)": false,
		"java\nscript:alert(1)": false, "data:text/html,x": false, "https:a": false, "blob:https://a/": false,
	} {
		if got := safeURL(raw) != ""; got != want {
			t.Errorf("%q: %v", raw, got)
		}
	}
}
