package dev

import (
	"context"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/installation"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/secret"
)

// ordersAudience names the demo orders service in tokens.
const ordersAudience = "https://orders.example"

// importedCost is the bcrypt cost that a former system is imagined to have used.
const importedCost = 10

// person is somebody who can sign in. The passwords are for everybody to read: they are good
// for this demonstration and nothing else.
type person struct {
	installation.User
	password string
	imported bool // the hash comes from another system and is upgraded at the first sign-in
	note     string
}

func people() []person {
	in := func(tenant string, roles ...string) installation.Membership {
		return installation.Membership{Tenant: tenant, Roles: roles}
	}
	return []person{
		{User: installation.User{
			Email: "ada@acme.example", EmailVerified: true, Name: "Ada Okonkwo", GivenName: "Ada", FamilyName: "Okonkwo", Locale: "en-GB",
			Memberships: []installation.Membership{in("acme", "admin"), in("globex", "viewer")},
		}, password: "brews-tea-at-seven", note: "two organizations"},
		{User: installation.User{
			Email: "grace@acme.example", EmailVerified: true, Name: "Grace Lindqvist", GivenName: "Grace", FamilyName: "Lindqvist", Locale: "sv",
			Memberships: []installation.Membership{in("acme", "clerk")},
		}, password: "counts-moths-nightly", note: "may not refund"},
		{User: installation.User{
			Email: "linus@globex.example", EmailVerified: true, Name: "Linus Ferreira", GivenName: "Linus", FamilyName: "Ferreira", Locale: "pt-BR",
			Memberships: []installation.Membership{in("globex", "admin")},
		}, password: "paddles-home-on-sundays"},
		{User: installation.User{
			Email: "wilhelmina@acme.example", EmailVerified: true,
			Name:      "Wilhelmina Alexandrina Featherstonehaugh-Papadopoulou von Hohenstaufen-Sigmaringen",
			GivenName: "Wilhelmina Alexandrina", FamilyName: "Featherstonehaugh-Papadopoulou von Hohenstaufen-Sigmaringen", Locale: "de",
			Memberships: []installation.Membership{in("acme", "viewer")},
		}, password: "signs-every-page-twice", note: "a long name"},
		{User: installation.User{
			Email: "layla@globex.example", EmailVerified: true, Name: "ليلى حدّاد", GivenName: "ليلى", FamilyName: "حدّاد", Locale: "ar",
			Memberships: []installation.Membership{in("acme", "viewer"), in("globex", "clerk")},
		}, password: "plants-figs-in-april", note: "right-to-left"},
		{User: installation.User{
			Email: "otto@acme.example", EmailVerified: true, Name: "Otto Marchetti", GivenName: "Otto", FamilyName: "Marchetti", Locale: "it",
			Memberships: []installation.Membership{in("acme", "clerk", "viewer")},
		}, password: "kept-his-old-bicycle", imported: true, note: "imported hash"},
		{User: installation.User{
			Email: "opal@signet.example", EmailVerified: true, Name: "Opal Nakamura", GivenName: "Opal", FamilyName: "Nakamura", Locale: "ja",
			Memberships: []installation.Membership{in(admin.InstallationTenant, admin.AdminRole)},
		}, password: "oils-the-clock-daily", note: "the operator"},
	}
}

// permissions are those of the orders service.
func permissions(slugs ...string) []installation.PermissionRef {
	var out []installation.PermissionRef
	for _, s := range slugs {
		out = append(out, installation.PermissionRef{Audience: ordersAudience, Slug: s})
	}
	return out
}

func tenants() []installation.Tenant {
	return []installation.Tenant{
		{Slug: "acme", Name: "Acme Corporation", Roles: []installation.Role{
			{Name: "admin", Description: "Runs the shop", Permissions: permissions("orders:read", "orders:write", "orders:refund")},
			{Name: "clerk", Description: "Takes orders", Permissions: permissions("orders:read", "orders:write")},
			{Name: "viewer", Description: "Looks at orders", Permissions: permissions("orders:read")},
		}},
		{Slug: "globex", Name: "Globex", Roles: []installation.Role{
			{Name: "admin", Description: "Runs the shop", Permissions: permissions("orders:read", "orders:write", "orders:refund")},
			// The same word means something else here: roles belong to a tenant.
			{Name: "clerk", Description: "Handles complaints", Permissions: permissions("orders:read", "orders:refund")},
			{Name: "viewer", Description: "Looks at orders", Permissions: permissions("orders:read")},
		}},
	}
}

func resourceServers() []installation.ResourceServer {
	return []installation.ResourceServer{{Audience: ordersAudience, Name: "Orders", Permissions: []installation.Permission{
		{Slug: "orders:read", Description: "See orders"},
		{Slug: "orders:write", Description: "Create orders"},
		{Slug: "orders:refund", Description: "Refund orders"},
	}}}
}

// hashes are the encoded passwords of people, in their order, computed in the background.
type hashes struct {
	ctx   context.Context
	of    []person
	once  sync.Once
	done  chan struct{}
	value []string
	err   error
}

// newHashes returns the hashes of those people; early begins to compute them before they are asked
// for.
func newHashes(ctx context.Context, of []person, early bool) *hashes {
	h := &hashes{ctx: ctx, of: of, done: make(chan struct{})}
	if early {
		h.once.Do(func() { go h.compute() })
	}
	return h
}

// all waits for the hashes.
func (h *hashes) all() ([]string, error) {
	h.once.Do(func() { go h.compute() })
	<-h.done
	return h.value, h.err
}

// compute hashes side by side: the hasher itself bounds how many run at once.
func (h *hashes) compute() {
	defer close(h.done)
	hasher, err := password.New(password.Config{})
	if err != nil {
		h.err = err
		return
	}
	h.value = make([]string, len(h.of))
	errs := make([]error, len(h.of))
	var wg sync.WaitGroup
	for i, p := range h.of {
		wg.Go(func() {
			if p.imported {
				b, err := bcrypt.GenerateFromPassword([]byte(p.password), importedCost)
				h.value[i], errs[i] = string(b), err
				return
			}
			h.value[i], errs[i] = hasher.Hash(h.ctx, secret.New(p.password))
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			h.err = err
		}
	}
}
