package mail_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
)

func stationery(t *testing.T) *mail.Stationery {
	t.Helper()
	s, err := mail.NewStationery("Acme ID", "https://id.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func letter(t *testing.T, m mail.Message) mail.Letter {
	t.Helper()
	l, err := stationery(t).Write(m)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// every is one message of each kind, and an invitation of nobody.
func every() map[string]mail.Message {
	out := map[string]mail.Message{}
	for _, k := range []mail.Kind{mail.Invitation, mail.VerifyEmail, mail.ResetPassword, mail.PasswordChanged, mail.IdentityLinked, mail.IdentityUnlinked} {
		m := invitation()
		m.Kind, m.At = k, now
		out[string(k)] = m
	}
	m := invitation()
	m.Inviter, m.Name = "", ""
	out["invitation of nobody"] = m
	return out
}

func TestEveryLetterIsCompleteAndLoadsNothing(t *testing.T) {
	t.Parallel()
	loads := regexp.MustCompile(`(?i)\bsrc=|url\(|@import|<link|<script|<form|<img|<iframe|\bon[a-z]+=`)
	href := regexp.MustCompile(`href="([^"]*)"`)
	for name, m := range every() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := letter(t, m)
			if l.Subject == "" || strings.ContainsAny(l.Subject, "\r\n{}") {
				t.Errorf("subject %q", l.Subject)
			}
			body := l.HTML[strings.Index(l.HTML, "<body"):]
			if left := regexp.MustCompile(`\{[a-z]+\}`).FindString(body + l.Text); left != "" {
				t.Errorf("%s is not filled in", left)
			}
			if strings.Contains(body, "<bdi></bdi>") {
				t.Error("an empty name is written")
			}
			if what := loads.FindString(l.HTML); what != "" {
				t.Errorf("the letter loads or does something: %s", what)
			}
			for _, want := range []string{`<html lang="en"`, "prefers-color-scheme: dark", `name="viewport"`, "<title>" + l.Subject, "<h1", "id.example.com"} {
				if !strings.Contains(l.HTML, want) {
					t.Errorf("the HTML lacks %s", want)
				}
			}
			links := href.FindAllStringSubmatch(l.HTML, -1)
			if len(links) != 2 || !strings.Contains(l.Text, "\n"+link+"\n") || !strings.Contains(l.HTML, ">"+link+"</a>") {
				t.Errorf("links %v\n%s", links, l.Text)
			}
			for _, found := range links {
				if found[1] != link {
					t.Errorf("link %s", found[1])
				}
			}
			if m.Name != "" && !strings.HasPrefix(l.Text, "Hello Grace Hopper,\n") || m.Name == "" && !strings.HasPrefix(l.Text, "Hello,\n") {
				t.Errorf("greeting: %s", l.Text)
			}
			for line := range strings.Lines(l.Text) {
				if utf8.RuneCountInString(line) > 77 && !strings.HasPrefix(line, "https://") {
					t.Errorf("a long line: %q", line)
				}
			}
		})
	}
}

func TestAnInvitationReadsLikeOne(t *testing.T) {
	t.Parallel()
	const want = `Hello Grace Hopper,

Ada Lovelace has invited you to join Acme on Acme ID.

Accept the invitation:
https://id.example.com/invitation#9sK3xY_token-that-lets-in

The invitation works once, until 7 May 2026 at 10:30 UTC.

If you do not know what this is about, ignore this message: nothing happens
until you accept.

-- 
Acme ID at id.example.com sent this message automatically. Nobody reads
replies to it.
`
	l := letter(t, invitation())
	if l.Text != want {
		t.Errorf("it reads\n%s", l.Text)
	}
	if l.Subject != "Ada Lovelace invites you to Acme" {
		t.Errorf("subject %q", l.Subject)
	}
	m := invitation()
	m.Inviter = " \u202e "
	if l := letter(t, m); l.Subject != "You are invited to Acme" || !strings.Contains(l.Text, "You have been invited to join Acme on Acme ID.") {
		t.Errorf("of nobody: %q\n%s", l.Subject, l.Text)
	}
}

