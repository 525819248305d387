// Package app puts the rooms together: it is the one place that knows all of them, and it
// decides nothing itself. `signet serve` and `signet dev` run the same app.
//
// Read app.go for what is built and in which order it stops, routes.go for everything the
// public listener serves, waiting.go for what happens before the database is ready.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/signet-id/signet/internal/adminapi"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/connector"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/envelope"
	"github.com/signet-id/signet/internal/holder"
	"github.com/signet-id/signet/internal/hsm"
	"github.com/signet-id/signet/internal/interaction"
	"github.com/signet-id/signet/internal/issuer"
	"github.com/signet-id/signet/internal/keyring"
	"github.com/signet-id/signet/internal/mail"
	"github.com/signet-id/signet/internal/outbound"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/postman"
	"github.com/signet-id/signet/internal/ratelimit"
	"github.com/signet-id/signet/internal/replica"
	"github.com/signet-id/signet/internal/revocation"
	"github.com/signet-id/signet/internal/secret"
	"github.com/signet-id/signet/internal/server"
	"github.com/signet-id/signet/internal/session"
	"github.com/signet-id/signet/internal/telemetry"
	"github.com/signet-id/signet/internal/ui"
	"github.com/signet-id/signet/internal/upstream"
)

// Options is what Run needs; Ready and Resolver are optional.
type Options struct {
	Config config.Config
	Log    *slog.Logger
	Build  telemetry.Build
	Now    func() time.Time
	Ready  func(Addresses) // called once both listeners answer

	Resolver connector.Resolver // looks up what tenants prove domains by; nil: this machine's
}

// Addresses are where the app listens; ports that were 0 are known here.
type Addresses struct{ Public, Ops net.Addr }

// Run serves until ctx ends, then finishes requests in flight and returns nil. Before the
// database is reachable and migrated it serves readiness alone, so that the order in which an
// operator starts things does not matter.
func Run(ctx context.Context, o Options) error {
	envelopes, err := openMaster(o.Config)
	if err != nil {
		return err
	}
	if allow := o.Config.Outbound.Allow; len(allow) > 0 {
		o.Log.WarnContext(ctx, "connectors may reach addresses that are not public", "setting", "outbound.allow", "addresses", allow)
	}
	custodian, err := openCustodian(ctx, o)
	if err != nil {
		return err
	}
	if custodian != nil {
		defer custodian.Close()
	}
	metrics := telemetry.NewMetrics(o.Build)
	db, err := postgres.Open(ctx, postgres.Config{URL: o.Config.Database.URL.Reveal(), MaxConns: o.Config.Database.MaxConns})
	if err != nil {
		return err
	}
	defer db.Close()
	metrics.ObservePool(func() telemetry.PoolStats { return db.Stat() })
	if err := awaitDatabase(ctx, o, db, metrics); err != nil || ctx.Err() != nil {
		return err
	}
	keys := keyring.Config{
		Store: db.Keys(), Envelope: envelopes, Now: o.Now, Log: o.Log,
		Algorithms: o.Config.Keys.Algorithms, Schedule: o.Config.Schedule(),
		Made: countSteps(metrics, o.Log),
	}
	if custodian != nil {
		keys.Custodian = custodian
	}
	ring, err := keyring.Open(ctx, keys)
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	rooms, err := furnish(o, db, ring, envelopes, metrics)
	if err != nil {
		return err
	}
	s, err := server.New(rooms.serverConfig(o, metrics))
	if err != nil {
		return err
	}
	if err := s.Listen(ctx); err != nil {
		return err
	}
	return rooms.live(ctx, o, s, newDeclarations(o, db, envelopes))
}

// openMaster reads the master keys: the current one seals, the former ones open.
func openMaster(c config.Config) (*envelope.Envelope, error) {
	current, err := envelope.ParseMaster(c.Keys.Master)
	if err != nil {
		return nil, fmt.Errorf("keys.master: %w", err)
	}
	var former []envelope.Master
	for _, t := range c.Keys.MasterPrevious {
		m, err := envelope.ParseMaster(t)
		if err != nil {
			return nil, fmt.Errorf("keys.master_previous: %w", err)
		}
		former = append(former, m)
	}
	return envelope.New(current, former...), nil
}

