package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/app"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/config"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/postgres"
	"github.com/signet-id/signet/internal/secret"
)

// bootstrapFlags is what the command line says about the first tenant, person and client.
type bootstrapFlags struct {
	tenant, tenantName, email, name, role, passwordFile string
	audience                                            string
	installationAdmin                                   bool

	client, clientName                    string
	confidential, thirdParty              bool
	redirectURIs, postLogoutURIs, origins []string
	scopes                                []string
}

func (p *program) bootstrapCommand() *cobra.Command {
	var f bootstrapFlags
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Put the first tenant, person and client into an empty installation",
		Long: `Stores a tenant, a person who belongs to it and, if you name redirect URIs, a client, straight
in the database and all in one step. Nothing that exists is changed, except that a client of the
same id is brought up to date; so it can be run again to add another person or client. A person
who exists joins the tenant and keeps their name and password. The audit log says who was added.

As long as nobody does, a new person administers the whole installation, beside what they do in
their tenant: somebody has to. Give --installation-admin to add another one, or to choose a person
who exists, and --installation-admin=false to go without.

The password is read from --password-file, or asked for on a terminal, and has to pass the same
rules as on the hosted pages. The secret of a confidential client is printed once and cannot be
shown again.`,
		Example: `  signet bootstrap --tenant acme --tenant-name "Acme Inc" --email ada@acme.example --password-file pw.txt
  signet bootstrap --tenant acme --email ada@acme.example --password-file pw.txt \
      --client shop --client-name "Shop" --redirect-uri https://shop.acme.example/callback \
      --origin https://shop.acme.example --audience https://orders.acme.example`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.tenant == "" || f.email == "" {
				return misuse(cmd, errors.New("--tenant and --email are required"))
			}
			c, err := p.load(config.Migrate)
			if err != nil {
				return err
			}
			return p.bootstrap(cmd.Context(), c, f, cmd.Flags().Changed(flagInstallationAdmin))
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.tenant, "tenant", "", "`slug` of the tenant: a-z, 0-9 and hyphens")
	fl.StringVar(&f.tenantName, "tenant-name", "", "`name` of the tenant that people read (the slug unless given)")
	fl.StringVar(&f.email, "email", "", "e-mail `address` that the person signs in with")
	fl.StringVar(&f.name, "name", "", "the person's `name`")
	fl.StringVar(&f.role, "role", "admin", "`role` of the person in the tenant")
	fl.BoolVar(&f.installationAdmin, flagInstallationAdmin, false, "the person administers the whole installation (yes for a new person when nobody does, unless given)")
	fl.StringVar(&f.passwordFile, "password-file", "", "`file` with the person's password; - is standard input")
	fl.StringVar(&f.audience, "audience", "", "`URI` of the API that the client's tokens are for")
	fl.StringVar(&f.client, "client", "", "`id` of the client (a fresh cli_… unless given)")
	fl.StringVar(&f.clientName, "client-name", "", "`name` of the client that people read")
	fl.BoolVar(&f.confidential, "confidential", false, "the client runs on a server and keeps a secret")
	fl.BoolVar(&f.thirdParty, "third-party", false, "people are asked before the client gets anything")
	fl.StringArrayVar(&f.redirectURIs, "redirect-uri", nil, "where the client may have people sent back to, as an exact `URI`; repeatable")
	fl.StringArrayVar(&f.postLogoutURIs, "post-logout-redirect-uri", nil, "where people may be sent after signing out, as an exact `URI`; repeatable")
	fl.StringArrayVar(&f.origins, "origin", nil, "web `origin` whose scripts may call the token endpoint; repeatable")
	fl.StringArrayVar(&f.scopes, "scope", nil, "further `scope` of the client; repeatable")
	return cmd
}

const flagInstallationAdmin = "installation-admin"

// bootstrap stores what f says. decided tells that --installation-admin was given.
func (p *program) bootstrap(ctx context.Context, c config.Config, f bootstrapFlags, decided bool) error {
	now := time.Now()
	password, err := readPassword(f.passwordFile, p.stderr)
	if err != nil {
		return err
	}
	hash, err := app.HashNewPassword(ctx, c, password, f.email, f.name)
	if err != nil {
		return err
	}
	in := installation.Installation{
		Tenants: []installation.Tenant{{Slug: f.tenant, Name: or(f.tenantName, f.tenant), Roles: []installation.Role{{Name: f.role}}}},
		Users: []installation.User{{
			Email: f.email, EmailVerified: true, Name: f.name, PasswordHash: hash,
			Memberships: []installation.Membership{{Tenant: f.tenant, Roles: []string{f.role}}},
		}},
	}
	if f.audience != "" {
		in.ResourceServers = []installation.ResourceServer{{Audience: f.audience, Name: f.audience}}
	}
	var shown secret.Text
	if len(f.redirectURIs) > 0 {
		registration, s := f.registration(now)
		in.Clients, shown = []installation.Client{{Client: registration}}, s
	}
	if err := in.Check(); err != nil {
		return err
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: c.Database.URL.Reveal(), MaxConns: 1})
	if err != nil {
		return err
	}
	defer db.Close()
	if n, err := db.Pending(ctx); err != nil {
		return fmt.Errorf("the database does not answer; check database.url: %w", err)
	} else if n > 0 {
		return errors.New("the database is not up to date; run signet migrate first")
	}
	_, existed, err := findPerson(ctx, db, f.email)
	if err != nil {
		return err
	}
	administered, err := db.Administered(ctx)
	if err != nil {
		return err
	}
	if !decided { // somebody who was there before keeps a password that whoever runs this may not know
		f.installationAdmin = !administered && !existed
	}
	if f.installationAdmin {
		in.Users[0].Memberships = append(in.Users[0].Memberships, installation.Membership{Tenant: admin.InstallationTenant, Roles: []string{admin.AdminRole}})
	}
	if err := db.Install(ctx, in, now); err != nil {
		return err
	}
	// What was stored is told before anything else can fail: the secret is shown nowhere else.
	if err := f.report(p.stdout, in, shown, existed, administered || f.installationAdmin); err != nil {
		return err
	}
	if err := auditBootstrap(ctx, db, in, now); err != nil {
		return fmt.Errorf("everything was stored, but not the audit event that says so; run the command again without --redirect-uri to have it recorded: %w", err)
	}
	return nil
}

