package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) connectorCommand() *cobra.Command {
	return noun("connector", "Connectors: signing in through Google, GitHub or an OpenID Provider",
		`A connector leads people to a provider and back. Three things make one: what the provider is, and
the client id and the secret that it gave you. The redirect URI that is printed then goes into
the provider's settings.

Without --tenant a connector is the installation's, and anybody may be offered it. A tenant's is
for the people of that tenant: it vouches for addresses in the domains that the tenant has proven
(signet domain), and for no others. A connector is named by its reference: google, acme.okta.

Whoever signs in the first time needs an account, unless --provision makes one.`,
		`  signet connector create google --client-id 1234.apps.googleusercontent.com
  signet connector create https://acme.okta.example --tenant acme --slug okta --client-id 0oa1b2 --provision --authoritative
  signet connector test acme.okta
  signet connector update acme.okta --groups-claim groups --map-role okta-admins=admin`,
		c.connectorList(), c.connectorShow(), c.connectorCreate(), c.connectorUpdate(), c.connectorTest(), c.connectorIdentities(),
		c.connectorDisable(true), c.connectorDisable(false), c.connectorDelete())
}

type connectorColumn = column[adminclient.Connector]

func (c *CLI) connectorList() *cobra.Command {
	var p adminclient.ListConnectorsParams
	cmd := &cobra.Command{
		Use: "list", Short: "List connectors, oldest first", Args: exactly(),
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			return list(c, api.AllConnectors(ctx, p),
				connectorColumn{"REFERENCE", func(k adminclient.Connector) string { return k.Reference }},
				connectorColumn{"NAME", func(k adminclient.Connector) string { return k.Name }},
				connectorColumn{"KIND", func(k adminclient.Connector) string { return k.Kind }},
				connectorColumn{"ISSUER", func(k adminclient.Connector) string { return k.Issuer }},
				connectorColumn{"MANAGED BY", func(k adminclient.Connector) string { return k.ManagedBy }},
				connectorColumn{"", func(k adminclient.Connector) string { return state(k.DisabledAt) }},
			)
		}),
	}
	c.tenantFlag(cmd, &p.Tenant, "only those whose people belong to this `tenant`")
	return prints(cmd)
}

// connectorFields is what is shown of a connector, what to do with it first.
func connectorFields(k adminclient.Connector) []field {
	fields := []field{
		{"reference", k.Reference}, {"name", k.Name}, {"kind", k.Kind}, {"issuer", k.Issuer}, {"client id", k.ClientID}, {"id", k.ID},
		{"redirect URI", k.RedirectURI}, {"logout URI", k.BackchannelLogoutURI}, {"tenant", k.TenantID}, {"people join", k.JoinsTenantID},
		{"scopes", words(k.Scopes)}, {"hosted domains", words(k.HostedDomains)}, {"new people", map[bool]string{true: "get an account", false: "are not let in"}[k.Provision]},
		{"default roles", words(k.DefaultRoles)}, {"groups claim", k.GroupsClaim}, {"mapped roles", lines(mappings(k.RoleMappings))},
	}
	for _, f := range []struct {
		on   bool
		text string
	}{
		{!k.SecretSet && k.ClientID != "", "has no client secret"}, {k.AssumeVerified, "takes addresses for verified"}, {k.Authoritative, "authority for the domains of its tenant"},
		{k.KeepTokens, "keeps the provider's tokens"}, {k.Hidden, "has no button"},
	} {
		if f.on {
			fields = append(fields, field{"", f.text})
		}
	}
	return append(fields, field{"managed by", k.ManagedBy}, field{"created", when(k.CreatedAt)}, field{"updated", when(k.UpdatedAt)}, field{"disabled", when(k.DisabledAt)})
}

func mappings(list []adminclient.RoleMapping) []string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = m.Group + "=" + m.Role
	}
	return out
}

