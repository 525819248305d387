package config

import (
	"net/mail"
	"strings"

	"github.com/signet-id/signet/internal/secret"
)

// Mail is the server that takes our messages.
type Mail struct {
	Host     string      `key:"host" example:"smtp.example.com" doc:"Name or address of the mail server (SMTP submission). Empty: no e-mail is sent."`
	Port     int         `key:"port" default:"0" doc:"Its port. 0: the usual one of mail.tls, which is 587 for starttls, 465 for tls and 25 for none."`
	TLS      string      `key:"tls" default:"starttls" doc:"How the connection is encrypted: starttls, tls (from the first byte), or none, which is allowed on a loopback host only. There is no fallback to plain text."`
	Username string      `key:"username" doc:"Account at the mail server. Empty: no authentication."`
	Password secret.Text `key:"password" doc:"Password of that account."`
	From     string      `key:"from" example:"no-reply@example.com" doc:"Address that messages come from. Required with mail.host."`
	FromName string      `key:"from_name" doc:"Name beside that address. Empty: brand.name."`
}

// The values of Mail.TLS.
const (
	MailSTARTTLS = "starttls"
	MailTLS      = "tls"
	MailPlain    = "none"
)

// Enabled reports whether a mail server is configured.
func (m Mail) Enabled() bool { return m.Host != "" }

// PortNumber returns the port to connect to.
func (m Mail) PortNumber() int {
	switch {
	case m.Port != 0:
		return m.Port
	case m.TLS == MailTLS:
		return 465
	case m.TLS == MailPlain:
		return 25
	}
	return 587
}

func validateMail(m Mail, f *faults) {
	f.require("mail.tls", m.TLS == MailSTARTTLS || m.TLS == MailTLS || m.TLS == MailPlain,
		"%q is none of starttls, tls and none", m.TLS)
	between(f, "mail.port", m.Port, 0, 65535)
	f.require("mail.from_name", len(m.FromName) <= 80 && !strings.ContainsAny(m.FromName, "\r\n\x00"),
		"write a name of 1 to 80 bytes on one line")
	if m.From != "" {
		a, err := mail.ParseAddress(m.From)
		f.require("mail.from", err == nil && a.Name == "" && a.Address == m.From,
			"%q is not a bare address: write one such as no-reply@example.com, and the name as mail.from_name", m.From)
	}
	f.require("mail.password", m.Username == "" || !m.Password.Empty(), "required with mail.username")
	f.require("mail.username", m.Username != "" || m.Password.Empty(), "required with mail.password")
	if !m.Enabled() {
		f.require("mail.host", m.From == "" && m.Username == "" && m.Password.Empty(),
			"required with other settings of mail: name the mail server, or remove them")
		return
	}
	f.require("mail.from", m.From != "", "required with mail.host: the address that messages come from")
	f.require("mail.host", !strings.ContainsAny(m.Host, "/ \t\r\n@") && (!strings.Contains(m.Host, ":") || strings.Count(m.Host, ":") > 1 && !strings.HasPrefix(m.Host, "[")),
		"%q is no host name: write it alone, and the port as mail.port", redactURL(m.Host))
	f.require("mail.tls", m.TLS != MailPlain || loopback(m.Host),
		"none is allowed on a loopback host only, because messages hold links that let people in: write starttls or tls")
}
