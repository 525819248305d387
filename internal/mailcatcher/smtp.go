package mailcatcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// ServeSMTP takes mail on ln until ctx ends.
func (c *Catcher) ServeSMTP(ctx context.Context, ln net.Listener) error {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return c.session(), nil }))
	s.Domain = c.cfg.Hostname
	s.TLSConfig = c.cfg.TLS
	s.MaxRecipients, s.MaxMessageBytes = 100, maxMessage
	s.ReadTimeout, s.WriteTimeout = time.Minute, 15*time.Second
	s.EnableSMTPUTF8 = true
	s.AllowInsecureAuth = c.cfg.TLS == nil
	s.ErrorLog = errorLog{c.cfg.Log}
	unhook := context.AfterFunc(ctx, func() { _ = s.Close() }) // connections go with it
	defer unhook()
	err := s.Serve(ln)
	if ctx.Err() != nil || errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

func (c *Catcher) session() smtp.Session {
	if c.cfg.Username == "" {
		return &session{catcher: c, welcome: true}
	}
	return &lockedSession{session{catcher: c}}
}

// session is one connection.
type session struct {
	catcher *Catcher
	welcome bool
	from    string
	to      []string
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.welcome {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if refuse := s.catcher.cfg.Refuse; refuse != nil {
		if r := refuse(to); r != nil {
			return &smtp.SMTPError{Code: r.Code, EnhancedCode: smtp.EnhancedCode(r.Enhanced), Message: r.Text}
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.catcher.keep(s.from, s.to, raw)
	return nil
}

// lockedSession is a session that demands a user name and a password.
type lockedSession struct{ session }

func (s *lockedSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *lockedSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != s.catcher.cfg.Username || password != s.catcher.cfg.Password {
			return smtp.ErrAuthFailed
		}
		s.welcome = true
		return nil
	}), nil
}

// errorLog is where go-smtp reports what concerns one connection.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Printf(format string, v ...any) {
	l.log.Info("mail catcher: " + fmt.Sprintf(format, v...))
}
func (l errorLog) Println(v ...any) { l.log.Info("mail catcher: " + fmt.Sprint(v...)) }