// report tells what is stored now. existed says that the person was there before, administered
// that somebody looks after the installation.
func (f bootstrapFlags) report(w io.Writer, in installation.Installation, shown secret.Text, existed, administered bool) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "tenant  %s\nperson  %s (%s)\n", f.tenant, f.email, f.role)
	if f.installationAdmin {
		fmt.Fprintf(out, "        administers the whole installation (tenant %s)\n", admin.InstallationTenant)
	}
	if !administered {
		fmt.Fprintln(out, "        nobody administers the installation: run this again with --installation-admin for whoever is to")
	}
	if existed {
		fmt.Fprintf(out, "        person %s exists already; their password was left as it is\n", f.email)
	}
	if len(in.Clients) > 0 {
		fmt.Fprintf(out, "client  %s\n", in.Clients[0].ID)
	}
	if !shown.Empty() {
		fmt.Fprintf(out, "secret  %s\n        (shown this once; keep it where the client can read it)\n", shown.Reveal())
	}
	return out.Flush()
}

// findPerson returns the person with that address, if there is one.
func findPerson(ctx context.Context, db *postgres.DB, email string) (u directory.User, found bool, err error) {
	normalized, err := directory.NormalizeEmail(email)
	if err != nil {
		return u, false, err
	}
	u, err = db.Directory().FindUserByEmail(ctx, normalized)
	if errors.Is(err, errdefs.ErrNotFound) {
		return u, false, nil
	}
	return u, err == nil, err
}

// auditBootstrap records that somebody with access to the database gave a person roles, an event
// for each tenant. No caller is named: there is none that could be believed.
func auditBootstrap(ctx context.Context, db *postgres.DB, in installation.Installation, now time.Time) error {
	u, found, err := findPerson(ctx, db, in.Users[0].Email)
	if err != nil {
		return err
	}
	if !found {
		return errors.New("the person was deleted meanwhile")
	}
	var events []audit.Event
	for _, member := range in.Users[0].Memberships {
		tenant, err := db.Directory().FindTenant(ctx, member.Tenant)
		if err != nil {
			return err
		}
		events = append(events, audit.Event{
			At: now, Action: audit.InstallationMade, Tenant: tenant.ID, User: u.ID,
			Detail: map[string]string{"tenant": member.Tenant, "roles": strings.Join(member.Roles, " ")},
		})
	}
	if len(in.Clients) > 0 {
		events[0].Client = string(in.Clients[0].ID)
	}
	return db.Audit().Append(ctx, events)
}

// registration returns the client that the flags describe, and its secret if it has one.
func (f bootstrapFlags) registration(now time.Time) (client.Client, secret.Text) {
	c := client.Client{
		ID:                     client.ID(or(f.client, id.NewClient(now))),
		AuthMethod:             client.AuthNone,
		RedirectURIs:           f.redirectURIs,
		PostLogoutRedirectURIs: f.postLogoutURIs,
		Origins:                f.origins,
		GrantTypes:             []string{client.GrantAuthorizationCode, client.GrantRefreshToken},
		Scopes:                 append([]string{"openid", "profile", "email", "offline_access"}, f.scopes...),
		SkipConsent:            !f.thirdParty,
	}
	c.Name = or(f.clientName, string(c.ID))
	if f.audience != "" {
		c.Audiences = []string{f.audience}
	}
	if !f.confidential {
		return c, secret.Text{}
	}
	s := secret.Generate()
	c.AuthMethod = client.AuthBasic
	c.GrantTypes = append(c.GrantTypes, client.GrantClientCredentials)
	c.Secrets = []client.Secret{{Hash: s.Hash()}}
	return c, s
}

// readPassword reads a password from a file without its final line break, or asks for it.
func readPassword(file string, prompt io.Writer) (secret.Text, error) {
	if file == "" {
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			return secret.Text{}, errors.New("there is no terminal to ask for the password; use --password-file")
		}
		fmt.Fprint(prompt, "Password: ")
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(prompt)
		return secret.New(string(b)), err
	}
	in := io.Reader(os.Stdin)
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return secret.Text{}, fmt.Errorf("--password-file: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return secret.Text{}, fmt.Errorf("--password-file: %w", err)
	}
	return secret.New(strings.TrimRight(string(b), "\r\n")), nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
