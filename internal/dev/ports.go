package dev

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"

	"github.com/signet-id/signet/internal/errdefs"
)

// Ports are the TCP ports on 127.0.0.1 that dev listens on; 0 picks a free one.
type Ports struct{ Issuer, Ops, Frontend, Orders, Mail, Partner int }

// Addresses are where a person or a script finds everything.
type Addresses struct {
	Issuer   string `json:"issuer"`
	Ops      string `json:"ops"`
	Frontend string `json:"frontend"`
	Orders   string `json:"orders"`
	Mail     string `json:"mail"`
	Partner  string `json:"partner,omitempty"` // the issuer of Partner Inc
}

// alone is the addresses without Partner Inc.
func (a Addresses) alone() Addresses {
	a.Partner = ""
	return a
}

// port is a bound port.
type port struct {
	listener net.Listener
	number   int
}

func (p port) listen() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.number)) }

// url names localhost, which browsers treat as a secure context and people recognise.
func (p port) url() string { return "http://localhost:" + strconv.Itoa(p.number) }

// byAddress is the URL of a second server for browsers: they keep cookies by host name, whatever the
// port.
func (p port) byAddress() string { return "http://" + p.listen() }

// openPorts are all of them, bound before anything else starts, so that a busy one is known at
// once and every URL can be written down before its server runs.
type openPorts struct {
	issuer, ops, frontend, orders, mail, partner port
	smtp, partnerOps                             port // for the servers alone, so always free ones
}

func (p Ports) open(ctx context.Context) (*openPorts, error) {
	o := &openPorts{}
	for _, want := range []struct {
		number    int
		purpose   string
		flag      string
		into      *port
		reachable bool
	}{
		{p.Issuer, "the identity server", "--port", &o.issuer, true},
		{p.Ops, "health and metrics", "--ops-port", &o.ops, false},
		{p.Frontend, "the demo frontend", "--frontend-port", &o.frontend, true},
		{p.Orders, "the demo orders service", "--orders-port", &o.orders, true},
		{p.Mail, "the pages of the mailbox", "--mail-port", &o.mail, true},
		{p.Partner, "the identity server of Partner Inc", "--partner-port", &o.partner, false},
		{0, "the mail server", "", &o.smtp, false},
		{0, "health and metrics of Partner Inc", "", &o.partnerOps, false},
	} {
		opened, err := openPort(ctx, want.number, want.reachable)
		if err != nil {
			o.close()
			return nil, explainPort(err, want.number, want.purpose, want.flag)
		}
		*want.into = opened
	}
	return o, nil
}

// openPort binds 127.0.0.1. Browsers may try ::1 first when they read localhost: with byName a
// port that another program holds there counts as busy too.
func openPort(ctx context.Context, number int, byName bool) (port, error) {
	var lc net.ListenConfig
	if number != 0 && byName {
		other, err := lc.Listen(ctx, "tcp6", net.JoinHostPort("::1", strconv.Itoa(number)))
		if errors.Is(err, syscall.EADDRINUSE) {
			return port{}, err
		}
		if err == nil { // any other error: this machine has no IPv6
			_ = other.Close()
		}
	}
	ln, err := lc.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(number)))
	if err != nil {
		return port{}, err
	}
	return port{ln, ln.Addr().(*net.TCPAddr).Port}, nil
}

func explainPort(err error, number int, purpose, flag string) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errdefs.Say(errdefs.ErrConflict, err, "port %d for %s is in use by another program: stop that one, or choose another with %s (0 picks a free one)", number, purpose, flag)
	case errors.Is(err, syscall.EACCES):
		return errdefs.Say(errdefs.ErrDenied, err, "port %d for %s needs more rights than you have: choose one above 1023 with %s", number, purpose, flag)
	}
	return errdefs.Say(errdefs.ErrInvalid, err, "port %d for %s cannot be opened (%v): choose one from 0 to 65535 with %s", number, purpose, err, flag)
}

func (o *openPorts) addresses() Addresses {
	return Addresses{Issuer: o.issuer.url(), Ops: o.ops.url(), Frontend: o.frontend.url(), Orders: o.orders.url(), Mail: o.mail.url(), Partner: o.partner.byAddress()}
}

// release hands the ports of the two servers over to them, which bind them themselves.
func (o *openPorts) release() {
	for _, p := range []port{o.issuer, o.ops, o.partner, o.partnerOps} {
		_ = p.listener.Close() // nothing was accepted yet
	}
}

// close gives up every port; closing one twice does no harm.
func (o *openPorts) close() {
	for _, p := range []port{o.issuer, o.ops, o.frontend, o.orders, o.mail, o.smtp, o.partner, o.partnerOps} {
		if p.listener != nil {
			_ = p.listener.Close()
		}
	}
}
