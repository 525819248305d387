package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/client"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/grant"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/secret"
)

func fresh() client.Secret {
	return client.Secret{ID: id.NewClientSecret(time.Now()), Hash: secret.Generate().Hash()}
}

// registered makes a confidential client with one secret.
func (w *world) registered(t *testing.T, of id.Tenant, change func(*client.Client)) client.Client {
	t.Helper()
	c := client.Client{
		ID: client.ID(id.NewClient(time.Now())), Tenant: of, Name: "Batch", AuthMethod: client.AuthBasic, GrantTypes: []string{client.GrantClientCredentials},
		Secrets: []client.Secret{fresh()},
	}
	if change != nil {
		change(&c)
	}
	made, _, err := w.RegisteredClients().Create(t.Context(), did(audit.ClientCreated), c)
	must(t, err)
	return made
}

func TestHoweverManyRotateAtOnceTwoSecretsAreValid(t *testing.T) {
	t.Parallel()
	w := build(t)
	c := w.registered(t, w.acme, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		wg.Go(func() {
			_, _, err := w.RegisteredClients().AddSecret(t.Context(), did(audit.ClientSecretAdded), c.ID, fresh(), time.Time{})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, errdefs.ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := w.RegisteredClients().Find(t.Context(), anywhere, c.ID)
	must(t, err)
	if won != 1 || len(got.Secrets) != 2 || got.Version != 2 {
		t.Errorf("%d won; %d secrets; version %d", won, len(got.Secrets), got.Version)
	}
	// Both are deleted at once: one of them stays.
	for _, s := range got.Secrets {
		wg.Go(func() {
			_ = w.RegisteredClients().DeleteSecret(t.Context(), did(audit.ClientSecretDeleted), c.ID, s.ID)
		})
	}
	wg.Wait()
	if n := w.count(t, "SELECT count(*) FROM client_secret WHERE client_id = $1", string(c.ID)); n != 1 {
		t.Errorf("%d secrets are left", n)
	}
}

func TestAnExpiredSecretStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	w := build(t)
	c := w.registered(t, w.acme, nil)
	w.exec(t, "UPDATE client_secret SET expires_at = now() - interval '1 minute' WHERE client_id = $1", string(c.ID))
	for i, want := range []int{1, 2} {
		if _, _, err := w.RegisteredClients().AddSecret(t.Context(), did(audit.ClientSecretAdded), c.ID, fresh(), time.Time{}); err != nil {
			t.Fatalf("secret %d: %v", i, err)
		}
		got, err := w.RegisteredClients().Find(t.Context(), anywhere, c.ID)
		must(t, err)
		if len(got.Secrets) != want {
			t.Errorf("%d secrets, want %d", len(got.Secrets), want)
		}
	}
}

func TestOfTwoWhoEditTheSameVersionOneLearnsOfTheOther(t *testing.T) {
	t.Parallel()
	w := build(t)
	c := w.registered(t, w.acme, nil)
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			a := did(audit.ClientUpdated)
			a.IfVersion = c.Version
			_, errs[i] = w.RegisteredClients().Update(t.Context(), a, c.ID, func(c *client.Client) error { c.Name = fmt.Sprint(i); return nil })
		})
	}
	wg.Wait()
	late := 0
	for _, err := range errs {
		if errors.Is(err, admin.ErrVersion) {
			late++
		} else if err != nil {
			t.Error(err)
		}
	}
	if late != len(errs)-1 {
		t.Errorf("%d of %d were told", late, len(errs))
	}
}

func TestAClientWithTheIDOfADeletedOneInheritsNothing(t *testing.T) {
	t.Parallel()
	w := build(t)
	web := func(c *client.Client) { c.ID = "web" }
	g := w.family(t, nil)
	redemption, _ := w.code(t, nil)
	must(t, w.Grants().SaveConsent(t.Context(), w.acme, w.ada, "web", []string{"openid"}))
	must(t, w.RegisteredClients().Delete(t.Context(), did(audit.ClientDeleted), "web"))
	listed, err := w.GivenGrants().Find(t.Context(), anywhere, g)
	must(t, err)
	if listed.Live(time.Now()) {
		t.Error("a grant to a deleted client lives")
	}
	c := w.registered(t, w.acme, web)
	r := rotation(g, 0, 0)
	r.Since = c.ValidFrom
	_, err = w.Grants().Rotate(t.Context(), r)
	notFound(t, "rotate", err)
	_, err = w.Grants().Redeem(t.Context(), redemption)
	notFound(t, "redeem", err)
	if scopes, err := w.Grants().FindConsent(t.Context(), w.acme, w.ada, "web"); err != nil || len(scopes) != 0 {
		t.Errorf("consent: %v, %v", scopes, err)
	}
	if listed, err = w.GivenGrants().Find(t.Context(), anywhere, g); err != nil || listed.Live(time.Now()) {
		t.Errorf("the grant lives again: %+v, %v", listed, err)
	}
	newer := w.family(t, nil)
	r = rotation(newer, 0, 0)
	r.Since = c.ValidFrom
	if _, err := w.Grants().Rotate(t.Context(), r); err != nil {
		t.Errorf("a grant of its own: %v", err)
	}
}