// roleMappings reads group=role. A group may hold "=" as names of directories do; a role does not.
func roleMappings(flags []string) ([]adminclient.RoleMapping, error) {
	if flags == nil {
		return nil, nil
	}
	out := []adminclient.RoleMapping{}
	for _, f := range flags {
		i := strings.LastIndexByte(f, '=')
		if i < 1 || i == len(f)-1 {
			return nil, errdefs.Say(errdefs.ErrInvalid, nil, "--map-role %s: write group=role", f)
		}
		out = append(out, adminclient.RoleMapping{Group: f[:i], Role: f[i+1:]})
	}
	return out, nil
}

func (c *CLI) showConnector(k adminclient.Connector) error { return c.show(k, connectorFields(k)...) }

func (c *CLI) connectorShow() *cobra.Command {
	return prints(&cobra.Command{
		Use: "show CONNECTOR", Short: "Show a connector", Args: exactly("connector"), ValidArgsFunction: c.completeConnector,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			k, _, err := api.GetConnector(ctx, args[0])
			if err != nil {
				return err
			}
			return c.showConnector(k)
		}),
	})
}

// connectorFlags are the flags about a connector.
type connectorFlags struct {
	name, issuer, clientID, joins, groupsClaim                           string
	assumeVerified, authoritative, provision, keepTokens, hidden, public bool
	secretFile, secretEnv                                                string
	scopes, hostedDomains, defaultRoles, mappings                        listFlag
}

func (f *connectorFlags) add(cmd *cobra.Command, flag func(*listFlag, *cobra.Command, string, string)) {
	fl := cmd.Flags()
	fl.StringVar(&f.name, "name", "", "`name` on the button of the sign-in page")
	fl.StringVar(&f.issuer, "issuer", "", "`URL` of the provider; of github, the address of a GitHub Enterprise Server")
	fl.StringVar(&f.clientID, "client-id", "", "`id` that the provider gave you")
	fl.StringVar(&f.secretFile, "secret-file", "", "`file` with the secret that the provider gave you; - is standard input")
	fl.StringVar(&f.secretEnv, "secret-env", "", "`variable` of the environment with that secret")
	fl.StringVar(&f.joins, "joins", "", "`tenant` that people of an installation's connector belong to")
	fl.BoolVar(&f.provision, "provision", false, "whoever is new gets an account and becomes a member")
	fl.BoolVar(&f.authoritative, "authoritative", false, "accounts with an address of the tenant's domains are linked without asking their owners")
	fl.BoolVar(&f.assumeVerified, "assume-verified", false, "addresses count as verified where the provider does not say, as Entra ID does not")
	fl.StringVar(&f.groupsClaim, "groups-claim", "", "`claim` that names people's groups, as in realm_access.roles")
	fl.BoolVar(&f.keepTokens, "keep-tokens", false, "keep the provider's tokens, encrypted")
	fl.BoolVar(&f.hidden, "hidden", false, "no button: only those who are sent there find it")
	fl.BoolVar(&f.public, "public", false, "the provider gave you no secret")
	flag(&f.scopes, cmd, "scope", "`scope` to ask for beyond those that a sign-in needs")
	flag(&f.hostedDomains, cmd, "hosted-domain", "google: Workspace `domain` whose accounts alone are let in")
	flag(&f.defaultRoles, cmd, "default-role", "`role` for whoever becomes a member")
	flag(&f.mappings, cmd, "map-role", "`group=role`: the role for those in a group of the provider's")
}

