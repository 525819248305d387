// Package dev runs Signet for people who try it or build against it: a private PostgreSQL, the
// same server as `signet serve`, demo people, demo clients, two demo applications, a mailbox that
// gets all mail, and a second server that plays a partner's identity provider, all in this process
// but for PostgreSQL, and all ended by one Ctrl-C.
//
// It owns a data directory (files.go) and what is seeded (people.go, clients.go, partner.go). It decides
// nothing about identity: that is package app, which it configures like an operator would.
//
// Everything it reports to a person is one sentence that says what to do.
package dev

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/embeddedpg"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/telemetry"
)

// Options is what Run needs.
type Options struct {
	// DataDir keeps the database, the keys and dev.json; it is created when missing.
	DataDir string
	// Ports to listen on; 0 picks a free one.
	Ports Ports
	// DatabaseURL names a PostgreSQL to use instead of a private one; empty for a private one.
	DatabaseURL secret.Text
	// Environ is the environment as os.Environ returns it: settings of `signet serve` that dev
	// does not decide itself (SIGNET_TOKENS_ACCESS_TTL, say) are taken from it.
	Environ []string
	// Stdout gets the table, Stderr warnings. Colour decorates the table.
	Stdout, Stderr io.Writer
	Colour         bool
	Build          telemetry.Build
	Now            func() time.Time
}

const (
	// stopTimeout bounds the end of PostgreSQL, after which it is stopped the hard way.
	stopTimeout = 10 * time.Second
	// drainTimeout bounds requests in flight at the demo applications.
	drainTimeout = 2 * time.Second
)

// Run starts everything, prints where it is, and returns nil once ctx has ended and all of it
// has stopped. The database and the keys stay in the data directory.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := openDirectory(o.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	ports, err := o.Ports.open(ctx)
	if err != nil {
		return err
	}
	defer ports.close()
	logFile, err := dir.openLog()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logFile.Close()) }()
	log := newLog(logFile, o.Stderr)

	former, err := dir.readState()
	if err != nil {
		return err
	}
	// The seed's passwords are hashed while PostgreSQL starts; a later run needs none.
	r := &run{Options: o, dir: dir, ports: ports, log: log}
	r.furnish(ctx, former)
	url, stop, ended, err := startDatabase(ctx, o, dir, log)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := r.prepare(ctx, url); err != nil {
		return unlessStopped(ctx, r.explain(err))
	}
	return r.explain(r.serve(ctx, ended))
}

// unlessStopped drops the error of a start that a person broke off: whatever was under way then
// failed because of that.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that ctx ended is why the start failed
	}
	return err
}

// startDatabase starts the private PostgreSQL, unless another one is named. ended is closed
// when it ends; nil means that its life is none of our business.
func startDatabase(ctx context.Context, o Options, dir *directory, log *slog.Logger) (url secret.Text, stop func() error, ended <-chan struct{}, err error) {
	if !o.DatabaseURL.Empty() {
		return o.DatabaseURL, func() error { return nil }, nil, nil
	}
	pg, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: dir.path, Log: log, Durable: true})
	if err != nil {
		return secret.Text{}, nil, nil, err
	}
	stop = func() error {
		// Not derived from ctx, which has ended by then.
		limit, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		return pg.Stop(limit)
	}
	return secret.New(pg.URL()), stop, pg.Done(), nil
}

// run is one `signet dev`.
type run struct {
	Options
	dir     *directory
	ports   *openPorts
	log     *slog.Logger
	main    *site
	partner *site // nil where its database cannot be
	state   State
}

// furnish says what the two servers will hold, and begins to hash the passwords of a first run.
func (r *run) furnish(ctx context.Context, former State) {
	a := r.ports.addresses()
	r.main = &site{master: masterFile, former: former.Site, definition: define(a), log: r.log}
	r.partner = &site{master: partnerKey, definition: definePartner(a), log: r.log.With("site", partnerName)}
	if former.PartnerInc != nil {
		r.partner.former = *former.PartnerInc
	}
	for _, s := range []*site{r.main, r.partner} {
		s.hashes = newHashes(ctx, s.definition.people, s.former.Seed == "")
	}
}

// prepare leaves migrated, seeded databases, master keys and the configuration of both servers.
func (r *run) prepare(ctx context.Context, database secret.Text) error {
	beside, name, err := besideDatabase(database)
	if err != nil {
		return config.Fault{Path: "database.url", Text: err.Error()}
	}
	r.main.database, r.partner.database = database, beside
	r.main.environ, r.partner.environ = r.environ(r.ours()), r.partners()
	for _, s := range []*site{r.main, r.partner} {
		if err := s.configure(r.dir); err != nil {
			return err
		}
	}
	var refused error
	var wg sync.WaitGroup
	wg.Go(func() { refused = r.partner.migrateBeside(ctx, database, name) })
	err = r.main.migrate(ctx)
	wg.Wait()
	if err != nil {
		return err
	}
	if refused != nil {
		if ctx.Err() != nil {
			return refused
		}
		r.withoutPartner(ctx, name, refused)
	}
	return r.seed(ctx)
}

