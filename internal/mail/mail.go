// Package mail owns what Signet writes to people: the kinds of message, their words and looks,
// and the sealed form in which they wait in the outbox.
//
// Whoever has something to tell fills a Message and has a Writer seal it; the store that makes
// the change puts the result into the outbox in the same transaction, so that neither happens
// without the other. What was committed is sent by internal/postman, at least once; package
// postgres keeps the outbox. Nothing here opens a connection or reads a clock.
//
// kind.go says what each kind needs, render.go turns a message into a letter, english.go has the words.
package mail

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

// Message is something to tell one person. Which fields count depends on its kind; what a kind
// does not need is ignored. It prints as its kind alone.
type Message struct {
	Kind Kind
	// To is the address, as people wrote it: one addr-spec without a display name.
	To string
	// Locale is a BCP 47 tag; the nearest language we speak is used, English without one.
	Locale string

	// Name is that of the reader; "" when unknown.
	Name string
	// Organization is the display name of the tenant.
	Organization string
	// Inviter is the display name of who invited; "" when nobody should be named.
	Inviter string
	// Connector is the display name of a provider.
	Connector string
	// Link leads on. It is a secret: whoever has it is let in.
	Link secret.Text
	// LinkExpires is when Link stops working. A message that could not be sent until then is
	// dropped.
	LinkExpires time.Time
	// At is when the thing happened that a notice is about.
	At time.Time

	// Tenant, User and Target go into the audit log if the message cannot be delivered.
	Tenant id.Tenant
	User   id.User
	Target string
}

// String, GoString and LogValue keep addresses, names and links out of logs.
func (m Message) String() string       { return "message " + string(m.Kind) }
func (m Message) GoString() string     { return m.String() }
func (m Message) LogValue() slog.Value { return slog.StringValue(string(m.Kind)) }

// maxField bounds every text of a message, in bytes; addresses have their own bound.
const (
	maxField   = 2048
	maxAddress = 254 // RFC 5321 §4.5.3.1.3
)

// Check says whether m can be written: its kind is known, its address is one that mail systems
// accept, and what the kind needs is there. The error is errdefs.ErrInvalid and names the field.
func (m Message) Check() error {
	bad := func(field, why string) error {
		return fmt.Errorf("message %s: %s %s: %w", m.Kind, field, why, errdefs.ErrInvalid)
	}
	needs, ok := kinds[m.Kind]
	if !ok {
		return bad("kind", "is unknown")
	}
	if !deliverable(m.To) {
		return bad("to", "is no address")
	}
	for _, f := range []struct {
		name, text string
		needed     bool
	}{
		{"organization", m.Organization, needs.organization},
		{"connector", m.Connector, needs.connector},
		{"link", m.Link.Reveal(), needs.link},
		{"name", m.Name, false},
		{"inviter", m.Inviter, false},
		{"locale", m.Locale, false},
		{"target", m.Target, false},
	} {
		switch {
		case f.needed && f.text == "":
			return bad(f.name, "is missing")
		case len(f.text) > maxField || !utf8.ValidString(f.text):
			return bad(f.name, "is too long or no text")
		}
	}
	if !m.Link.Empty() && !plainLink(m.Link.Reveal()) {
		return bad("link", "is no URL of http or https")
	}
	if needs.link && m.LinkExpires.IsZero() {
		return bad("link_expires", "is missing")
	}
	if needs.at && m.At.IsZero() {
		return bad("at", "is missing")
	}
	return nil
}

// deliverable accepts one bare addr-spec. A parsed address has no line break or second address
// in it, so none reaches a header or the envelope.
func deliverable(address string) bool {
	if address == "" || len(address) > maxAddress || strings.ContainsAny(address, "\r\n\x00") {
		return false
	}
	a, err := mail.ParseAddress(address)
	return err == nil && a.Name == "" && a.Address == address
}

// Sealed is a message as it waits in the outbox. It is not secret.
type Sealed struct {
	ID   [16]byte // of the row; part of the seal and of the Message-ID
	Body []byte
}

// Writer seals messages for the outbox. It is safe for concurrent use.
type Writer struct {
	envelope *envelope.Envelope
	enabled  bool
	now      func() time.Time
}

