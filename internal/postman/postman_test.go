package postman_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/mailcatcher"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postgres/pgtest"
	"github.com/signet-id/signet/internal/postman"
	"github.com/signet-id/signet/internal/secret"
)

// office is an outbox in a database of its own, a mail server, and what goes in between.
type office struct {
	*mailcatcher.Catcher
	db     *postgres.DB
	dsn    string
	writer *mail.Writer
	config postman.Config
	log    *log

	mu     sync.Mutex
	counts map[string]int
}

type log struct {
	mu sync.Mutex
	strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.String()
}

// quick tries again at once.
func quick(int) time.Duration { return 0 }

func open(t *testing.T, change func(*mailcatcher.Config)) *office {
	t.Helper()
	o := &office{dsn: pgtest.New(t), log: &log{}, counts: map[string]int{}}
	var err error
	o.db, err = postgres.Open(t.Context(), postgres.Config{URL: o.dsn, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.db.Close)
	o.writer = mail.NewWriter(envelope.New(master(t, 1)), true, time.Now)
	c := mailcatcher.Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	o.Catcher = mailcatcher.New(c)
	letters, err := mail.NewStationery("Sígnet", "https://id.example.com")
	if err != nil {
		t.Fatal(err)
	}
	o.config = postman.Config{
		Outbox: o.db.Mail(), Queue: o.db.Mail().Queue, Open: o.writer.Open, Letters: letters,
		Server: postman.Server{Host: "127.0.0.1", Encryption: postman.Plain},
		From:   "no-reply@signet.example", Name: "Sígnet, \"the\" <service>",
		Count: func(_ mail.Kind, result string) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.counts[result]++
		},
		Now: time.Now, Log: slog.New(slog.NewTextHandler(o.log, nil)), Poll: 10 * time.Millisecond, Pause: quick,
	}
	return o
}

