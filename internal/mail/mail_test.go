package mail_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
)

var now = time.Date(2026, 5, 4, 10, 30, 0, 0, time.UTC)

const link = "https://id.example.com/invitation#9sK3xY_token-that-lets-in"

func newWriter(t *testing.T, key byte) *mail.Writer {
	t.Helper()
	b := bytes.Repeat([]byte{key}, envelope.KeySize)
	b[0]++
	m, err := envelope.NewMaster(b)
	if err != nil {
		t.Fatal(err)
	}
	return mail.NewWriter(envelope.New(m), true, func() time.Time { return now })
}

func invitation() mail.Message {
	return mail.Message{
		Kind: mail.Invitation, To: "grace@acme.example", Name: "Grace Hopper", Organization: "Acme", Inviter: "Ada Lovelace", Connector: "Globex",
		Link: secret.New(link), LinkExpires: now.Add(72 * time.Hour), Tenant: id.NewTenant(now), Target: "inv_x",
	}
}

func TestAMessageComesOutOfTheOutboxAsItWentIn(t *testing.T) {
	t.Parallel()
	w, want := newWriter(t, 1), invitation()
	want.At, want.User, want.Locale = now, id.NewUser(now), "de-CH"
	s, err := w.Seal(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"grace@acme.example", "Ada", link} {
		if bytes.Contains(s.Body, []byte(private)) {
			t.Errorf("the stored form shows %q", private)
		}
	}
	got, err := w.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	if got.Link.Reveal() != link {
		t.Errorf("link %q", got.Link.Reveal())
	}
	got.Link, want.Link = secret.Text{}, secret.Text{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v and not what went in", got)
	}
}

func TestASealedMessageOpensInItsOwnRowOnly(t *testing.T) {
	t.Parallel()
	w := newWriter(t, 1)
	a, err := w.Seal(invitation())
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.Seal(invitation())
	if err != nil {
		t.Fatal(err)
	}
	a.ID = b.ID
	if _, err := w.Open(a); !errors.Is(err, envelope.ErrDamaged) {
		t.Errorf("opened in another row: %v", err)
	}
	if _, err := newWriter(t, 2).Open(b); !errors.Is(err, envelope.ErrUnknownMaster) {
		t.Errorf("opened under another master key: %v", err)
	}
}

func TestAMessagePrintsAsItsKind(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, invitation()); got != "message invitation" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

func TestAMessageThatCannotBeWrittenIsRefusedByField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*mail.Message)
		field  string
	}{
		"unknown kind":           {func(m *mail.Message) { m.Kind = "spam" }, "kind"},
		"no address":             {func(m *mail.Message) { m.To = "" }, "to"},
		"display name":           {func(m *mail.Message) { m.To = "Grace <grace@acme.example>" }, "to"},
		"two addresses":          {func(m *mail.Message) { m.To = "a@b.example,c@d.example" }, "to"},
		"a line break":           {func(m *mail.Message) { m.To = "a@b.example\r\nBcc: c@d.example" }, "to"},
		"a folded line break":    {func(m *mail.Message) { m.To = "a@b.example\r\n c" }, "to"},
		"too long an address":    {func(m *mail.Message) { m.To = strings.Repeat("a", 250) + "@b.example" }, "to"},
		"no organization":        {func(m *mail.Message) { m.Organization = "" }, "organization"},
		"no link":                {func(m *mail.Message) { m.Link = secret.Text{} }, "link"},
		"script in a link":       {func(m *mail.Message) { m.Link = secret.New("javascript:alert(1)") }, "link"},
		"relative link":          {func(m *mail.Message) { m.Link = secret.New("/invitation") }, "link"},
		"link with a line break": {func(m *mail.Message) { m.Link = secret.New("https://a.example/\nx") }, "link"},
		"link with user info":    {func(m *mail.Message) { m.Link = secret.New("https://a@b.example/") }, "link"},
		"no expiry":              {func(m *mail.Message) { m.LinkExpires = time.Time{} }, "link_expires"},
		"endless name":           {func(m *mail.Message) { m.Name = strings.Repeat("x", 5000) }, "name"},
		"no text":                {func(m *mail.Message) { m.Inviter = "\xff" }, "inviter"},
		"no connector":           {func(m *mail.Message) { m.Kind, m.At, m.Connector = mail.IdentityLinked, now, "" }, "connector"},
		"no time of the change":  {func(m *mail.Message) { m.Kind = mail.PasswordChanged }, "at"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := invitation()
			c.change(&m)
			_, err := newWriter(t, 1).Seal(m)
			if !errors.Is(err, errdefs.ErrInvalid) || !strings.Contains(err.Error(), ": "+c.field+" ") {
				t.Errorf("error %v, want one about %s", err, c.field)
			}
		})
	}
}

func TestWithoutAMailServerNothingIsWritten(t *testing.T) {
	t.Parallel()
	w := mail.NewWriter(nil, false, nil)
	if _, err := w.Seal(invitation()); !errors.Is(err, mail.ErrDisabled) || !errors.Is(err, errdefs.ErrUnavailable) || w.Enabled() {
		t.Errorf("error %v", err)
	}
}