// NewWriter returns a Writer. enabled says whether a mail server is configured; now dates rows.
func NewWriter(e *envelope.Envelope, enabled bool, now func() time.Time) *Writer {
	return &Writer{envelope: e, enabled: enabled, now: now}
}

// ErrDisabled says that no mail server is configured, so nothing can be told to anybody.
var ErrDisabled = errdefs.Say(errdefs.ErrUnavailable, nil, "this installation sends no e-mail: set mail.host and mail.from")

// Enabled reports whether messages are sent at all. Features that cannot do without ask it first
// and say so.
func (w *Writer) Enabled() bool { return w != nil && w.enabled }

// Seal returns the stored form of m. The error is ErrDisabled, or that of Check.
func (w *Writer) Seal(m Message) (Sealed, error) {
	if !w.Enabled() {
		return Sealed{}, ErrDisabled
	}
	if err := m.Check(); err != nil {
		return Sealed{}, err
	}
	plain, err := json.Marshal(stored{
		Kind: m.Kind, To: m.To, Locale: m.Locale, Name: m.Name, Organization: m.Organization, Inviter: m.Inviter, Connector: m.Connector,
		Link: m.Link.Reveal(), LinkExpires: m.LinkExpires, At: m.At, Tenant: m.Tenant, User: m.User, Target: m.Target,
	})
	if err != nil {
		return Sealed{}, err
	}
	defer clear(plain)
	out := Sealed{ID: id.NewUUID(w.now())}
	sealed, err := w.envelope.Seal(plain, identity(out.ID))
	if err != nil {
		return Sealed{}, err
	}
	out.Body, err = sealed.MarshalBinary()
	return out, err
}

// Open returns the message of s. The error is envelope.ErrUnknownMaster when another master key
// is wanted; any other says that the row is damaged for good.
func (w *Writer) Open(s Sealed) (Message, error) {
	var sealed envelope.Sealed
	if err := sealed.UnmarshalBinary(s.Body); err != nil {
		return Message{}, err
	}
	plain, err := w.envelope.Open(sealed, identity(s.ID))
	if err != nil {
		return Message{}, err
	}
	defer clear(plain)
	var v stored
	if err := json.Unmarshal(plain, &v); err != nil {
		return Message{}, fmt.Errorf("stored message cannot be read: %w", errdefs.ErrInvalid) // the cause may quote it
	}
	return Message{
		Kind: v.Kind, To: v.To, Locale: v.Locale, Name: v.Name, Organization: v.Organization, Inviter: v.Inviter, Connector: v.Connector,
		Link: secret.New(v.Link), LinkExpires: v.LinkExpires, At: v.At, Tenant: v.Tenant, User: v.User, Target: v.Target,
	}, nil
}

// identity binds a sealed message to its row.
func identity(row [16]byte) []byte { return envelope.Identity("mail_outbox", string(row[:])) }

// Places are where messages are stored that a Writer sealed.
func Places() []envelope.Place {
	return []envelope.Place{{Name: "mail_outbox", Row: func(key []byte) (string, [][]byte) {
		return hex.EncodeToString(key), [][]byte{identity([16]byte(key))}
	}}}
}

// stored is the plaintext of a sealed message. A later binary reads what an earlier one wrote:
// add fields, never change one.
type stored struct {
	Kind         Kind      `json:"kind"`
	To           string    `json:"to"`
	Locale       string    `json:"locale,omitempty"`
	Name         string    `json:"name,omitempty"`
	Organization string    `json:"organization,omitempty"`
	Inviter      string    `json:"inviter,omitempty"`
	Connector    string    `json:"connector,omitempty"`
	Link         string    `json:"link,omitempty"`
	LinkExpires  time.Time `json:"link_expires,omitzero"`
	At           time.Time `json:"at,omitzero"`
	Tenant       id.Tenant `json:"tenant,omitzero"`
	User         id.User   `json:"user,omitzero"`
	Target       string    `json:"target,omitempty"`
}

// Claimed is a message that one replica has taken out of the outbox for a while.
type Claimed struct {
	Sealed
	QueuedAt time.Time
	Attempt  int // 1 for the first
}