// secret reads the secret that flags name, or asks for it. It is never an argument: others see those.
func (c *CLI) connectorSecret(cmd *cobra.Command, f connectorFlags, ask bool) (string, error) {
	chosen := 0
	for _, name := range []string{"secret-file", "secret-env", "public"} {
		chosen += map[bool]int{true: 1}[cmd.Flags().Changed(name)]
	}
	switch {
	case chosen > 1:
		return "", misuse(cmd, errors.New("give one of --secret-file, --secret-env and --public"))
	case f.secretFile != "":
		return c.readSecret("--secret-file", f.secretFile)
	case f.secretEnv != "":
		if s := c.getenv(f.secretEnv); s != "" {
			return s, nil
		}
		return "", errdefs.Say(errdefs.ErrInvalid, nil, "--secret-env: %s is not set", f.secretEnv)
	case chosen == 1 || !ask:
		return "", nil
	case !c.Interactive || c.Hidden == nil:
		return "", misuse(cmd, errors.New("there is nobody to ask for the client secret: use --secret-file, --secret-env or --public"))
	}
	fmt.Fprint(c.Stderr, "Client secret (it is not shown): ")
	s, err := c.Hidden()
	fmt.Fprintln(c.Stderr)
	if s = strings.TrimSpace(s); err == nil && s == "" {
		err = errdefs.Say(errdefs.ErrInvalid, nil, "no secret was given; --public is for providers that give none")
	}
	return s, err
}

func (c *CLI) connectorCreate() *cobra.Command {
	var f connectorFlags
	var tenant, slug string
	var disabled, untested bool
	cmd := &cobra.Command{
		Use: "create google|github|ISSUER", Short: "Let people sign in through a provider", Args: exactly("provider: google, github, or the URL of an issuer"),
		Long: `Makes a connector, tests it at once, and prints the redirect URI to register at the provider.

The secret is asked for, or read from --secret-file or --secret-env. It is stored encrypted and never
shown. Where to get client id and secret:

  google   console.cloud.google.com, APIs and services, Credentials: an OAuth client for the web
  github   Settings, Developer settings, OAuth Apps; of an organization, in its settings
  others   register a confidential web client with the code flow; give the URL of the issuer`,
		Example: `  signet connector create google --client-id 1234.apps.googleusercontent.com --hosted-domain acme.example --joins acme --provision
  signet connector create github --client-id Iv1.0123 --secret-env GITHUB_SECRET
  signet connector create https://login.partner.example/realms/staff --tenant partner --slug staff --client-id signet --secret-file - < secret.txt`,
		ValidArgsFunction: cobra.FixedCompletions([]string{"google", "github", "https://"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace),
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		if f.clientID == "" {
			return misuse(cmd, errors.New("give the --client-id that the provider gave you"))
		}
		roles, err := roleMappings(f.mappings.all)
		if err != nil {
			return err
		}
		body := adminclient.NewConnector{
			TenantID: tenant, JoinsTenantID: f.joins, Slug: slug, Kind: args[0], Name: f.name, Issuer: f.issuer, ClientID: f.clientID,
			Scopes: f.scopes.all, HostedDomains: f.hostedDomains.all, AssumeVerified: f.assumeVerified, Authoritative: f.authoritative,
			Provision: f.provision, DefaultRoles: f.defaultRoles.all, GroupsClaim: f.groupsClaim, RoleMappings: roles,
			KeepTokens: f.keepTokens, Hidden: f.hidden, Disabled: disabled,
		}
		if strings.Contains(args[0], "://") {
			if f.issuer != "" && f.issuer != args[0] {
				return misuse(cmd, errors.New("give the issuer once"))
			}
			body.Kind, body.Issuer = "oidc", args[0]
		}
		if body.ClientSecret, err = c.connectorSecret(cmd, f, true); err != nil {
			return err
		}
		k, err := creating(func(key adminclient.Option) (adminclient.Connector, error) {
			k, _, err := api.CreateConnector(ctx, body, key)
			return k, err
		})
		if err != nil {
			return err
		}
		return c.showNew(ctx, api, k, untested)
	})
	f.add(cmd, (*listFlag).creates)
	c.tenantFlag(cmd, &tenant, "`tenant` that it belongs to, and whose people come through it")
	cmd.Flags().StringVar(&slug, "slug", "", "short `name` in addresses, which never changes (after the provider unless given)")
	cmd.Flags().BoolVar(&disabled, "disabled", false, "nobody signs in through it yet")
	cmd.Flags().BoolVar(&untested, "no-test", false, "do not test the connection")
	return prints(cmd)
}

