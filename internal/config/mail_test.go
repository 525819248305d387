package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/config"
)

func TestMailIsOffUnlessAHostIsNamed(t *testing.T) {
	t.Parallel()
	if c := load(t, "", valid()...); c.Mail.Enabled() {
		t.Error("on by default")
	}
	c := load(t, "mail:\n  host: smtp.example.com\n  from: no-reply@example.com\n", valid()...)
	if !c.Mail.Enabled() || c.Mail.TLS != config.MailSTARTTLS || c.Mail.PortNumber() != 587 {
		t.Errorf("mail: %+v", c.Mail)
	}
	for tls, port := range map[string]int{"tls": 465, "none": 25} {
		c := load(t, "mail:\n  host: localhost\n  from: no-reply@example.com\n  tls: "+tls+"\n", valid()...)
		if c.Mail.PortNumber() != port {
			t.Errorf("%s: port %d", tls, c.Mail.PortNumber())
		}
	}
}

func TestMailThatCannotWorkOrWouldShowItsLinksIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ yaml, fault string }{
		"no sender":                {"host: smtp.example.com", "mail.from"},
		"no host":                  {"from: a@example.com", "mail.host"},
		"plain over the network":   {"{host: smtp.example.com, from: a@example.com, tls: none}", "mail.tls"},
		"plain to a look-alike":    {"{host: localhost.example.com, from: a@example.com, tls: none}", "mail.tls"},
		"unknown encryption":       {"{host: smtp.example.com, from: a@example.com, tls: ssl}", "mail.tls"},
		"host with its port":       {"{host: 'smtp.example.com:587', from: a@example.com}", "mail.host"},
		"a URL":                    {"{host: 'smtp://smtp.example.com', from: a@example.com}", "mail.host"},
		"sender with a name":       {"{host: smtp.example.com, from: 'A <a@example.com>'}", "mail.from"},
		"sender with a line break": {`{host: smtp.example.com, from: "a@example.com\r\nBcc: b@example.com"}`, "mail.from"},
		"name with a line break":   {`{host: smtp.example.com, from: a@example.com, from_name: "A\r\nBcc: b@example.com"}`, "mail.from_name"},
		"account without password": {"{host: smtp.example.com, from: a@example.com, username: a}", "mail.password"},
		"password without account": {"{host: smtp.example.com, from: a@example.com, password: a}", "mail.username"},
		"port out of range":        {"{host: smtp.example.com, from: a@example.com, port: 70000}", "mail.port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			yaml := "mail:\n  " + c.yaml
			if strings.HasPrefix(c.yaml, "{") {
				yaml = "mail: " + c.yaml
			}
			_, err := config.Load(config.Source{File: write(t, "signet.yaml", yaml+"\n"), Environ: valid()}, config.Serve)
			if !slices.ContainsFunc(config.Faults(err), func(f config.Fault) bool { return f.Path == c.fault }) {
				t.Errorf("error %v, want a fault of %s", err, c.fault)
			}
		})
	}
}