func TestAPublicClientKeepsNoSecrets(t *testing.T) {
	t.Parallel()
	w := build(t)
	c := w.registered(t, w.acme, nil)
	got, err := w.RegisteredClients().Update(t.Context(), did(audit.ClientUpdated), c.ID, func(c *client.Client) error {
		c.AuthMethod, c.GrantTypes = client.AuthNone, nil
		return nil
	})
	if err != nil || len(got.Secrets) != 0 {
		t.Errorf("%v, %v", got.Secrets, err)
	}
	if _, _, err := w.RegisteredClients().AddSecret(t.Context(), did(audit.ClientSecretAdded), c.ID, fresh(), time.Time{}); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("a secret for a public client: %v", err)
	}
}

func TestClientsAndResourceServersAreListedInPagesByName(t *testing.T) {
	t.Parallel()
	w := build(t)
	var want []string
	for i := range 7 {
		want = append(want, string(w.registered(t, w.globex, func(c *client.Client) { c.ID = client.ID(fmt.Sprintf("page %d", i)) }).ID))
		_, _, err := w.ResourceServers().Create(t.Context(), did(audit.ResourceServerCreated), directory.ResourceServer{
			ID: id.NewResourceServer(time.Now()), Audience: fmt.Sprintf("https://page-%d.example", i), Name: "P", Tenant: w.globex,
		})
		must(t, err)
	}
	for what, list := range map[string]func(admin.Reach, admin.Page) ([]string, string, error){
		"clients of a tenant": func(r admin.Reach, p admin.Page) (out []string, next string, err error) {
			l, err := w.RegisteredClients().List(t.Context(), r, client.Filter{Tenant: w.globex}, p)
			for _, c := range l.Items {
				out = append(out, string(c.ID))
			}
			return out, l.Next, err
		},
		"clients by prefix": func(r admin.Reach, p admin.Page) (out []string, next string, err error) {
			l, err := w.RegisteredClients().List(t.Context(), r, client.Filter{Prefix: "page "}, p)
			for _, c := range l.Items {
				out = append(out, string(c.ID))
			}
			return out, l.Next, err
		},
		"resource servers": func(r admin.Reach, p admin.Page) (out []string, next string, err error) {
			l, err := w.ResourceServers().List(t.Context(), r, w.globex, "", p)
			for _, s := range l.Items {
				out = append(out, s.Audience)
			}
			return out, l.Next, err
		},
	} {
		for _, reach := range []admin.Reach{anywhere, {Tenant: w.globex}} {
			var got []string
			p := admin.Page{Limit: 3}
			for pages := 1; ; pages++ {
				items, next, err := list(reach, p)
				must(t, err)
				got = append(got, items...)
				if next == "" {
					if pages != 3 {
						t.Errorf("%s: %d pages", what, pages)
					}
					break
				}
				p.After = next
			}
			if len(got) != len(want) || !slices.IsSorted(got) {
				t.Errorf("%s: %v", what, got)
			}
		}
		for _, bad := range []string{"?", "W10"} {
			if items, _, err := list(anywhere, admin.Page{After: bad, Limit: 3}); !errors.Is(err, errdefs.ErrInvalid) {
				t.Errorf("%s: cursor %s: %v, %v", what, bad, items, err)
			}
		}
	}
	if l, err := w.RegisteredClients().List(t.Context(), admin.Reach{}, client.Filter{}, admin.Page{Limit: 3}); err != nil || len(l.Items) != 0 {
		t.Errorf("no reach: %v, %v", l, err)
	}
	if l, err := w.ResourceServers().List(t.Context(), admin.Reach{}, id.Tenant{}, "", admin.Page{Limit: 3}); err != nil || len(l.Items) != 0 {
		t.Errorf("no reach: %v, %v", l, err)
	}
	if l, err := w.GivenGrants().List(t.Context(), admin.Reach{}, grant.Filter{}, admin.Page{Limit: 3}); err != nil || len(l.Items) != 0 {
		t.Errorf("no reach: %v, %v", l, err)
	}
}