// openCustodian logs in to the HSM in which signing keys are made and kept; nil if none is configured.
// A wrong setting ends the start here, before anything waits for the database.
func openCustodian(ctx context.Context, o Options) (*hsm.Custodian, error) {
	c := o.Config.Keys
	if c.PKCS11Module == "" {
		return nil, nil
	}
	custodian, err := hsm.Open(ctx, hsm.Config{Module: c.PKCS11Module, Token: c.PKCS11Token, PIN: c.PKCS11PIN, Now: o.Now})
	if err != nil {
		return nil, fmt.Errorf("keys in an HSM: %w", err)
	}
	o.Log.InfoContext(ctx, "signing keys are made in an HSM from now on", "module", c.PKCS11Module, "token", c.PKCS11Token)
	return custodian, nil
}

// newRewrapper knows of everything that is sealed, because each package that seals is asked for its
// places.
func newRewrapper(db *postgres.DB, e *envelope.Envelope) (*envelope.Rewrapper, error) {
	return envelope.NewRewrapper(e, db.Sealed(), slices.Concat(keyring.Places(), connector.Places(), mail.Places())...)
}

// rooms is everything that lives as long as the app does.
type rooms struct {
	db         *postgres.DB
	ring       *keyring.Ring
	holders    *holder.Log
	clients    *client.Cache
	heard      *replica.Announcements
	cutoffs    *revocation.Register
	subjects   *directory.Cache
	upstreams  *upstream.Providers
	connectors *connector.Cache // the providers that people sign in through
	keeper     *connector.Keeper
	rewrapper  *envelope.Rewrapper
	recorder   *audit.Recorder
	letters    *mail.Writer
	postman    *postman.Postman // nil without a mail server
	hasher     *password.Hasher
	rules      *password.Rules
	issuer     *issuer.Issuer
	hosted     *interaction.Interaction
	requests   *ratelimit.Limiter // holds off those who have letters sent
	admin      *adminapi.API
}