func TestNamesCannotBecomeMarkupLinksOrHeaders(t *testing.T) {
	t.Parallel()
	linkable := regexp.MustCompile(`https?://\w|www\.\w|\w\.\w+/|\w@\w`)
	for name, hostile := range map[string]string{
		"markup":       `<a href="https://evil.example">x</a><script>alert(1)</script>`,
		"a URL":        "Acme. Your account is locked, see https://evil.example/unlock or www.evil.example or mail help@evil.example",
		"a header":     "Acme\r\nBcc: victim@evil.example\r\n\r\n<b>",
		"a line break": "Acme\u2028\u2029\u0085next",
		"reordering":   "\u202egro.live\u202c \u2066x\u2069 \u200f",
		"endless":      strings.Repeat("Acme ", 300),
		"control":      "Ac\x00me\x1b[31m\x7f",
		"placeholders": "{inviter} {time} {product}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := invitation()
			m.Organization, m.Inviter, m.Name = hostile, hostile, hostile
			l := letter(t, m)
			ours := strings.NewReplacer(link, "", "id.example.com", "")
			text, html := ours.Replace(l.Text), ours.Replace(l.HTML)
			visible := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(html[strings.Index(html, "<body"):], " ")
			for _, s := range []string{l.Subject, text, visible} {
				if found := linkable.FindString(s); found != "" {
					t.Errorf("%q becomes a link in %q", found, s)
				}
				for _, r := range s {
					if r != '\n' && (r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200f || r == 0x2028 || r == 0x2029 || r == 0x85) {
						t.Errorf("%U is left in %q", r, s)
					}
				}
			}
			if strings.Contains(html, "<script") || strings.Contains(html, "<b>") || strings.Contains(html, `href="https://evil`) {
				t.Error("markup is left")
			}
			if strings.ContainsAny(l.Subject, "\r\n") || utf8.RuneCountInString(l.Subject) > 150 {
				t.Errorf("subject %q", l.Subject)
			}
			if len(l.Text) > 4000 {
				t.Errorf("%d bytes of text", len(l.Text))
			}
		})
	}
}

func TestANoticeOfAnIdentitySaysWhichItIsAndWhatToDo(t *testing.T) {
	t.Parallel()
	for kind, want := range map[mail.Kind][]string{
		mail.IdentityLinked:   {"Globex was added to your Acme ID account on 4 May 2026 at 10:30 UTC.", "If it was not you, remove it from your account at once"},
		mail.IdentityUnlinked: {"Globex was removed from your Acme ID account on 4 May 2026 at 10:30 UTC.", "If it was not you, change your password at once"},
	} {
		l := letter(t, mail.Message{Kind: kind, To: "grace@acme.example", Connector: "Globex", At: now, Link: secret.New("https://id.example.com/account")})
		text := strings.Join(strings.Fields(l.Text), " ")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", kind, w, l.Text)
			}
		}
		evil := letter(t, mail.Message{Kind: kind, To: "grace@acme.example", Connector: "https://evil.example/<b>\nBcc: x", At: now})
		if strings.Contains(evil.HTML, "<b>") || strings.Contains(evil.Text, "https://evil") {
			t.Errorf("%s obeys the name of a provider:\n%s", kind, evil.Text)
		}
	}
}

func TestALanguageThatWeDoNotSpeakIsEnglish(t *testing.T) {
	t.Parallel()
	for _, locale := range []string{"", "en", "en-GB", "EN_us", "tlh", "x", "💥"} {
		m := invitation()
		m.Locale = locale
		if l := letter(t, m); l.Subject != "Ada Lovelace invites you to Acme" {
			t.Errorf("%q: %q", locale, l.Subject)
		}
	}
}

func TestANoticeNeedsNoLink(t *testing.T) {
	t.Parallel()
	m := mail.Message{Kind: mail.PasswordChanged, To: "grace@acme.example", At: now.In(time.FixedZone("", 3600))}
	l := letter(t, m)
	if strings.Contains(l.HTML, "href=") || !strings.Contains(l.Text, "4 May 2026 at 10:30 UTC") {
		t.Errorf("it reads\n%s", l.Text)
	}
	m.Link = secret.New("javascript:alert(1)")
	if _, err := stationery(t).Write(m); err == nil {
		t.Error("a link of a notice is not checked")
	}
}