// A role that gets a permission while its resource server is deleted keeps it, or does not get it:
// nobody's rights vanish unseen.
func TestAResourceServerIsNotDeletedWhileARoleIsGivenItsPermission(t *testing.T) {
	t.Parallel()
	w := build(t)
	for i := range 6 {
		s, _, err := w.ResourceServers().Create(t.Context(), did(audit.ResourceServerCreated), directory.ResourceServer{
			ID: id.NewResourceServer(time.Now()), Audience: fmt.Sprintf("https://race-%d.example", i), Name: "R",
		})
		must(t, err)
		_, _, err = w.ResourceServers().SavePermission(t.Context(), did(audit.PermissionSaved), s.ID, directory.PermissionDefinition{Slug: "a:b"})
		must(t, err)
		var wg sync.WaitGroup
		var deleted, given error
		wg.Go(func() {
			_, deleted = w.ResourceServers().Delete(t.Context(), did(audit.ResourceServerDeleted), s.ID, false)
		})
		wg.Go(func() {
			_, given = w.Roles().Update(t.Context(), did(audit.RoleUpdated), w.acme, "clerk", func(r *directory.Role) error {
				r.Permissions = append(r.Permissions, directory.Permission{Audience: s.Audience, Slug: "a:b"})
				return nil
			})
		})
		wg.Wait()
		held := w.count(t, "SELECT count(*) FROM role_permission WHERE audience = $1", s.Audience)
		if (given == nil) != (held == 1) || (deleted == nil) != (held == 0) {
			t.Errorf("deleted: %v; given: %v; held %d", deleted, given, held)
		}
	}
}

func TestAnAudienceThatIsDeletedLeavesTheClientsThatUsedIt(t *testing.T) {
	t.Parallel()
	w := build(t)
	serves := func(audience string, of id.Tenant) directory.ResourceServer {
		s, _, err := w.ResourceServers().Create(t.Context(), did(audit.ResourceServerCreated), directory.ResourceServer{
			ID: id.NewResourceServer(time.Now()), Audience: audience, Name: "S", Tenant: of,
		})
		must(t, err)
		return s
	}
	shared := serves("https://shared.example", id.Tenant{})
	serves("https://one.globex.example", w.globex)
	serves("https://two.globex.example", w.globex)
	c := w.registered(t, id.Tenant{}, func(c *client.Client) {
		c.Audiences = []string{"https://two.globex.example", "https://shared.example", orders, "https://one.globex.example"}
		c.ServesAudience = "https://one.globex.example"
	})
	w.registered(t, w.globex, func(c *client.Client) { c.Audiences = []string{"https://one.globex.example"} })
	left := func(want ...string) {
		t.Helper()
		got, err := w.RegisteredClients().Find(t.Context(), anywhere, c.ID)
		must(t, err)
		if !slices.Equal(got.Audiences, want) || got.ServesAudience != "" && !slices.Contains(want, got.ServesAudience) || got.Version == c.Version {
			t.Errorf("%v, serves %q, version %d", got.Audiences, got.ServesAudience, got.Version)
		}
		c = got
	}
	if _, err := w.ResourceServers().Delete(t.Context(), did(audit.ResourceServerDeleted), shared.ID, false); !errors.Is(err, errdefs.ErrConflict) {
		t.Errorf("without force: %v", err)
	}
	lost, err := w.ResourceServers().Delete(t.Context(), did(audit.ResourceServerDeleted), shared.ID, true)
	if err != nil || !slices.Equal(lost, []client.ID{c.ID}) {
		t.Errorf("by force: %v, %v", lost, err)
	}
	left("https://two.globex.example", orders, "https://one.globex.example")
	w.exec(t, "UPDATE tenant SET disabled_at = now() WHERE id = $1", w.globex.UUID())
	must(t, w.Tenants().Delete(t.Context(), did(audit.TenantDeleted), w.globex, keep))
	left(orders)
	if n := w.count(t, "SELECT (SELECT count(*) FROM client WHERE tenant_id = $1) + (SELECT count(*) FROM resource_server WHERE tenant_id = $1)", w.globex.UUID()); n != 0 {
		t.Errorf("%d rows of the tenant are left", n)
	}
}
