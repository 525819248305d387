package postman

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/net/idna"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/secret"
)

// Encryption says how the connection to the mail server is protected. There is no fallback.
type Encryption string

// The ways.
const (
	STARTTLS Encryption = "starttls" // RFC 3207, demanded
	TLS      Encryption = "tls"      // from the first byte (RFC 8314)
	Plain    Encryption = "none"     // for loopback
)

// Server is the mail server that takes everything. It is the operator's own choice, so it may
// have a private address.
type Server struct {
	Host       string
	Port       int
	Encryption Encryption
	Username   string // "" for no authentication
	Password   secret.Text
	RootCAs    *x509.CertPool // nil for those of the system
}

// timeout bounds each exchange with the server: connecting, greeting, and one message.
const timeout = 30 * time.Second

// mechanisms are the ways to authenticate, best first. PLAIN and LOGIN are refused by the client
// itself on a connection that is neither encrypted nor on loopback.
var mechanisms = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5}

// line is one connection, over which messages are sent one after the other.
type line struct {
	client *gomail.Client
	smtp   *smtp.Client
	conn   net.Conn
	unhook func() bool
}

// dial connects, encrypts and authenticates. The connection breaks when lifetime ends.
func (s Server) dial(lifetime context.Context) (*line, error) {
	l := &line{unhook: func() bool { return true }}
	config := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12, RootCAs: s.RootCAs}
	options := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(timeout), gomail.WithTLSConfig(config), gomail.WithTLSPolicy(gomail.TLSMandatory),
		// Ours, so that a connection that fails half-way is closed, and ends with lifetime.
		gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			var err error
			if s.Encryption == TLS {
				l.conn, err = (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
			} else {
				l.conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
			}
			if err != nil {
				return nil, err
			}
			l.unhook = context.AfterFunc(lifetime, func() { _ = l.conn.Close() })
			return l.conn, nil
		}),
	}
	switch s.Encryption {
	case TLS:
		options = append(options, gomail.WithSSL())
	case Plain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if s.Username != "" {
		options = append(options, gomail.WithUsername(s.Username), gomail.WithPassword(s.Password.Reveal()), gomail.WithOpportunisticSMTPAuth(mechanisms...))
	}
	client, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	l.client = client
	dialling, cancel := context.WithTimeout(lifetime, timeout)
	defer cancel()
	if l.smtp, err = client.DialToSMTPClientWithContext(dialling); err != nil {
		l.unhook()
		if l.conn != nil {
			_ = l.conn.Close()
		}
		return nil, fmt.Errorf("mail server %s: %w", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), err)
	}
	return l, nil
}

// close says goodbye.
func (l *line) close() {
	_ = l.client.CloseWithSMTPClient(l.smtp)
	l.unhook()
	_ = l.conn.Close() // when the server did not
}

// errBadAddress says that the server, or the rules of mail, will never take an address.
var errBadAddress = errors.New("address cannot be delivered to")

// send hands over one message. The text of an error may hold the address: see reason.
func (l *line) send(m *gomail.Msg) error {
	if to := m.GetTo(); len(to) == 1 && !ascii(to[0].Address) {
		if ok, _ := l.smtp.Extension("SMTPUTF8"); !ok {
			return fmt.Errorf("the mail server takes no addresses beyond ASCII (SMTPUTF8): %w", errBadAddress)
		}
	}
	if err := l.smtp.UpdateDeadline(timeout); err != nil {
		return err
	}
	err := l.client.SendWithSMTPClient(l.smtp, m)
	if m.IsDelivered() { // it was accepted; what failed came after
		return nil
	}
	return err
}

// sender is who writes.
type sender struct{ address, name string }

// compose makes a letter the message that goes out. Its Message-ID comes from its row, so that
// whoever gets it twice can tell.
func (s sender) compose(row [16]byte, to string, l mail.Letter, at time.Time) (*gomail.Msg, error) {
	address, err := asciiDomain(to)
	if err != nil {
		return nil, err
	}
	from, err := asciiDomain(s.address)
	if err != nil {
		return nil, fmt.Errorf("mail.from: %w", errdefs.ErrInvalid) // not the recipient's fault
	}
	m := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(&netmail.Address{Name: s.name, Address: from})
	m.ToMailAddress(&netmail.Address{Address: address})
	m.Subject(l.Subject)
	m.SetDateWithValue(at)
	m.SetMessageIDWithValue(hex.EncodeToString(row[:]) + from[strings.LastIndexByte(from, '@'):])
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	return m, nil
}

// asciiDomain writes a domain in other letters the way that every mail server knows (RFC 5891).
func asciiDomain(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", fmt.Errorf("no domain: %w: %w", errBadAddress, errdefs.ErrInvalid)
	}
	domain := address[at+1:]
	if ascii(domain) {
		return address, nil
	}
	domain, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return "", fmt.Errorf("no domain name: %w: %w", errBadAddress, errdefs.ErrInvalid)
	}
	return address[:at+1] + domain, nil
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// hopeless reports whether a server has refused a message for good. Replies that may be about
// us, such as a demand for authentication or a policy (X.7.Y, RFC 3463), are tried again: an
// operator can change that.
func hopeless(err error) bool {
	if errors.Is(err, errBadAddress) {
		return true
	}
	e, ok := errors.AsType[*gomail.SendError](err)
	if !ok || (e.Reason != gomail.ErrSMTPRcptTo && e.Reason != gomail.ErrSMTPDataClose) || strings.Contains(e.Error(), "5.7.") {
		return false
	}
	switch e.ErrorCode() {
	case 550, 551, 553, 556: // RFC 5321 §4.2.3, RFC 7504
		return true
	}
	return false
}

// answered reports whether the server itself refused the message, so that the connection is fine.
func answered(err error) bool {
	e, ok := errors.AsType[*gomail.SendError](err)
	return ok && e.ErrorCode() != 0
}

// reason is the text of err for the operator, on one line of bounded length and without the
// address.
func reason(err error, address string) string {
	s, _, _ := strings.Cut(err.Error(), ", affected ")
	s = strings.Join(strings.Fields(s), " ")
	if address != "" {
		if ascii, err := asciiDomain(address); err == nil {
			s = strings.ReplaceAll(s, ascii, "…")
		}
		s = strings.ReplaceAll(s, address, "…")
	}
	if r := []rune(s); len(r) > 300 {
		s = string(r[:299]) + "…"
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
}
