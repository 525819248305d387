package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) clientCommand() *cobra.Command {
	return noun("client", "Clients: the applications that people sign in to, and machines",
		`Without --tenant a client is the installation's, and anybody can sign in to it; a tenant's signs in
its members alone. An id of a system that you migrate from can be kept, whatever characters it
has: put it into quotes.`,
		`  signet client create --name Shop --public --redirect-uri https://shop.example/callback
  signet client create "legacy:shop/1" --name Shop --redirect-uri https://shop.example/cb --secret-file shop.secret
  signet client update shop --add-redirect-uri https://shop.example/other
  signet client secret add shop --previous-for 24h`,
		c.clientList(), c.clientShow(), c.clientCreate(), c.clientUpdate(), c.clientDisable(true), c.clientDisable(false), c.clientDelete(), c.clientSecret())
}

type clientColumn = column[adminclient.ClientRegistration]

func (c *CLI) clientList() *cobra.Command {
	var p adminclient.ListClientsParams
	cmd := &cobra.Command{
		Use: "list", Short: "List clients by their id", Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			return list(c, api.AllClients(ctx, p),
				clientColumn{"ID", func(r adminclient.ClientRegistration) string { return r.ID }},
				clientColumn{"NAME", func(r adminclient.ClientRegistration) string { return r.Name }},
				clientColumn{"TENANT", func(r adminclient.ClientRegistration) string { return r.Tenant }},
				clientColumn{"AUTH METHOD", func(r adminclient.ClientRegistration) string { return r.AuthMethod }},
				clientColumn{"GRANT TYPES", func(r adminclient.ClientRegistration) string { return words(r.GrantTypes) }},
				clientColumn{"", func(r adminclient.ClientRegistration) string { return state(r.DisabledAt) }},
			)
		}),
	}
	c.tenantFlag(cmd, &p.Tenant, "only those of this `tenant`")
	cmd.Flags().StringVar(&p.IDPrefix, "prefix", "", "only ids that begin with this `text`")
	return prints(cmd)
}

func (c *CLI) showClient(r adminclient.ClientRegistration, secret string) error {
	if c.format == "json" && secret != "" {
		return c.show(struct {
			adminclient.ClientRegistration
			Secret string `json:"secret"`
		}{r, secret})
	}
	fields := []field{
		{"id", r.ID}, {"name", r.Name}, {"tenant", r.Tenant}, {"auth method", r.AuthMethod}, {"redirect URIs", lines(r.RedirectURIs)},
		{"after sign-out", lines(r.PostLogoutRedirectURIs)}, {"origins", lines(r.Origins)}, {"grant types", words(r.GrantTypes)},
		{"scopes", words(r.Scopes)}, {"audiences", lines(r.Audiences)}, {"serves", r.ServesAudience}, {"asks people", yesNo(!r.SkipConsent)},
		{"needs PKCE", yesNo(!r.PKCEOptional)}, {"ID tokens", r.IDTokenAlgorithm}, {"access token", lifetime(r.AccessTokenLifetime)},
		{"privacy policy", r.PolicyURI}, {"terms", r.TermsURI}, {"created", when(r.CreatedAt)}, {"updated", when(r.UpdatedAt)}, {"disabled", when(r.DisabledAt)},
	}
	for _, s := range r.Claims {
		if text, err := compact(s); err == nil {
			fields = append(fields, field{"claim", text})
		}
	}
	for _, s := range r.Secrets {
		fields = append(fields, field{"secret", s.ID + "  " + s.Fingerprint + "  since " + when(s.CreatedAt) + until(s.ExpiresAt)})
	}
	if secret != "" {
		fields = append(fields, field{"new secret", secret}, field{"", "shown this once: keep it where the client can read it"})
	}
	return c.show(r, fields...)
}

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", until " + when(t)
}

func lifetime(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return (time.Duration(seconds) * time.Second).String()
}

func (c *CLI) clientShow() *cobra.Command {
	return prints(&cobra.Command{
		Use: "show CLIENT", Short: "Show a client", Args: exactly("client"), ValidArgsFunction: c.completeClient,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			r, _, err := api.GetClient(ctx, args[0])
			if err != nil {
				return err
			}
			return c.showClient(r, "")
		}),
	})
}

