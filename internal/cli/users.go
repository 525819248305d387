package cli

import (
	"context"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) userCommand() *cobra.Command {
	return noun("user", "Users: people's accounts",
		`An account belongs to a person, who may be a member of many tenants. Accounts are made and
changed by administrators of the installation; those of a tenant see its members and invite others.
A person is named by their e-mail address or their identifier, usr_….`,
		`  signet user list --prefix ada
  signet user create ada@acme.example --name "Ada Lovelace" --member acme=admin,clerk
  signet user show ada@acme.example`,
		c.userList(), c.userShow(), c.userCreate(), c.userUpdate(), c.userDisable(true), c.userDisable(false), c.userDelete(), c.userIdentities(), c.userUnlink())
}

type userColumn = column[adminclient.User]

func (c *CLI) userList() *cobra.Command {
	var p adminclient.ListUsersParams
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List accounts, oldest first", Args: exactly(),
		Example: `  signet user list --tenant acme
  signet user list --prefix ada -o json`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
			return list(c, first(limit, api.AllUsers(ctx, p)),
				userColumn{"E-MAIL", func(u adminclient.User) string { return u.Email }},
				userColumn{"NAME", func(u adminclient.User) string { return u.Name }},
				userColumn{"ID", func(u adminclient.User) string { return u.ID }},
				userColumn{"CREATED", func(u adminclient.User) string { return when(u.CreatedAt) }},
				userColumn{"", func(u adminclient.User) string { return state(u.DisabledAt) }},
			)
		}),
	}
	c.tenantFlag(cmd, &p.Tenant, "only members of this `tenant`")
	cmd.Flags().StringVar(&p.EmailPrefix, "prefix", "", "only addresses that begin with this `text`")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many `accounts`")
	return prints(cmd)
}

// person finds an account by its identifier or its e-mail address.
func person(ctx context.Context, api *adminclient.Client, who string) (adminclient.User, string, error) {
	id, err := personID(ctx, api, who)
	if err != nil {
		return adminclient.User{}, "", err
	}
	return api.GetUser(ctx, id)
}

// personID returns the identifier of a person who is named by it or by their e-mail address; ""
// for nobody.
func personID(ctx context.Context, api *adminclient.Client, who string) (string, error) {
	if who == "" || strings.HasPrefix(who, "usr_") {
		return who, nil
	}
	if !strings.Contains(who, "@") {
		return "", errdefs.Say(errdefs.ErrInvalid, nil, "%s: name a person by their e-mail address or their identifier, usr_…", who)
	}
	page, err := api.ListUsers(ctx, adminclient.ListUsersParams{Email: who, Limit: 1})
	if err != nil {
		return "", err
	}
	if len(page.Items) == 0 {
		return "", errdefs.Say(errdefs.ErrNotFound, nil, "there is no account of %s, or not for you to see", who)
	}
	return page.Items[0].ID, nil
}

func (c *CLI) showUser(u adminclient.User, memberships []adminclient.UserMembership) error {
	fields := []field{
		{"e-mail", u.Email}, {"verified", yesNo(u.EmailVerified)}, {"name", u.Name}, {"given name", u.GivenName},
		{"family name", u.FamilyName}, {"picture", u.Picture}, {"locale", u.Locale}, {"id", u.ID}, {"created", when(u.CreatedAt)},
		{"updated", when(u.UpdatedAt)}, {"disabled", when(u.DisabledAt)},
	}
	for _, m := range memberships {
		value := m.Tenant + ": " + or(words(m.Roles), "no role")
		if !m.SuspendedAt.IsZero() {
			value += " (suspended)"
		}
		fields = append(fields, field{"member of", value})
	}
	if c.format == "json" && memberships != nil {
		return c.show(struct {
			adminclient.User
			Memberships []adminclient.UserMembership `json:"memberships"`
		}{u, memberships})
	}
	return c.show(u, fields...)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (c *CLI) userShow() *cobra.Command {
	return prints(&cobra.Command{
		Use: "show USER", Short: "Show an account and its tenants", Args: exactly("user"), ValidArgsFunction: c.completeUser,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			u, _, err := person(ctx, api, args[0])
			if err != nil {
				return err
			}
			m, err := adminclient.Collect(api.AllUserMemberships(ctx, u.ID, adminclient.ListUserMembershipsParams{}))
			if err != nil {
				return err
			}
			if m == nil {
				m = []adminclient.UserMembership{}
			}
			return c.showUser(u, m)
		}),
	})
}

