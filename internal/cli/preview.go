package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-id/signet/pkg/adminclient"
)

func (c *CLI) tokenCommand() *cobra.Command {
	return noun("token", "Tokens: what one would say, and why",
		"", `  signet token preview --user ada@acme.example --client shop -t acme`, c.tokenPreview())
}

func (c *CLI) tokenPreview() *cobra.Command {
	var p adminclient.PreviewTokenParams
	var tenant string
	var id bool
	cmd := &cobra.Command{
		Use: "preview", Short: "Show the claims that a token would have, and where each comes from", Args: exactly(),
		Long: `Makes the access token that a person would get with a client in a tenant, up to the signature,
and explains every value: the membership, the role that gave it, the role that one includes, who
gave it and when. Without --user it is the token that a machine gets for itself.`,
		Example: `  signet token preview --user ada@acme.example --client shop -t acme
  signet token preview --client nightly -t acme -o json`,
	}
	cmd.RunE = c.run(func(ctx context.Context, api *adminclient.Client, _ []string) error {
		if p.Client == "" {
			return misuse(cmd, errors.New("name the client: --client shop"))
		}
		t, err := c.tenantOr(tenant)
		if err != nil {
			return err
		}
		if p.User, err = personID(ctx, api, p.User); err != nil {
			return err
		}
		if id {
			p.Scope = strings.TrimSpace("openid " + p.Scope)
		}
		preview, err := api.PreviewToken(ctx, t, p)
		if err != nil {
			return err
		}
		return c.showPreview(preview, id)
	})
	c.tenantFlag(cmd, &tenant, "the `tenant`"+ownTenant)
	f := cmd.Flags()
	f.StringVar(&p.User, "user", "", "the `person`: e-mail address or identifier")
	f.StringVar(&p.Client, "client", "", "the client `id`")
	f.StringArrayVar(&p.Resource, "resource", nil, "`audience` that is asked for; repeatable")
	f.StringVar(&p.Scope, "scope", "", "`scopes` that are asked for, separated by blanks")
	f.BoolVar(&id, "id-token", false, "show the ID token")
	return prints(cmd)
}

func (c *CLI) showPreview(preview adminclient.TokenPreview, id bool) error {
	token := preview.AccessToken
	if id && preview.IDToken != nil {
		token = *preview.IDToken
	}
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(token.Claims)) {
		text, plain := token.Claims[name].(string)
		if !plain {
			text, _ = compact(token.Claims[name])
		}
		fields = append(fields, field{name, text})
	}
	for _, o := range token.Omitted {
		fields = append(fields, field{"(left out)", o.Claim + ": " + o.Reason})
	}
	fields = append(fields, field{"(signed with)", token.Algorithm})
	fields = append(fields, field{"(size)", fmt.Sprintf("%d of %d bytes", token.Bytes, preview.BudgetBytes)})
	if err := c.show(preview, fields...); err != nil || c.format == "json" {
		return err
	}
	type row struct{ what, why string }
	rows := func(yield func(row, error) bool) {
		for _, s := range token.Sources {
			for _, why := range because(s) {
				if !yield(row{strings.TrimSpace(s.Claim + " " + s.Value), why}, nil) {
					return
				}
			}
		}
	}
	fmt.Fprintln(c.Stdout)
	return list(c, rows,
		column[row]{"CLAIM", func(r row) string { return r.what }},
		column[row]{"BECAUSE OF", func(r row) string { return r.why }},
	)
}

// because says every reason for a value.
func because(s adminclient.ClaimSource) []string {
	if m := s.Mapping; m != nil {
		from := "client " + m.Client
		if m.Client == "" {
			from = "resource server " + m.Audience
		}
		return []string{"declared by the " + from + ", of " + or(words(m.Reads), "nothing")}
	}
	if len(s.Because) == 0 {
		return []string{map[string]string{
			"protocol": "the request and this server", "sign_in": "the sign-in", "user": "the account", "tenant": "the tenant",
			"client": "the client", "membership": "the membership",
		}[s.Kind]}
	}
	var out []string
	for _, b := range s.Because {
		why := "role " + b.Role.Name + " (given by " + b.Role.GrantedBy + ", " + when(b.Role.GrantedAt) + ")"
		if b.Includes != "" {
			why += ", which includes " + b.Includes
		}
		if b.Permission != nil {
			why += ", which has " + b.Permission.Slug + " of " + b.Permission.Audience
		}
		out = append(out, why)
	}
	return out
}

// compact writes a value as JSON on one line.
func compact(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSpace(b.String()), err
}