// ours are the settings that dev decides.
func (r *run) ours() map[string]string {
	return map[string]string{
		"SIGNET_ISSUER":                r.ports.issuer.url(),
		"SIGNET_SERVER_LISTEN":         r.ports.issuer.listen(),
		"SIGNET_OPS_LISTEN":            r.ports.ops.listen(),
		"SIGNET_SERVER_SHUTDOWN_GRACE": "5s",
		"SIGNET_DATABASE_URL":          r.main.database.Reveal(),
		"SIGNET_KEYS_MASTER_FILE":      r.dir.file(r.main.master),
		"SIGNET_MAIL_HOST":             "127.0.0.1",
		"SIGNET_MAIL_PORT":             strconv.Itoa(r.ports.smtp.number),
		"SIGNET_MAIL_TLS":              "none",
		"SIGNET_MAIL_FROM":             "no-reply@signet.example",
		"SIGNET_OUTBOUND_ALLOW":        r.allowed(),
	}
}

// allowed is where connectors may lead: also to this machine, where Partner Inc is, and what else
// somebody develops against.
func (r *run) allowed() string {
	const loopback = "127.0.0.0/8,::1"
	for _, kv := range r.Environ {
		if more, ok := strings.CutPrefix(kv, "SIGNET_OUTBOUND_ALLOW="); ok {
			return loopback + "," + more
		}
	}
	return loopback
}

// partners are all settings of Partner Inc.
func (r *run) partners() []string {
	settings := r.ours()
	maps.Copy(settings, map[string]string{
		"SIGNET_ISSUER":             r.ports.partner.byAddress(),
		"SIGNET_SERVER_LISTEN":      r.ports.partner.listen(),
		"SIGNET_OPS_LISTEN":         r.ports.partnerOps.listen(),
		"SIGNET_DATABASE_URL":       r.partner.database.Reveal(),
		"SIGNET_DATABASE_MAX_CONNS": "5",
		"SIGNET_KEYS_MASTER_FILE":   r.dir.file(r.partner.master),
		"SIGNET_MAIL_FROM":          "no-reply@" + partnerDomain,
		"SIGNET_BRAND_NAME":         partnerName,
	})
	delete(settings, "SIGNET_OUTBOUND_ALLOW")
	return variables(settings)
}

// environ is the environment of the first server: what a person set, and ours.
func (r *run) environ(ours map[string]string) []string {
	environ := variables(ours)
	for _, kv := range r.Environ {
		name, _, _ := strings.Cut(kv, "=")
		_, decided := ours[name]
		family := slices.ContainsFunc([]string{"SIGNET_DEV_", "SIGNET_DATABASE_", "SIGNET_KEYS_", "SIGNET_SERVER_TLS_", "SIGNET_MAIL_"},
			func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if strings.HasPrefix(name, config.Prefix) && !decided && !family {
			environ = append(environ, kv)
		}
	}
	return environ
}

func variables(settings map[string]string) []string {
	var out []string
	for name, value := range settings {
		out = append(out, name+"="+value)
	}
	return out
}

// serve runs the servers and the demo applications until ctx ends or one of them fails.
func (r *run) serve(outer context.Context, databaseEnded <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	var others sync.WaitGroup
	issuing, federated := make(chan struct{}), make(chan struct{})
	others.Go(func() {
		select {
		case <-issuing: // the orders service fetches keys as it starts
			cancel(r.serveApplications(ctx))
		case <-ctx.Done():
		}
	})
	others.Go(func() {
		select {
		case <-databaseEnded:
			cancel(errdefs.Say(errdefs.ErrUnavailable, nil, "the private PostgreSQL ended by itself, and its log in %s says why: start signet dev again", r.dir.path))
		case <-ctx.Done():
		}
	})
	r.ports.release()
	if r.partner != nil {
		others.Go(func() { cancel(r.partner.run(ctx, r.Options, func() { close(federated) })) })
	} else {
		close(federated)
	}
	others.Go(func() {
		for _, ready := range []chan struct{}{issuing, federated} {
			select {
			case <-ready:
			case <-ctx.Done():
				return
			}
		}
		if err := r.announce(); err != nil {
			cancel(err)
		}
	})
	err := r.main.run(ctx, r.Options, func() { close(issuing) })
	cancel(err)
	others.Wait()
	if r.state.PID == 0 {
		err = unlessStopped(outer, err)
	}
	if cause := context.Cause(ctx); err == nil && outer.Err() == nil && !errors.Is(cause, context.Canceled) {
		err = cause // one of the others failed, and the server only followed
	}
	if r.state.PID != 0 {
		r.state.PID = 0
		err = errors.Join(err, r.dir.writeState(r.state))
	}
	return err
}

// announce writes dev.json and then the table: a script that waits for the file finds
// everything running.
func (r *run) announce() error {
	r.state.PID = os.Getpid()
	if err := r.dir.writeState(r.state); err != nil {
		return err
	}
	return writeTable(r.Stdout, r.state, r.Colour)
}