// userFlags are the flags about an account.
type userFlags struct {
	name, givenName, familyName, picture, locale string
	verified                                     bool
	passwordFile, hashFile                       string
}

func (f *userFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.name, "name", "", "full `name`")
	fl.StringVar(&f.givenName, "given-name", "", "given `name`")
	fl.StringVar(&f.familyName, "family-name", "", "family `name`")
	fl.StringVar(&f.picture, "picture", "", "https `URL` of a picture")
	fl.StringVar(&f.locale, "locale", "", "language `tag`, as in pt-BR")
	fl.BoolVar(&f.verified, "verified", false, "the e-mail address is known to be the person's")
	fl.StringVar(&f.passwordFile, "password-file", "", "`file` with a password; - is standard input")
	fl.StringVar(&f.hashFile, "password-hash-file", "", "`file` with a password's hash, as another system stored it; - is standard input")
}

// passwords reads what the flags name. A password is never an argument: others see those.
func (c *CLI) passwords(f userFlags) (password, hash string, err error) {
	if f.passwordFile != "" && f.hashFile != "" {
		return "", "", errdefs.Say(errdefs.ErrInvalid, nil, "give --password-file or --password-hash-file, not both")
	}
	if password, err = c.readSecret("--password-file", f.passwordFile); err != nil {
		return "", "", err
	}
	hash, err = c.readSecret("--password-hash-file", f.hashFile)
	return password, hash, err
}

func (c *CLI) userCreate() *cobra.Command {
	var f userFlags
	var members []string
	var disabled bool
	cmd := &cobra.Command{
		Use: "create E-MAIL", Short: "Create an account, with memberships if wanted", Args: exactly("e-mail address"),
		Long: `Creates the account and its memberships: all of it or nothing. Without a password the person
sets one by a link that is mailed to them.`,
		Example: `  signet user create ada@acme.example --name "Ada Lovelace" --member acme=admin,clerk --member globex
  signet user create ada@acme.example --verified --password-file - < password.txt`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			password, hash, err := c.passwords(f)
			if err != nil {
				return err
			}
			body := adminclient.CreateUserBody{
				Email: args[0], Name: f.name, GivenName: f.givenName, FamilyName: f.familyName, Picture: f.picture, Locale: f.locale,
				EmailVerified: f.verified, Disabled: disabled, Password: password, PasswordHash: hash,
			}
			for _, m := range members {
				tenant, roles, _ := strings.Cut(m, "=")
				body.Memberships = append(body.Memberships, adminclient.NewMembership{Tenant: tenant, Roles: split(roles)})
			}
			u, err := creating(func(key adminclient.Option) (adminclient.User, error) {
				u, _, err := api.CreateUser(ctx, body, key)
				return u, err
			})
			if err != nil {
				return err
			}
			return c.showUser(u, nil)
		}),
	}
	f.add(cmd)
	cmd.Flags().StringArrayVar(&members, "member", nil, "`tenant[=role,…]` to belong to; repeatable")
	cmd.Flags().BoolVar(&disabled, "disabled", false, "the person cannot sign in yet")
	return prints(cmd)
}

func (c *CLI) userUpdate() *cobra.Command {
	var f userFlags
	var email string
	cmd := &cobra.Command{
		Use: "update USER", Short: "Change an account", Args: exactly("user"), ValidArgsFunction: c.completeUser,
		Long: `Changes what flags name and leaves the rest. Another address is not verified unless --verified
says so; another password ends every session and recalls every token of the person.`,
		Example: `  signet user update ada@acme.example --name "Ada King" --verified
  signet user update ada@acme.example --email ada@king.example`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		password, hash, err := c.passwords(f)
		if err != nil {
			return err
		}
		body := adminclient.UpdateUserBody{
			Email: given(cmd, "email", email), Name: given(cmd, "name", f.name), GivenName: given(cmd, "given-name", f.givenName),
			FamilyName: given(cmd, "family-name", f.familyName), Picture: given(cmd, "picture", f.picture),
			Locale: given(cmd, "locale", f.locale), EmailVerified: given(cmd, "verified", f.verified),
			Password: given(cmd, "password-file", password), PasswordHash: given(cmd, "password-hash-file", hash),
		}
		if body == (adminclient.UpdateUserBody{}) {
			return misuse(cmd, errNothingToChange)
		}
		u, etag, err := person(ctx, api, args[0])
		if err != nil {
			return err
		}
		if u, _, err = api.UpdateUser(ctx, u.ID, body, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showUser(u, nil)
	})
	f.add(cmd)
	cmd.Flags().StringVar(&email, "email", "", "new e-mail `address`")
	return prints(cmd)
}

