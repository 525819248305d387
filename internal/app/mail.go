package app

import (
	"context"

	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postman"
	"github.com/signet-id/signet/internal/telemetry"
)

// newPostman returns what sends messages, or nil when no mail server is configured, which is
// logged.
func newPostman(o Options, db *postgres.DB, letters *mail.Writer, metrics *telemetry.Metrics) (*postman.Postman, error) {
	c := o.Config.Mail
	if !c.Enabled() {
		o.Log.WarnContext(context.Background(), "no mail server is configured: invitations, confirmations of addresses and links to reset a password are off; set mail.host and mail.from")
		return nil, nil //nolint:nilnil // there is none, and that is fine
	}
	stationery, err := mail.NewStationery(o.Config.Brand.Name, o.Config.Issuer)
	if err != nil {
		return nil, err
	}
	name := c.FromName
	if name == "" {
		name = o.Config.Brand.Name
	}
	p := postman.New(postman.Config{
		Outbox:  db.Mail(),
		Queue:   db.Mail().Queue,
		Open:    letters.Open,
		Letters: stationery,
		Server: postman.Server{
			Host: c.Host, Port: c.PortNumber(), Encryption: postman.Encryption(c.TLS), Username: c.Username, Password: c.Password,
		},
		From:  c.From,
		Name:  name,
		Count: func(kind mail.Kind, result string) { metrics.Mail(string(kind), result) },
		Now:   o.Now,
		Log:   o.Log,
	})
	metrics.ObserveMailQueue(p.Queued)
	return p, nil
}

// pokePostman says that there may be a message to send.
func (r *rooms) pokePostman() {
	if r.postman != nil {
		r.postman.Poke()
	}
}