// clientFlags are the flags about a registration.
type clientFlags struct {
	name, authMethod, serves, algorithm, policy, terms     string
	skipConsent, pkceOptional                              bool
	lifetime                                               time.Duration
	redirects, logouts, origins, grants, scopes, audiences listFlag
}

func (f *clientFlags) add(cmd *cobra.Command, flag func(*listFlag, *cobra.Command, string, string)) {
	fl := cmd.Flags()
	fl.StringVar(&f.name, "name", "", "`name` that people read")
	fl.StringVar(&f.authMethod, "auth-method", "", "`method`: none, client_secret_basic or client_secret_post")
	fl.StringVar(&f.serves, "serves", "", "`audience` of the API that this client is, to introspect its tokens")
	algorithmFlag(cmd, &f.algorithm, "id-token-algorithm", "its ID tokens")
	fl.StringVar(&f.policy, "policy-uri", "", "`URL` of its privacy policy")
	fl.StringVar(&f.terms, "terms-uri", "", "`URL` of its terms")
	fl.BoolVar(&f.skipConsent, "skip-consent", false, "it is your own: people are not asked what it may do")
	fl.BoolVar(&f.pkceOptional, "pkce-optional", false, "it may go without PKCE, which a public client never may")
	fl.DurationVar(&f.lifetime, "access-token-lifetime", 0, "`time`, as in 5m; 0 is the server's")
	flag(&f.redirects, cmd, "redirect-uri", "exact `URI` that people are sent back to")
	flag(&f.logouts, cmd, "post-logout-redirect-uri", "exact `URI` that people may be sent to after signing out")
	flag(&f.origins, cmd, "origin", "web `origin` whose scripts may call the token endpoint")
	flag(&f.grants, cmd, "grant-type", "`type`: authorization_code, refresh_token or client_credentials")
	flag(&f.scopes, cmd, "scope", "`scope` that it may ask for")
	flag(&f.audiences, cmd, "audience", "`audience` that it may ask tokens for; the first is the default")
	_ = cmd.RegisterFlagCompletionFunc("auth-method", cobra.FixedCompletions([]string{"none", "client_secret_basic", "client_secret_post"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("grant-type", cobra.FixedCompletions([]string{"authorization_code", "refresh_token", "client_credentials"}, cobra.ShellCompDirectiveNoFileComp))
}

// algorithmFlag is a flag about what tokens are signed with.
func algorithmFlag(cmd *cobra.Command, to *string, name, what string) {
	cmd.Flags().StringVar(to, name, "", "`algorithm` that "+what+" are signed with: ES256, RS256 or EdDSA; empty is the server's default")
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions([]string{"ES256", "RS256", "EdDSA"}, cobra.ShellCompDirectiveNoFileComp))
}

func (c *CLI) clientCreate() *cobra.Command {
	var f clientFlags
	var tenant, secretFile string
	var public bool
	cmd := &cobra.Command{
		Use: "create [ID]", Short: "Register a client",
		Long: `Registers a client under an id of your own, or a fresh cli_… one. A confidential client gets a
secret, which is shown this once, unless you bring one.`,
		Example: `  signet client create --name Shop --public --redirect-uri https://shop.example/callback --origin https://shop.example
  signet client create nightly --name "Nightly job" --grant-type client_credentials --audience https://orders.example`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return misuse(cmd, fmt.Errorf("unexpected argument %q", args[1]))
			}
			return nil
		},
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		body := adminclient.CreateClientBody{
			TenantID: tenant, Name: f.name, AuthMethod: given(cmd, "auth-method", f.authMethod), RedirectURIs: f.redirects.all,
			PostLogoutRedirectURIs: f.logouts.all, Origins: f.origins.all, GrantTypes: f.grants.all, Scopes: f.scopes.all,
			Audiences: f.audiences.all, ServesAudience: f.serves, PKCEOptional: f.pkceOptional, SkipConsent: f.skipConsent,
			IDTokenAlgorithm: f.algorithm, AccessTokenLifetime: int64(f.lifetime / time.Second), PolicyURI: f.policy, TermsURI: f.terms,
		}
		if len(args) > 0 {
			body.ID = args[0]
		}
		if body.Name = or(body.Name, body.ID); body.Name == "" {
			return misuse(cmd, errors.New("give the client a --name"))
		}
		if public {
			none := "none"
			body.AuthMethod = &none
		}
		var err error
		if body.Secret, err = c.readSecret("--secret-file", secretFile); err != nil {
			return err
		}
		r, err := creating(func(key adminclient.Option) (adminclient.CreatedClient, error) {
			r, _, err := api.CreateClient(ctx, body, key)
			return r, err
		})
		if err != nil {
			return err
		}
		shown := r.Secret
		if secretFile != "" {
			shown = "" // whoever brought it has it
		}
		return c.showClient(registrationOf(r), shown)
	})
	f.add(cmd, (*listFlag).creates)
	c.tenantFlag(cmd, &tenant, "`tenant` that owns it")
	cmd.Flags().StringVar(&secretFile, "secret-file", "", "`file` with the secret of a system that you migrate from; - is standard input")
	cmd.Flags().BoolVar(&public, "public", false, "it runs on people's machines and keeps no secret")
	return prints(cmd)
}

