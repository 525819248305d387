// Package mailcatcher is a mail server that delivers nothing: it keeps what it is given in
// memory and shows it on a page, for development and for tests.
//
// It knows nothing of this project and takes mail from anybody who reaches it, so it belongs on
// loopback. catcher.go keeps messages, smtp.go takes them, message.go reads them, page.go shows
// them.
package mailcatcher

import (
	"context"
	"crypto/tls"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config is optional in all its fields but Now and Log.
type Config struct {
	// MaxMessages and MaxBytes bound what is kept, 200 and 32 MiB when 0; the oldest go first.
	MaxMessages int
	MaxBytes    int
	// Hostname is what the server calls itself; "localhost" when empty.
	Hostname string
	// TLS offers STARTTLS.
	TLS *tls.Config
	// Username and Password are demanded, unless empty.
	Username, Password string
	// Refuse has a recipient turned away; nil lets the message pass. It may be called from
	// several goroutines.
	Refuse func(to string) *Refusal
	Now    func() time.Time
	Log    *slog.Logger
}

// Refusal is an SMTP reply (RFC 5321 §4.2, RFC 3463), such as 550 5.1.1 no such mailbox.
type Refusal struct {
	Code     int
	Enhanced [3]int
	Text     string
}

const (
	defaultMessages = 200
	defaultBytes    = 32 << 20
	maxMessage      = 5 << 20 // bytes of one message
)

// Catcher keeps messages. It is safe for concurrent use.
type Catcher struct {
	cfg Config

	mu       sync.Mutex
	last     int
	bytes    int
	messages []Message     // oldest first
	arrived  chan struct{} // closed when something changes
}

// New returns an empty Catcher.
func New(c Config) *Catcher {
	if c.MaxMessages == 0 {
		c.MaxMessages = defaultMessages
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultBytes
	}
	if c.Hostname == "" {
		c.Hostname = "localhost"
	}
	return &Catcher{cfg: c, arrived: make(chan struct{})}
}

// Messages returns what is kept, newest first.
func (c *Catcher) Messages() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := slices.Clone(c.messages)
	slices.Reverse(out)
	return out
}

// Find returns the message of an identifier.
func (c *Catcher) Find(id int) (Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.messages, func(m Message) bool { return m.ID == id })
	if i < 0 {
		return Message{}, false
	}
	return c.messages[i], true
}

// Clear forgets all messages.
func (c *Catcher) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages, c.bytes = nil, 0
}

// Take waits for a message to an address, whatever its case, removes it and returns it; of
// several the oldest. The error is that of ctx.
func (c *Catcher) Take(ctx context.Context, to string) (Message, error) {
	for {
		c.mu.Lock()
		i := slices.IndexFunc(c.messages, func(m Message) bool { return m.For(to) })
		if i >= 0 {
			m := c.messages[i]
			c.messages = slices.Delete(c.messages, i, i+1)
			c.bytes -= len(m.Raw)
			c.mu.Unlock()
			return m, nil
		}
		arrived := c.arrived
		c.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}

func (c *Catcher) keep(from string, to []string, raw []byte) {
	m := read(raw)
	m.From, m.To, m.ReceivedAt = from, slices.Clone(to), c.cfg.Now().UTC()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	m.ID = c.last
	c.messages = append(c.messages, m)
	c.bytes += len(raw)
	for len(c.messages) > c.cfg.MaxMessages || c.bytes > c.cfg.MaxBytes && len(c.messages) > 1 {
		c.bytes -= len(c.messages[0].Raw)
		c.messages = slices.Delete(c.messages, 0, 1)
	}
	close(c.arrived)
	c.arrived = make(chan struct{})
}

// For reports whether m went to an address, whatever its case.
func (m Message) For(address string) bool {
	return slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, address) })
}