func (c *CLI) userDisable(disabled bool) *cobra.Command {
	cmd := &cobra.Command{Use: "disable USER", Short: "End a person's sessions and let them sign in nowhere", Args: exactly("user"), ValidArgsFunction: c.completeUser}
	if !disabled {
		cmd.Use, cmd.Short = "enable USER", "Let a person sign in again"
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
		u, etag, err := person(ctx, api, args[0])
		if err != nil {
			return err
		}
		if disabled {
			if err := c.confirm("Disable %s? They are signed out everywhere at once.", u.Email); err != nil {
				return err
			}
		}
		if u, _, err = api.UpdateUser(ctx, u.ID, adminclient.UpdateUserBody{Disabled: &disabled}, adminclient.IfMatch(etag)); err != nil {
			return err
		}
		return c.showUser(u, nil)
	})
	return asks(prints(cmd))
}

func (c *CLI) userDelete() *cobra.Command {
	return asks(&cobra.Command{
		Use: "delete USER", Short: "Delete an account with its memberships", Args: exactly("user"), ValidArgsFunction: c.completeUser,
		Long: "Deletes the account with its memberships, sessions and grants. What the audit log says of the\nperson stays.",
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			u, etag, err := person(ctx, api, args[0])
			if err != nil {
				return err
			}
			if err := c.confirm("Delete the account of %s and all memberships? This cannot be undone.", u.Email); err != nil {
				return err
			}
			if err := api.DeleteUser(ctx, u.ID, adminclient.IfMatch(etag)); err != nil {
				return err
			}
			c.say("Deleted %s.", u.Email)
			return nil
		}),
	})
}

func (c *CLI) userIdentities() *cobra.Command {
	return prints(&cobra.Command{
		Use: "identities USER", Short: "List who a person is at providers", Args: exactly("user"), ValidArgsFunction: c.completeUser,
		Long: "Lists what a person signs in with beside a password. Administrators of a tenant see what is at the\nconnectors of their tenant.",
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			id, err := personID(ctx, api, args[0])
			if err != nil {
				return err
			}
			return c.listIdentities(api.AllUserIdentities(ctx, id, adminclient.ListUserIdentitiesParams{}),
				identityColumn{"CONNECTOR", func(i adminclient.Identity) string { return i.Connector }})
		}),
	})
}

func (c *CLI) userUnlink() *cobra.Command {
	return asks(&cobra.Command{
		Use: "unlink USER IDENTITY", Short: "Unlink an identity from an account", Args: exactly("user", "identity"), ValidArgsFunction: c.completeUser,
		Long: `Unlinks an identity (signet user identities lists them) from an account. The person loses the roles
that it gave, and is signed out where they came through it.`,
		RunE: c.run(func(ctx context.Context, api *adminclient.Client, args []string) error {
			id, err := personID(ctx, api, args[0])
			if err != nil {
				return err
			}
			if err := c.confirm("Unlink %s from the account of %s?", args[1], args[0]); err != nil {
				return err
			}
			if err := api.DeleteIdentity(ctx, id, args[1]); err != nil {
				return err
			}
			c.say("Unlinked %s.", args[1])
			return nil
		}),
	})
}

// readSecret reads a file without the line break at its end; "" for no file.
func (c *CLI) readSecret(flag, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	b, err := readFile(c.Stdin, name, 4096)
	if err != nil {
		return "", errdefs.Say(errdefs.ErrInvalid, err, "%s: %v", flag, err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" {
		return "", errdefs.Say(errdefs.ErrInvalid, os.ErrInvalid, "%s: %s is empty", flag, strconv.Quote(name))
	}
	return s, nil
}