func master(t *testing.T, first byte) envelope.Master {
	t.Helper()
	key := make([]byte, envelope.KeySize)
	key[0] = first
	m, err := envelope.NewMaster(key)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func portOf(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

// receive runs the mail server.
func (o *office) receive(t *testing.T, ln net.Listener) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.ServeSMTP(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	o.config.Server.Port = portOf(ln)
}

// run runs a postman until the test, or the call of stop, ends it.
func (o *office) run(t *testing.T) (p *postman.Postman, stop func()) {
	t.Helper()
	p = postman.New(o.config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		p.Run(ctx)
		close(done)
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return p, stop
}

func (o *office) enqueue(t *testing.T, m mail.Message) mail.Sealed {
	t.Helper()
	s, err := o.writer.Seal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.db.Mail().Enqueue(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (o *office) take(t *testing.T, to string) mailcatcher.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := o.Take(ctx, to)
	if err != nil {
		t.Fatalf("no message came\n%s", o.log)
	}
	return m
}

func (o *office) count(result string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts[result]
}

func await(t *testing.T, o *office, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s\n%s", what, o.log)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// column reads one value of the database.
func column[T any](t *testing.T, o *office, sql string) (v T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), o.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

const link = "https://id.example.com/password/reset#the-token_that-lets-in-0123456789012345678901234567890123456789"

func reset(to string) mail.Message {
	return mail.Message{
		Kind: mail.ResetPassword, To: to, Name: "Grace", Link: secret.New(link), LinkExpires: time.Now().Add(time.Hour),
		User: id.NewUser(time.Now()), Target: "usr_target",
	}
}

func TestAMessageArrivesAsItShould(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	o.receive(t, listen(t))
	o.run(t)
	sealed := o.enqueue(t, mail.Message{
		Kind: mail.Invitation, To: "grace@acme.example", Name: "Grâce", Organization: "Ācme\r\nBcc: evil@example.org", Inviter: "Zoë",
		Link: secret.New(link), LinkExpires: time.Now().Add(time.Hour),
	})
	m := o.take(t, "grace@acme.example")
	if m.Subject != "Zoë invites you to Ācme Bcc: evil@\u2060example.\u2060org" {
		t.Errorf("subject %q", m.Subject)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != `Sígnet, "the" <service>` || from[0].Address != "no-reply@signet.example" || m.From != "no-reply@signet.example" || fmt.Sprint(m.To) != "[grace@acme.example]" {
		t.Errorf("from %v (%s) to %v, %v", from, m.From, m.To, err)
	}
	if m.Link() != link || !strings.Contains(m.HTML, link) {
		t.Errorf("link %q", m.Link())
	}
	for field, want := range map[string]string{
		"To": "<grace@acme.example>", "Auto-Submitted": "auto-generated", "Mime-Version": "1.0",
		"Message-Id": fmt.Sprintf("<%x@signet.example>", sealed.ID), "Bcc": "",
	} {
		if got := m.Header.Get(field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	if at, err := m.Header.Date(); err != nil || time.Since(at) > time.Minute {
		t.Errorf("date %s, %v", at, err)
	}
	for _, line := range strings.Split(string(m.Raw), "\r\n") {
		if len(line) > 998 || strings.ContainsFunc(line, func(r rune) bool { return r > 126 || r < ' ' && r != '\t' }) {
			t.Errorf("a line that not every server takes: %q", line)
		}
	}
	await(t, o, "the outbox to be empty", func() bool {
		n, _, err := o.db.Mail().Queue(t.Context())
		return err == nil && n == 0
	})
}

func TestMailGoesOutEncryptedAndAuthenticatedOrNotAtAll(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	certificate := &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12}
	for name, c := range map[string]struct {
		server    func(*mailcatcher.Config)
		tlsFirst  bool
		client    func(*postman.Server)
		complaint string // "" when the message arrives
	}{
		"STARTTLS": {
			server: func(c *mailcatcher.Config) { c.TLS = certificate },
			client: func(s *postman.Server) { s.Encryption, s.RootCAs = postman.STARTTLS, roots },
		},
		"STARTTLS and a password": {
			server: func(c *mailcatcher.Config) { c.TLS, c.Username, c.Password = certificate, "signet", "pässword" },
			client: func(s *postman.Server) {
				s.Encryption, s.RootCAs, s.Username, s.Password = postman.STARTTLS, roots, "signet", secret.New("pässword")
			},
		},
		"TLS from the first byte and a password": {
			server:   func(c *mailcatcher.Config) { c.Username, c.Password = "signet", "password" },
			tlsFirst: true,
			client: func(s *postman.Server) {
				s.Encryption, s.RootCAs, s.Username, s.Password = postman.TLS, roots, "signet", secret.New("password")
			},
		},
		"a server without STARTTLS": {
			client:    func(s *postman.Server) { s.Encryption = postman.STARTTLS },
			complaint: "does not support STARTTLS",
		},
		"a server without TLS": {
			client:    func(s *postman.Server) { s.Encryption = postman.TLS },
			complaint: "tls: ",
		},
		"a certificate of nobody": {
			server:    func(c *mailcatcher.Config) { c.TLS = certificate },
			client:    func(s *postman.Server) { s.Encryption = postman.STARTTLS },
			complaint: "certificate",
		},
		"a wrong password": {
			server: func(c *mailcatcher.Config) { c.TLS, c.Username, c.Password = certificate, "signet", "password" },
			client: func(s *postman.Server) {
				s.Encryption, s.RootCAs, s.Username, s.Password = postman.STARTTLS, roots, "signet", secret.New("hunter2-wrong")
			},
			complaint: "535",
		},
		"no password where one is demanded": {
			server:    func(c *mailcatcher.Config) { c.TLS, c.Username, c.Password = certificate, "signet", "password" },
			client:    func(s *postman.Server) { s.Encryption, s.RootCAs = postman.STARTTLS, roots },
			complaint: "authenticate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t, c.server)
			ln := listen(t)
			port := portOf(ln)
			if c.tlsFirst {
				ln = tls.NewListener(ln, certificate)
			}
			o.receive(t, tcp{ln, port})
			c.client(&o.config.Server)
			o.run(t)
			o.enqueue(t, reset("grace@acme.example"))
			if c.complaint == "" {
				o.take(t, "grace@acme.example")
				return
			}
			await(t, o, "a complaint", func() bool {
				return strings.Contains(column[string](t, o, "SELECT last_error FROM mail_outbox"), c.complaint)
			})
			if len(o.Messages()) != 0 {
				t.Error("the message arrived")
			}
			if strings.Contains(o.log.String(), "hunter2") {
				t.Error("the log shows the password")
			}
		})
	}
}

// tcp is a listener whose address is known, whatever wraps it.
type tcp struct {
	net.Listener
	port int
}

func (l tcp) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.port} }

func TestMessagesWaitWhileTheServerIsAway(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	ln := listen(t)
	address := ln.Addr().String()
	o.config.Server.Port = portOf(ln)
	_ = ln.Close()
	o.config.Attempts = 1 << 20
	o.enqueue(t, reset("grace@acme.example"))
	o.enqueue(t, reset("ada@acme.example"))
	p, _ := o.run(t)
	await(t, o, "two attempts for each", func() bool { return o.count("postponed") >= 4 })
	await(t, o, "the queue to be looked at", func() bool { n, age := p.Queued(); return n == 2 && age > 0 })
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	o.receive(t, ln)
	o.take(t, "grace@acme.example")
	o.take(t, "ada@acme.example")
}

func TestAServerThatIsBusyIsAskedAgain(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]mailcatcher.Refusal{
		"try later":            {Code: 451, Enhanced: [3]int{4, 3, 0}, Text: "try later"},
		"greylisted":           {Code: 450, Enhanced: [3]int{4, 7, 1}, Text: "greylisted"},
		"relaying denied":      {Code: 550, Enhanced: [3]int{5, 7, 1}, Text: "relaying denied"},
		"transaction failed":   {Code: 554, Enhanced: [3]int{5, 0, 0}, Text: "no"},
		"log in, to somewhere": {Code: 530, Enhanced: [3]int{5, 7, 0}, Text: "log in"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			left := 2
			o := open(t, func(c *mailcatcher.Config) {
				c.Refuse = func(string) *mailcatcher.Refusal {
					mu.Lock()
					defer mu.Unlock()
					if left--; left >= 0 {
						return &refusal
					}
					return nil
				}
			})
			o.receive(t, listen(t))
			o.run(t)
			o.enqueue(t, reset("grace@acme.example"))
			o.take(t, "grace@acme.example")
			if n := o.count("postponed"); n != 2 {
				t.Errorf("%d attempts failed\n%s", n, o.log)
			}
		})
	}
}

func TestWhatCannotBeDeliveredIsGivenUpOnRecord(t *testing.T) {
	t.Parallel()
	const victim = "grace@acme.example"
	unknown := func(c *mailcatcher.Config) {
		c.Refuse = func(to string) *mailcatcher.Refusal {
			if to != victim {
				return nil
			}
			return &mailcatcher.Refusal{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "<" + to + "> is unknown here"}
		}
	}
	late := func(c *mailcatcher.Config) {
		c.Refuse = func(to string) *mailcatcher.Refusal {
			if to != victim {
				return nil
			}
			return &mailcatcher.Refusal{Code: 451, Enhanced: [3]int{4, 3, 0}, Text: "try later"}
		}
	}
	for name, c := range map[string]struct {
		server   func(*mailcatcher.Config)
		enqueue  func(*testing.T, *office)
		attempts int
		reason   string
	}{
		"an unknown mailbox": {server: unknown, enqueue: func(t *testing.T, o *office) { o.enqueue(t, reset(victim)) }, reason: "unknown here"},
		"too many attempts":  {server: late, enqueue: func(t *testing.T, o *office) { o.enqueue(t, reset(victim)) }, attempts: 3, reason: "try later"},
		"an expired link": {enqueue: func(t *testing.T, o *office) {
			m := reset(victim)
			m.LinkExpires = time.Now().Add(-time.Second)
			o.enqueue(t, m)
		}, reason: "its link has expired"},
		"a damaged row": {enqueue: func(t *testing.T, o *office) {
			s, err := o.writer.Seal(reset(victim))
			if err != nil {
				t.Fatal(err)
			}
			s.Body[len(s.Body)-1] ^= 1
			if err := o.db.Mail().Enqueue(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}, reason: "the stored message is damaged"},
		"no sealed value": {enqueue: func(t *testing.T, o *office) {
			if err := o.db.Mail().Enqueue(t.Context(), mail.Sealed{ID: id.NewUUID(time.Now()), Body: []byte("poison")}); err != nil {
				t.Fatal(err)
			}
		}, reason: "the stored message is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t, c.server)
			o.receive(t, listen(t))
			o.config.Attempts = c.attempts
			c.enqueue(t, o)
			o.enqueue(t, reset("ada@acme.example")) // does not suffer from the other
			o.run(t)
			o.take(t, "ada@acme.example")
			await(t, o, "the other to be given up", func() bool { return o.count("given_up") == 1 })
			await(t, o, "the record", func() bool {
				return column[int](t, o, "SELECT count(*) FROM audit_event WHERE action = 'mail.undelivered'") == 1
			})
			if why := column[string](t, o, "SELECT detail->>'reason' FROM audit_event WHERE action = 'mail.undelivered'"); !strings.Contains(why, c.reason) || strings.Contains(why, victim) {
				t.Errorf("reason %q", why)
			}
			if n := o.count("postponed"); n != max(c.attempts-1, 0) {
				t.Errorf("%d attempts before", n)
			}
			await(t, o, "the outbox to be empty", func() bool {
				return column[int](t, o, "SELECT count(*) FROM mail_outbox") == 0
			})
			if text := o.log.String(); !strings.Contains(text, "message given up") || strings.Contains(text, victim) || strings.Contains(text, "the-token") {
				t.Errorf("the log: %s", text)
			}
		})
	}
}

func TestAMessageOfWhichNoAttemptCameToAnEndIsGivenUp(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	o.receive(t, listen(t))
	o.config.Attempts = 3
	o.enqueue(t, reset("grace@acme.example"))
	for range 3 { // replicas that claimed it and were never heard of again
		if got, err := o.db.Mail().Claim(t.Context(), 1, 0); err != nil || len(got) != 1 {
			t.Fatalf("claimed %v, %v", got, err)
		}
	}
	o.run(t)
	await(t, o, "the message to be given up", func() bool { return o.count("given_up") == 1 })
	if len(o.Messages()) != 0 {
		t.Error("it was sent")
	}
}

func TestMessagesUnderAnotherMasterKeyWaitForIt(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	o.receive(t, listen(t))
	o.enqueue(t, reset("grace@acme.example"))
	right := o.config.Open
	o.config.Attempts = 1 << 20
	o.config.Open = mail.NewWriter(envelope.New(master(t, 9)), true, time.Now).Open
	_, stop := o.run(t)
	await(t, o, "an attempt", func() bool { return o.count("postponed") > 0 })
	stop()
	if why := column[string](t, o, "SELECT last_error FROM mail_outbox"); !strings.Contains(why, "configure that key again") {
		t.Errorf("last error %q", why)
	}
	o.config.Open = right
	o.run(t)
	o.take(t, "grace@acme.example")
}

func TestAddressesBeyondASCII(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	o.receive(t, listen(t))
	o.run(t)
	o.enqueue(t, reset("grace@bücher.example"))
	if m := o.take(t, "grace@xn--bcher-kva.example"); m.Link() != link {
		t.Errorf("link %q", m.Link())
	}
	o.enqueue(t, reset("grâce@acme.example")) // by SMTPUTF8
	if m := o.take(t, "grâce@acme.example"); m.Link() != link {
		t.Errorf("link %q", m.Link())
	}
}

func TestAReplicaThatStopsLeavesItsMessagesToTheOthers(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	silent := listen(t) // takes connections and says nothing
	o.config.Server.Port = portOf(silent)
	o.config.Farewell = time.Millisecond
	o.enqueue(t, reset("grace@acme.example"))
	o.enqueue(t, reset("ada@acme.example"))
	_, stop := o.run(t)
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	start := time.Now()
	stop()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("stopping took %s", took)
	}
	o.receive(t, listen(t))
	o.run(t)
	o.take(t, "grace@acme.example")
	o.take(t, "ada@acme.example")
}

func TestPausesGrowToAnHourAndLastADay(t *testing.T) {
	t.Parallel()
	var total time.Duration
	last := time.Duration(0)
	for attempt := 1; attempt <= 30; attempt++ {
		p := postman.Pause(attempt)
		if p < last || p > time.Hour {
			t.Errorf("pause %d is %s", attempt, p)
		}
		total, last = total+p, p
	}
	if postman.Pause(1) != 30*time.Second || last != time.Hour || total < 23*time.Hour || total > 26*time.Hour {
		t.Errorf("first %s, last %s, total %s", postman.Pause(1), last, total)
	}
}
