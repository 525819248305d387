package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/replica"
	"github.com/signet-id/signet/internal/revocation"
)

// The channels on which the database announces changes; triggers in the migrations send.
const (
	ChannelClient  = "signet_client" // payload: the client's id
	ChannelKeys    = "signet_keys"
	ChannelCutoff  = "signet_cutoff"  // payload: see ParseCutoff
	ChannelSubject = "signet_subject" // payload: see ParseSubject
	ChannelMail    = "signet_mail"    // a message is in the outbox

	ChannelConnector = "signet_connector" // connectors, or the domains that lead to them
)

// channelProbe carries what listeners announce to themselves, by a connection of the pool.
const channelProbe = "signet_probe"

const (
	// heartbeat is how often the connection is seen to be alive, a fraction of
	// replica.Freshness.
	heartbeat = replica.Freshness / 4
	// heartbeatTimeout is how long a connection may be silent before it is given up.
	heartbeatTimeout = 2 * time.Second
	reconnectPause   = time.Second
	// deafPause is the pause after nothing could be heard, which another attempt hardly changes.
	deafPause = 30 * time.Second
)

var errDeaf = errors.New("announcements do not arrive, as behind a connection pooler in transaction mode: LISTEN needs a session")

// Listener hears what the database announces; all fields are required. Its functions are
// called from one goroutine, one at a time.
type Listener struct {
	// Handle gets each announcement. An error says that it could not be heeded; it ends the
	// connection, so that Resync finds out what it was about.
	Handle func(channel, payload string) error
	// Resync is called after each connect, when announcements arrive already: what was
	// announced before is lost. An error ends the connection.
	Resync func(context.Context) error
	// Alive says that all announcements made before at have been handled. It is called
	// several times a second.
	Alive func(at time.Time)
	// Lost says that the connection broke.
	Lost func()
	Now  func() time.Time
	Log  *slog.Logger
}

// Listen tells l of announcements until ctx is done. It keeps a connection of its own and
// reconnects.
func (db *DB) Listen(ctx context.Context, l Listener) {
	for ctx.Err() == nil {
		err := db.listenOnce(ctx, l)
		l.Lost()
		if ctx.Err() != nil {
			return
		}
		l.Log.WarnContext(ctx, "notifications interrupted, reconnecting", "error", err)
		pause := reconnectPause
		if errors.Is(err, errDeaf) {
			pause = deafPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (db *DB) listenOnce(ctx context.Context, l Listener) error {
	config := db.pool.Config().ConnConfig
	config.RuntimeParams["application_name"] = "signet listener"
	probe, arrived := rand.Text(), false
	var failed error // what Handle said first
	// Called while an answer is read: once a heartbeat is answered, everything that was
	// announced before it has been handled.
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) {
		switch {
		case n.Channel == channelProbe:
			arrived = arrived || n.Payload == probe
		case failed == nil:
			failed = l.Handle(n.Channel, n.Payload)
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, channel := range []string{channelProbe, ChannelClient, ChannelKeys, ChannelCutoff, ChannelSubject, ChannelMail, ChannelConnector} {
		if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
			return err
		}
	}
	if err := db.announce(ctx, conn, probe, &arrived); err != nil {
		return err
	}
	at := l.Now()
	if err := l.Resync(ctx); err != nil {
		return err
	}
	l.Alive(at)
	for {
		beat, cancel := context.WithTimeout(ctx, heartbeat)
		for err = nil; err == nil && failed == nil; {
			err = conn.PgConn().WaitForNotification(beat)
		}
		late := beat.Err() != nil
		cancel()
		if failed != nil {
			return failed
		}
		if !late || ctx.Err() != nil { // not the heartbeat's time, but the connection's end or ours
			return err
		}
		at := l.Now()
		ping, cancel := context.WithTimeout(ctx, heartbeatTimeout)
		err = conn.Ping(ping)
		cancel()
		if err = errors.Join(err, failed); err != nil {
			return err
		}
		l.Alive(at)
	}
}

// announce has the database announce probe and waits until it has arrived at conn. Behind a
// pooler in transaction mode LISTEN succeeds and heartbeats are answered, but what is announced
// while conn is idle reaches nobody.
func (db *DB) announce(ctx context.Context, conn *pgx.Conn, probe string, arrived *bool) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	if _, err := db.pool.Exec(ctx, "SELECT pg_notify($1, $2)", channelProbe, probe); err != nil {
		return err
	}
	for !*arrived {
		if err := conn.PgConn().WaitForNotification(ctx); errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return errDeaf
		} else if err != nil {
			return err
		}
	}
	return nil
}

var errCutoffPayload = errors.New("not a cutoff")

// ParseCutoff reads the payload of ChannelCutoff: the expiry in Unix seconds, the kind and the
// subject, separated by blanks.
func ParseCutoff(payload string) (revocation.Cutoff, error) {
	expires, rest, _ := strings.Cut(payload, " ")
	kind, subject, ok := strings.Cut(rest, " ")
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || !ok || kind == "" || subject == "" {
		return revocation.Cutoff{}, fmt.Errorf("%w: %q", errCutoffPayload, payload)
	}
	return revocation.Cutoff{Kind: revocation.Kind(kind), Subject: subject, ExpiresAt: time.Unix(seconds, 0)}, nil
}

// ParseSubject reads the payload of ChannelSubject: the UUID of the person of whom something
// changed. It is false when that may be anybody: the payload is empty, or of a newer binary.
func ParseSubject(payload string) (id.User, bool) {
	var u pgtype.UUID
	if err := u.Scan(payload); err != nil || !u.Valid {
		return id.User{}, false
	}
	return id.UserFromUUID(u.Bytes), true
}