func furnish(o Options, db *postgres.DB, ring *keyring.Ring, envelopes *envelope.Envelope, metrics *telemetry.Metrics) (*rooms, error) {
	c := o.Config
	hasher, err := newHasher(c, password.Observer{Hashed: metrics.PasswordHashed, Refused: metrics.PasswordRefused}, o.Now)
	if err != nil {
		return nil, err
	}
	metrics.ObservePasswordQueue(hasher.Waiting)
	metrics.ObserveSigningKeys(func() telemetry.SigningKeys { return signingKeys(ring.Status()) })
	rules, err := newRules(c)
	if err != nil {
		return nil, err
	}
	pages, err := ui.New(ui.Config{Product: c.Brand.Name, Issuer: c.Issuer})
	if err != nil {
		return nil, err
	}
	throttleSecret := ring.MAC("sign-in-throttle").Sum([]byte("key"))
	limiter, err := ratelimit.New(ratelimit.Config{
		Secret: secret.New(string(throttleSecret[:])), Policies: policies(c.Throttle), Store: db.Throttles(),
	})
	if err != nil {
		return nil, err
	}
	requestSecret := ring.MAC("mail-request-throttle").Sum([]byte("key"))
	requests, err := ratelimit.New(ratelimit.Config{
		Secret: secret.New(string(requestSecret[:])), Policies: mailPolicies(), Store: db.Throttles(),
	})
	if err != nil {
		return nil, err
	}
	heard := new(replica.Announcements)
	keeper := connector.NewKeeper(envelopes)
	r := &rooms{
		db:         db,
		ring:       ring,
		holders:    holder.NewLog(holder.Config{Store: db.Keys(), Address: server.ClientIP, Keys: allKeys(ring), Now: o.Now, Log: o.Log}),
		clients:    client.NewCache(db.Clients()),
		heard:      heard,
		cutoffs:    revocation.NewRegister(db.Grants(), heard, o.Now),
		subjects:   directory.NewCache(db.Directory(), heard, o.Now),
		connectors: connector.NewCache(db.Providers()),
		keeper:     keeper,
		upstreams: upstream.New(upstream.Config{
			URL: c.Issuer, Client: outbound.New(outbound.Config{Allow: c.Outbound.Allow}), Secrets: keeper,
			Observer: metrics, Now: o.Now, Log: o.Log,
		}),
		hasher:   hasher,
		rules:    rules,
		recorder: audit.NewRecorder(db.Audit(), o.Log, caller),
		letters:  mail.NewWriter(envelopes, c.Mail.Enabled(), o.Now),
		requests: requests,
	}
	if r.postman, err = newPostman(o, db, r.letters, metrics); err != nil {
		return nil, err
	}
	if r.rewrapper, err = newRewrapper(db, envelopes); err != nil {
		return nil, err
	}
	metrics.ObserveCutoffs(r.cutoffs.Len)
	db.OnCutoff(r.cutoffs.Note, o.Now)
	r.issuer = issuer.New(issuer.Config{
		URL:        c.Issuer,
		Keys:       ring,
		Holders:    r.holders,
		RefreshMAC: ring.MAC("refresh-token"),
		Clients:    r.clients,
		Codes:      db.Grants(),
		Families:   db.Grants(),
		Cutoffs:    db.Grants(),
		Recalled:   r.cutoffs,
		Subjects:   r.subjects,
		Audit:      r.recorder,
		Observer:   metrics,
		Lifetimes: issuer.Lifetimes{
			Code:            c.Tokens.CodeTTL,
			AccessToken:     c.Tokens.AccessTTL,
			IDToken:         c.Tokens.IDTTL,
			RefreshIdle:     c.Tokens.RefreshIdleTTL,
			RefreshAbsolute: c.Tokens.RefreshAbsoluteTTL,
			RefreshRetry:    c.Tokens.RefreshRetryWindow,
		},
		Caller:      caller,
		TokenBudget: issuer.DefaultTokenBudget,
		Now:         o.Now,
		Log:         o.Log,
	})
	r.hosted, err = interaction.New(interaction.Config{
		Upstreams:   r.upstreams,
		URL:         c.Issuer,
		Issuer:      r.issuer,
		Pages:       pages,
		Clients:     r.clients,
		Sessions:    db.Sessions(),
		Endings:     db.Sessions(),
		People:      db.Directory(),
		Profiles:    db.Users(),
		Passwords:   db.Directory(),
		Consents:    db.Grants(),
		Invitations: db.Invitations(),
		Links:       db.MailLinks(),
		Connectors:  r.connectors,
		Attempts:    db.Attempts(keeper),
		Identities:  db.Identities(keeper),

		UpstreamEndings: db.Identities(keeper),

		Letters:     r.letters,
		Requests:    r.requests,
		LinkLives:   interaction.LinkLives{Verify: c.Links.VerificationTTL, Reset: c.Links.ResetTTL},
		Limiter:     limiter,
		Hasher:      hasher,
		Rules:       rules,
		MinPassword: c.Password.MinLength,
		FailureTime: c.Throttle.FailureTime,
		Audit:       r.recorder,
		Observer:    metrics,
		FlowMAC:     ring.MAC("pending-authorization"),
		LogoutMAC:   ring.MAC("pending-logout"),
		DeviceMAC:   ring.MAC("known-device"),
		Lifetimes:   session.Lifetimes{Idle: c.Sessions.IdleTTL, Absolute: c.Sessions.AbsoluteTTL},
		Caller:      caller,
		Now:         o.Now,
		Log:         o.Log,
	})
	r.issuer.Interaction = r.hosted // the two need each other
	r.admin = r.administration(o)
	return r, err
}

func policies(c config.Throttle) ratelimit.Policies {
	p := ratelimit.DefaultPolicies()
	p.Account.Free, p.Device.Free = c.AccountAttempts, c.AccountAttempts
	p.Address.Free, p.Address.Window = c.AddressAttempts, c.AddressWindow
	return p
}

// mailPolicies are for messages that people have sent to themselves, or to others. A link outlives
// the pause before the next, so that whoever is flooded with them always has one that works.
func mailPolicies() ratelimit.Policies {
	account := ratelimit.Policy{Free: 3, Base: time.Minute, Max: 10 * time.Minute, Window: 24 * time.Hour, Sliding: true}
	return ratelimit.Policies{
		Account: account,
		Device:  account,
		Address: ratelimit.Policy{Free: 30, Base: time.Minute, Max: 15 * time.Minute, Window: 15 * time.Minute},
	}
}

// caller names who made the request of ctx, for the audit log.
func caller(ctx context.Context) (address, requestID string) {
	if ip := server.ClientIP(ctx); ip.IsValid() {
		address = ip.String()
	}
	return address, telemetry.RequestID(ctx)
}