// showNew shows a connector that was made, with what a test of it found. A test that could not be
// done does not make the creation fail.
func (c *CLI) showNew(ctx context.Context, api *adminclient.Client, k adminclient.Connector, untested bool) error {
	if untested {
		return c.showConnector(k)
	}
	test, err := api.TestConnector(ctx, k.Reference)
	if err != nil {
		fmt.Fprintf(c.Stderr, "The connector is there; it could not be tested: %v\n", c.explain(err))
		return c.showConnector(k)
	}
	if c.format == "json" {
		return c.show(struct {
			adminclient.Connector
			Test adminclient.ConnectorTest `json:"test"`
		}{k, test})
	}
	if err := c.show(k, append(connectorFields(k), findings(test)...)...); err != nil {
		return err
	}
	if !test.OK {
		fmt.Fprintf(c.Stderr, "The connector is there, and nobody can sign in through it as it is. Correct it (signet connector update %s), then: signet connector test %s\n", k.Reference, k.Reference)
	}
	return nil
}

func findings(t adminclient.ConnectorTest) []field {
	out := make([]field, len(t.Findings))
	for i, f := range t.Findings {
		out[i] = field{"test", map[bool]string{true: "ok", false: "WRONG"}[f.OK] + "  " + f.Check + ": " + f.Detail}
	}
	return out
}

func (c *CLI) connectorTest() *cobra.Command {
	return prints(&cobra.Command{
		Use: "test CONNECTOR", Short: "Test the connection to a provider", Args: exactly("connector"), ValidArgsFunction: c.completeConnector,
		Long: `Tries whatever can be tried without a person signing in, and says in words what is wrong. The exit
status is 1 if something is.`,
		Example: `  signet connector test google`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			t, err := api.TestConnector(ctx, args[0])
			if err != nil {
				return err
			}
			if err := c.show(t, findings(t)...); err != nil || t.OK {
				return err
			}
			return errdefs.Say(errdefs.ErrInvalid, nil, "nobody can sign in through %s as it is", args[0])
		}),
	})
}

func (c *CLI) connectorUpdate() *cobra.Command {
	var f connectorFlags
	cmd := &cobra.Command{
		Use: "update CONNECTOR", Short: "Change a connector", Args: exactly("connector"), ValidArgsFunction: c.completeConnector,
		Long: `Changes what flags name and leaves the rest. --secret-file - reads a new secret from standard input;
--public takes the secret away. With another --issuer the secret has to be given anew. What the settings
of the server declare is changed there.`,
		Example: `  signet connector update acme.okta --add-map-role okta-clerks=clerk --provision
  signet connector update acme.okta --secret-file - < new-secret.txt
  signet connector update google --hidden=false --name "Google Workspace"`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		if cmd.Flags().NFlag() == 0 {
			return misuse(cmd, errNothingToChange)
		}
		k, etag, err := api.GetConnector(ctx, args[0])
		if err != nil {
			return err
		}
		body := adminclient.UpdateConnectorBody{
			Name: given(cmd, "name", f.name), Issuer: given(cmd, "issuer", f.issuer), ClientID: given(cmd, "client-id", f.clientID),
			JoinsTenantID: given(cmd, "joins", f.joins), AssumeVerified: given(cmd, "assume-verified", f.assumeVerified),
			Authoritative: given(cmd, "authoritative", f.authoritative), Provision: given(cmd, "provision", f.provision),
			GroupsClaim: given(cmd, "groups-claim", f.groupsClaim), KeepTokens: given(cmd, "keep-tokens", f.keepTokens), Hidden: given(cmd, "hidden", f.hidden),
		}
		// What is stored is not sent to another issuer.
		elsewhere := k.SecretSet && body.Issuer != nil && *body.Issuer != k.Issuer
		secret, err := c.connectorSecret(cmd, f, elsewhere)
		if err != nil {
			return err
		}
		if secret != "" || f.public {
			body.ClientSecret = &secret
		}
		var mapped []string
		for _, l := range []struct {
			flag *listFlag
			now  []string
			to   *[]string
		}{
			{&f.scopes, k.Scopes, &body.Scopes}, {&f.hostedDomains, k.HostedDomains, &body.HostedDomains},
			{&f.defaultRoles, k.DefaultRoles, &body.DefaultRoles}, {&f.mappings, mappings(k.RoleMappings), &mapped},
		} {
			if *l.to, err = l.flag.edited(cmd, l.now); err != nil {
				return err
			}
		}
		if body.RoleMappings, err = roleMappings(mapped); err != nil {
			return err
		}
		if k, _, err = api.UpdateConnector(ctx, k.ID, body, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showConnector(k)
	})
	f.add(cmd, (*listFlag).edits)
	return prints(cmd)
}

