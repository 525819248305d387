package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
)

// writer seals messages the way the application does.
func writer(t *testing.T) *mail.Writer {
	t.Helper()
	m, err := envelope.ParseMaster(secret.New(apptest.MasterKey))
	if err != nil {
		t.Fatal(err)
	}
	return mail.NewWriter(envelope.New(m), true, time.Now)
}

func enqueue(t *testing.T, a *apptest.App, m mail.Message) {
	t.Helper()
	s, err := writer(t).Seal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.DB.Mail().Enqueue(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

func TestAMessageInTheOutboxIsSentAtOnce(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	const link = "https://id.example.com/password/reset#secret-token"
	enqueue(t, a, mail.Message{
		Kind: mail.ResetPassword, To: apptest.Grace, Name: "Grace Hopper", Link: secret.New(link), LinkExpires: time.Now().Add(time.Hour),
	})
	start := time.Now()
	m := a.Mail(t, apptest.Grace)
	if m.Link() != link || m.Subject != "Choose a new password" || m.Sender != `"Signet" <no-reply@signet.example>` {
		t.Errorf("got %q from %s with link %s", m.Subject, m.Sender, m.Link())
	}
	if waited := time.Since(start); waited > 10*time.Second { // a poll takes 15
		t.Errorf("nobody was told: it took %s", waited)
	}
	a.NoMail(t, apptest.Grace)
	res, err := http.Get(a.OpsURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	metrics, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`signet_mail_total{kind="reset_password",result="sent"} 1`, "\nsignet_mail_waiting ", "\nsignet_mail_oldest_seconds "} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
	if strings.Contains(a.Log.String(), "secret-token") || strings.Contains(a.Log.String(), apptest.Grace) {
		t.Error("the log shows the link or the address")
	}
}

func TestSeveralReplicasSendAMessageOnce(t *testing.T) {
	t.Parallel()
	box := apptest.NewMailbox(t)
	a := apptest.Start(t, apptest.WithMailbox(box))
	apptest.Start(t, apptest.WithMailbox(box), apptest.WithDatabase(a.DSN))
	const n = 30
	for range n {
		enqueue(t, a, mail.Message{Kind: mail.PasswordChanged, To: apptest.Nobody, At: time.Now()})
	}
	ids := map[string]bool{}
	for range n {
		ids[a.Mail(t, apptest.Nobody).Header.Get("Message-Id")] = true
	}
	if len(ids) != n {
		t.Errorf("%d of %d messages arrived", len(ids), n)
	}
	a.NoMail(t, apptest.Nobody)
}

func TestWithoutAMailServerTheApplicationSaysSoAndServes(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.WithoutMail())
	if !strings.Contains(a.Log.String(), "no mail server is configured") {
		t.Error("the log does not say so")
	}
	if p := a.Browser(t).Get(a.AuthorizeURL("spa")); p.Status != 200 {
		t.Errorf("status %d", p.Status)
	}
	enqueue(t, a, mail.Message{Kind: mail.PasswordChanged, To: apptest.Nobody, At: time.Now()}) // of a time with a mail server
	if n, _, err := a.DB.Mail().Queue(t.Context()); err != nil || n != 1 {
		t.Errorf("%d messages wait, %v", n, err)
	}
}