// registrationOf leaves out what is shown once.
func registrationOf(r adminclient.CreatedClient) adminclient.ClientRegistration {
	var out adminclient.ClientRegistration
	copyJSON(&out, r)
	return out
}

func (c *CLI) clientUpdate() *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use: "update CLIENT", Short: "Change a client", Args: exactly("client"), ValidArgsFunction: c.completeClient,
		Example: `  signet client update shop --add-redirect-uri https://shop.example/other --remove-redirect-uri https://shop.example/old
  signet client update shop --access-token-lifetime 5m`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		r, etag, err := api.GetClient(ctx, args[0])
		if err != nil {
			return err
		}
		body := adminclient.UpdateClientBody{
			Name: given(cmd, "name", f.name), AuthMethod: given(cmd, "auth-method", f.authMethod), ServesAudience: given(cmd, "serves", f.serves),
			IDTokenAlgorithm: given(cmd, "id-token-algorithm", f.algorithm), PolicyURI: given(cmd, "policy-uri", f.policy),
			TermsURI: given(cmd, "terms-uri", f.terms), SkipConsent: given(cmd, "skip-consent", f.skipConsent),
			PKCEOptional: given(cmd, "pkce-optional", f.pkceOptional), AccessTokenLifetime: given(cmd, "access-token-lifetime", int64(f.lifetime/time.Second)),
		}
		changed := 0
		for _, l := range []struct {
			flag *listFlag
			now  []string
			to   *[]string
		}{
			{&f.redirects, r.RedirectURIs, &body.RedirectURIs}, {&f.logouts, r.PostLogoutRedirectURIs, &body.PostLogoutRedirectURIs},
			{&f.origins, r.Origins, &body.Origins}, {&f.grants, r.GrantTypes, &body.GrantTypes}, {&f.scopes, r.Scopes, &body.Scopes},
			{&f.audiences, r.Audiences, &body.Audiences},
		} {
			if *l.to, err = l.flag.edited(cmd, l.now); err != nil {
				return err
			}
			changed += map[bool]int{true: 1}[*l.to != nil]
		}
		if changed == 0 && cmd.Flags().NFlag() == 0 {
			return misuse(cmd, errNothingToChange)
		}
		if r, _, err = api.UpdateClient(ctx, args[0], body, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showClient(r, "")
	})
	f.add(cmd, (*listFlag).edits)
	return prints(cmd)
}

func (c *CLI) clientDisable(disabled bool) *cobra.Command {
	cmd := &cobra.Command{Use: "disable CLIENT", Short: "Let a client get no tokens, and recall its old ones", Args: exactly("client"), ValidArgsFunction: c.completeClient}
	if !disabled {
		cmd.Use, cmd.Short = "enable CLIENT", "Let a client get tokens again"
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		r, etag, err := api.GetClient(ctx, args[0])
		if err != nil {
			return err
		}
		if disabled {
			if err := c.confirm("Disable %s (%s)? What was issued to it is void, for good.", r.ID, r.Name); err != nil {
				return err
			}
		}
		if r, _, err = api.UpdateClient(ctx, r.ID, adminclient.UpdateClientBody{Disabled: &disabled}, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showClient(r, "")
	})
	return asks(prints(cmd))
}

