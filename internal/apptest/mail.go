package apptest

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/mailcatcher"
)

// Mailbox is a mail server that keeps what applications send.
type Mailbox struct {
	*mailcatcher.Catcher
	port int
}

// NewMailbox runs a mail server until the test ends. Every application has one of its own unless
// it is started WithMailbox.
func NewMailbox(t testing.TB) *Mailbox {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &Mailbox{
		Catcher: mailcatcher.New(mailcatcher.Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)}),
		port:    ln.Addr().(*net.TCPAddr).Port,
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.ServeSMTP(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("mail catcher: %v", err)
		}
	})
	return m
}

// WithMailbox has the application send its mail there, as replicas of one installation do.
func WithMailbox(m *Mailbox) Option { return func(o *options) { o.mailbox = m } }

// WithoutMail configures no mail server.
func WithoutMail() Option { return With("SIGNET_MAIL_HOST", "") }

// configureMail sets the mail server of an application, unless a test did.
func (o *options) configureMail(t testing.TB) {
	t.Helper()
	if _, decided := o.settings["SIGNET_MAIL_HOST"]; decided {
		return
	}
	if o.mailbox == nil {
		o.mailbox = NewMailbox(t)
	}
	o.settings["SIGNET_MAIL_HOST"] = "127.0.0.1"
	o.settings["SIGNET_MAIL_PORT"] = strconv.Itoa(o.mailbox.port)
	o.settings["SIGNET_MAIL_TLS"] = "none"
	o.settings["SIGNET_MAIL_FROM"] = "no-reply@signet.example"
}

// Mail waits for a message to an address, takes it out of the mailbox and returns it: of several
// the oldest. Its Link method returns the first link.
func (a *App) Mail(t testing.TB, to string) mailcatcher.Message {
	t.Helper()
	if a.Mailbox == nil {
		t.Fatal("this application has no mailbox")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := a.Mailbox.Take(ctx, to)
	if err != nil {
		t.Fatalf("no message came to %s", to)
	}
	return m
}

// NoMail fails the test if a message went to an address, or still waits in the outbox. Call it
// when whatever could send one is over.
func (a *App) NoMail(t testing.TB, to string) {
	t.Helper()
	// What is in the outbox may be to anybody: let it out first.
	for deadline := time.Now().Add(20 * time.Second); ; {
		n, _, err := a.DB.Mail().Queue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages stay in the outbox", n)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	for _, m := range a.Mailbox.Messages() {
		if m.For(to) {
			t.Errorf("a message went to %s: %s", to, m.Subject)
		}
	}
}