func (r *rooms) serverConfig(o Options, metrics *telemetry.Metrics) server.Config {
	sc := server.FromConfig(o.Config)
	sc.Routes = r.routes()
	sc.Refuse = r.refuse
	sc.Checks = append(databaseChecks(r.db), server.Check{Name: "signing_keys", Probe: func(context.Context) error { return checkKeys(r.ring.Status()) }})
	sc.Metrics = metrics
	sc.Log = o.Log
	sc.Now = o.Now
	return sc
}

// live runs the server and the background work, and stops them in the order in which they
// need each other: requests first, then what they wrote to.
func (r *rooms) live(ctx context.Context, o Options, s *server.Server, d *declarations) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { r.ring.Run(background) })
	wg.Go(func() { r.holders.Run(background) })
	wg.Go(func() { r.listen(background, o) })
	wg.Go(func() { r.clean(background, o) })
	wg.Go(func() { r.lookAfterDomains(background, o) })
	if !d.declare(ctx) {
		wg.Go(func() { d.retry(background) })
	}
	if r.postman != nil {
		wg.Go(func() { r.postman.Run(background) })
	}
	if o.Ready != nil {
		o.Ready(Addresses{Public: s.Addr(), Ops: s.OpsAddr()})
	}
	err := s.Serve(ctx)
	r.hosted.Close()
	r.upstreams.Close()
	r.recorder.Close()
	stop()
	wg.Wait()
	return err
}

// listen keeps what this replica holds in memory up to date.
func (r *rooms) listen(ctx context.Context, o Options) {
	r.db.Listen(ctx, postgres.Listener{
		Handle: func(channel, payload string) error {
			switch channel {
			case postgres.ChannelClient:
				if payload == "" { // what a resource server declares may be part of any
					r.clients.ForgetAll()
				} else {
					r.clients.Forget(client.ID(payload))
				}
			case postgres.ChannelKeys:
				r.ring.Poke()
			case postgres.ChannelCutoff:
				c, err := postgres.ParseCutoff(payload)
				if err != nil { // of a newer binary: loading all finds it
					return err
				}
				r.cutoffs.Note(c)
			case postgres.ChannelMail:
				r.pokePostman()
			case postgres.ChannelConnector:
				r.connectors.ForgetAll()
			case postgres.ChannelSubject:
				if user, ok := postgres.ParseSubject(payload); ok {
					r.subjects.Forget(user)
				} else {
					r.subjects.ForgetAll()
				}
			}
			return nil
		},
		Resync: func(ctx context.Context) error {
			r.clients.ForgetAll()
			r.subjects.ForgetAll()
			r.connectors.ForgetAll()
			r.ring.Poke()
			r.pokePostman() // what came while nobody listened
			return r.cutoffs.Load(ctx)
		},
		Alive: r.heard.Confirm,
		Lost:  r.heard.Lost,
		Now:   o.Now,
		Log:   o.Log,
	})
}

// clean deletes expired rows now and then; one replica at a time does it.
func (r *rooms) clean(ctx context.Context, o Options) {
	tick := time.NewTicker(o.Config.Cleanup.Interval)
	defer tick.Stop()
	for {
		r.cutoffs.Purge(o.Now())
		done, err := r.db.Clean(ctx, o.Now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			o.Log.WarnContext(ctx, "expired rows could not be deleted, will try again", "error", err)
		case done.Total() > 0:
			o.Log.InfoContext(ctx, "expired rows deleted", "codes", done.Codes, "refresh_families", done.Families,
				"cutoffs", done.Cutoffs, "sessions", done.Sessions, "throttles", done.Throttles, "idempotency_keys", done.IdempotencyKeys,
				"upstream_attempts", done.Attempts, "pending_links", done.PendingLinks, "upstream_logouts", done.Logouts, "key_holders", done.Holders,
				"invitations", done.Invitations, "links", done.Links)
		}
		if len(done.Unpartitioned) > 0 {
			o.Log.DebugContext(ctx, "audit events of these months stay in the default partition", "months", done.Unpartitioned)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func databaseChecks(db *postgres.DB) []server.Check {
	return []server.Check{
		{Name: "database", Probe: db.Ping},
		{Name: "migrations", Probe: func(ctx context.Context) error {
			n, err := db.Pending(ctx)
			if err == nil && n > 0 {
				err = fmt.Errorf("%d migrations are pending; run signet migrate", n)
			}
			return err
		}},
	}
}

// errNotYet says that the database answers but is not ready for this binary.
var errNotYet = errors.New("the database is not ready")