func (c *CLI) clientDelete() *cobra.Command {
	return asks(&cobra.Command{
		Use: "delete CLIENT", Short: "Delete a client", Args: exactly("client"), ValidArgsFunction: c.completeClient,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			r, etag, err := api.GetClient(ctx, args[0])
			if err != nil {
				return err
			}
			if err := c.confirm("Delete %s (%s)? What was issued to it is void, for good.", r.ID, r.Name); err != nil {
				return err
			}
			if err := api.DeleteClient(ctx, r.ID, adminclient.IfMatch(etag)); err != nil {
				return err
			}
			c.say("Deleted %s.", r.ID)
			return nil
		}),
	})
}

func (c *CLI) clientSecret() *cobra.Command {
	return noun("secret", "A client's secrets: two are valid during a rotation",
		`Add a secret, roll it out, and delete the old one. --previous-for lets the old one end by itself.`,
		`  signet client secret add shop --previous-for 24h
  signet client secret list shop
  signet client secret delete shop sec_01h2xcejqtf2nbrexx3vqjhp41`,
		c.secretList(), c.secretAdd(), c.secretDelete())
}

type secretColumn = column[adminclient.ClientSecret]

func (c *CLI) secretList() *cobra.Command {
	return prints(&cobra.Command{
		Use: "list CLIENT", Short: "List what is known of a client's secrets", Args: exactly("client"), ValidArgsFunction: c.completeClient,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			page, err := api.ListClientSecrets(ctx, args[0])
			if err != nil {
				return err
			}
			return list(c, each(page.Items),
				secretColumn{"ID", func(s adminclient.ClientSecret) string { return s.ID }},
				secretColumn{"FINGERPRINT", func(s adminclient.ClientSecret) string { return s.Fingerprint }},
				secretColumn{"CREATED", func(s adminclient.ClientSecret) string { return when(s.CreatedAt) }},
				secretColumn{"BY", func(s adminclient.ClientSecret) string { return s.CreatedBy }},
				secretColumn{"UNTIL", func(s adminclient.ClientSecret) string { return when(s.ExpiresAt) }},
			)
		}),
	})
}

// each goes through a list that is there already.
func each[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func (c *CLI) secretAdd() *cobra.Command {
	var file string
	var lasts, previous time.Duration
	cmd := &cobra.Command{
		Use: "add CLIENT", Short: "Add a secret, which is shown this once",
		Example: `  signet client secret add shop
  signet client secret add shop --secret-file shop.secret --previous-for 24h`,
		Args: exactly("client"), ValidArgsFunction: c.completeClient,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) (err error) {
			var body adminclient.CreateClientSecretBody
			if body.Secret, err = c.readSecret("--secret-file", file); err != nil {
				return err
			}
			if lasts > 0 {
				body.ExpiresAt = c.Now().Add(lasts).UTC()
			}
			if previous > 0 {
				body.PreviousExpiresAt = c.Now().Add(previous).UTC()
			}
			s, err := creating(func(key adminclient.Option) (adminclient.CreatedSecret, error) {
				return api.CreateClientSecret(ctx, args[0], body, key)
			})
			if err != nil {
				return err
			}
			if file != "" {
				s.Secret = ""
			}
			return c.show(s, field{"id", s.ID}, field{"fingerprint", s.Fingerprint}, field{"until", when(s.ExpiresAt)}, field{"secret", s.Secret})
		}),
	}
	cmd.Flags().StringVar(&file, "secret-file", "", "`file` with a secret of your own; - is standard input")
	cmd.Flags().DurationVar(&lasts, "for", 0, "`time` until it ends")
	cmd.Flags().DurationVar(&previous, "previous-for", 0, "`time` until the one in use ends")
	return prints(cmd)
}

func (c *CLI) secretDelete() *cobra.Command {
	return asks(&cobra.Command{
		Use: "delete CLIENT SECRET", Short: "Delete a secret", Args: exactly("client", "secret"), ValidArgsFunction: c.completeClient,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			if err := c.confirm("Delete the secret %s of %s? Whoever uses it is refused at once.", args[1], args[0]); err != nil {
				return err
			}
			if err := api.DeleteClientSecret(ctx, args[0], args[1]); err != nil {
				return err
			}
			c.say("Deleted %s.", args[1])
			return nil
		}),
	})
}