func (c *CLI) connectorDisable(disabled bool) *cobra.Command {
	cmd := &cobra.Command{Use: "disable CONNECTOR", Short: "Let nobody sign in through a connector", Args: exactly("connector"), ValidArgsFunction: c.completeConnector}
	if !disabled {
		cmd.Use, cmd.Short = "enable CONNECTOR", "Let people sign in through a connector again"
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		k, etag, err := api.GetConnector(ctx, args[0])
		if err != nil {
			return err
		}
		if disabled {
			if err := c.confirm("Disable %s (%s)? Nobody can sign in through it then.", k.Reference, k.Name); err != nil {
				return err
			}
		}
		if k, _, err = api.UpdateConnector(ctx, k.ID, adminclient.UpdateConnectorBody{Disabled: &disabled}, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showConnector(k)
	})
	return asks(prints(cmd))
}

func (c *CLI) connectorDelete() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "delete CONNECTOR", Short: "Delete a connector", Args: exactly("connector"), ValidArgsFunction: c.completeConnector,
		Long: `Deletes a connector. While people are linked to it or domains lead to it, --force is needed: they keep
their accounts, lose the roles that it gave, and are signed out where they came through it.`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		k, etag, err := api.GetConnector(ctx, args[0])
		if err != nil {
			return err
		}
		if err := c.confirm("Delete %s (%s)?", k.Reference, k.Name); err != nil {
			return err
		}
		if err := api.DeleteConnector(ctx, k.ID, adminclient.DeleteConnectorParams{Force: given(cmd, "force", force)}, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		c.say("Deleted %s.", k.Reference)
		return nil
	})
	cmd.Flags().BoolVar(&force, "force", false, "take it from the people who are linked to it, too")
	return asks(cmd)
}

type identityColumn = column[adminclient.Identity]

func (c *CLI) listIdentities(all iter.Seq2[adminclient.Identity, error], first identityColumn) error {
	return list(c, all, first,
		identityColumn{"KNOWN THERE AS", func(i adminclient.Identity) string { return i.Label }},
		identityColumn{"E-MAIL", func(i adminclient.Identity) string { return i.Email }},
		identityColumn{"SUBJECT", func(i adminclient.Identity) string { return i.Subject }},
		identityColumn{"LAST USED", func(i adminclient.Identity) string { return when(i.LastUsedAt) }},
		identityColumn{"ID", func(i adminclient.Identity) string { return i.ID }},
	)
}

func (c *CLI) connectorIdentities() *cobra.Command {
	return prints(&cobra.Command{
		Use: "identities CONNECTOR", Short: "List who is linked to a connector", Args: exactly("connector"), ValidArgsFunction: c.completeConnector,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			return c.listIdentities(api.AllConnectorIdentities(ctx, args[0], adminclient.ListConnectorIdentitiesParams{}),
				identityColumn{"USER", func(i adminclient.Identity) string { return i.UserID }})
		}),
	})
}
