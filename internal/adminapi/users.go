package adminapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
	"github.com/signet-id/signet/internal/id"
	"github.com/signet-id/signet/internal/password"
	"github.com/signet-id/signet/internal/secret"
)

// Users stores accounts.
type Users interface {
	List(ctx context.Context, reach admin.Reach, f directory.UserFilter, p admin.Page) (admin.List[directory.User], error)
	Find(ctx context.Context, reach admin.Reach, user id.User) (directory.User, error)
	Create(ctx context.Context, a admin.Act, n directory.NewUser) (created directory.User, replayed bool, err error)
	Update(ctx context.Context, a admin.Act, user id.User, edit directory.UserEdit, keep time.Duration) (directory.User, error)
	Delete(ctx context.Context, a admin.Act, user id.User, keep time.Duration) error
}

// Memberships lists the tenants of a person.
type Memberships interface {
	ListMemberships(ctx context.Context, reach admin.Reach, user id.User, p admin.Page) (admin.List[directory.UserMembership], error)
}

// PasswordRules judge new passwords.
type PasswordRules interface {
	Check(candidate secret.Text, c password.Context) error
}

// PasswordHasher hashes them, a few at a time.
type PasswordHasher interface {
	Hash(ctx context.Context, password secret.Text) (string, error)
}

// User is a person's account. One person may belong to many tenants.
type User struct {
	ID            string     `json:"id" example:"usr_01h2xcejqtf2nbrexx3vqjhp41" doc:"Never changes; the sub claim of tokens."`
	Email         string     `json:"email" example:"ada@acme.example" doc:"As the person writes it; unique without regard to case."`
	EmailVerified bool       `json:"email_verified"`
	Name          string     `json:"name,omitempty"`
	GivenName     string     `json:"given_name,omitempty"`
	FamilyName    string     `json:"family_name,omitempty"`
	Picture       string     `json:"picture,omitempty"`
	Locale        string     `json:"locale,omitempty" example:"pt-BR"`
	DisabledAt    *time.Time `json:"disabled_at,omitempty" doc:"Since when the person cannot sign in anywhere; absent while they can."`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
}

func userOf(u directory.User) User {
	return User{
		ID: u.ID.String(), Email: u.Email, EmailVerified: u.EmailVerified, Name: u.Name, GivenName: u.GivenName, FamilyName: u.FamilyName,
		Picture: u.Picture, Locale: u.Locale, DisabledAt: moment(u.DisabledAt), CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

// UserMembership is one tenant of a person.
type UserMembership struct {
	TenantID    string     `json:"tenant_id"`
	Tenant      string     `json:"tenant" example:"acme" doc:"The tenant's slug."`
	TenantName  string     `json:"tenant_name"`
	Roles       []string   `json:"roles" nullable:"false"`
	SuspendedAt *time.Time `json:"suspended_at,omitempty"`
	GrantedBy   string     `json:"granted_by"`
	GrantedAt   time.Time  `json:"granted_at"`
}

func userMembershipOf(m directory.UserMembership) UserMembership {
	return UserMembership{
		TenantID: m.Tenant.ID.String(), Tenant: m.Tenant.Slug, TenantName: m.Tenant.Name, Roles: m.Member.Roles,
		SuspendedAt: moment(m.Member.SuspendedAt), GrantedBy: m.Member.GrantedBy, GrantedAt: m.Member.GrantedAt,
	}
}

// OfUser is the path of everything about a person.
type OfUser struct {
	User string `path:"user" maxLength:"64" doc:"Identifier of the person." example:"usr_01h2xcejqtf2nbrexx3vqjhp41"`
}

// userID reads an identifier of a path. What is none names nobody.
func (u OfUser) userID() (id.User, error) {
	user, err := id.ParseUser(u.User)
	if err != nil {
		return user, fmt.Errorf("user: %w", errdefs.ErrNotFound)
	}
	return user, nil
}

// user finds the person of a path. One that the caller does not see is not there.
func (a *API) user(ctx context.Context, actor admin.Actor, in OfUser) (directory.User, error) {
	user, err := in.userID()
	if err != nil {
		return directory.User{}, err
	}
	return a.Users.Find(ctx, actor.Reach(), user)
}

// editableUser is user for those who change accounts: a person may belong to other tenants too, so
// that takes the installation.
func (a *API) editableUser(ctx context.Context, actor admin.Actor, in OfUser) (directory.User, error) {
	u, err := a.user(ctx, actor, in)
	if err != nil {
		return u, err
	}
	return u, may(actor.ManagesAll())
}

type newMembership struct {
	Tenant     string         `json:"tenant" minLength:"1" maxLength:"63" doc:"Slug or identifier."`
	Roles      []string       `json:"roles,omitempty" maxItems:"100" doc:"Names of roles of that tenant."`
	Attributes map[string]any `json:"attributes,omitempty" doc:"Values for declared claims."`
}

type createUser struct {
	Creation
	Body struct {
		Email         string          `json:"email" minLength:"3" maxLength:"254"`
		EmailVerified bool            `json:"email_verified,omitempty" doc:"That the address is known to be the person's."`
		Name          string          `json:"name,omitempty" maxLength:"200"`
		GivenName     string          `json:"given_name,omitempty" maxLength:"200"`
		FamilyName    string          `json:"family_name,omitempty" maxLength:"200"`
		Picture       string          `json:"picture,omitempty" maxLength:"2048" doc:"An https URL."`
		Locale        string          `json:"locale,omitempty" maxLength:"35" doc:"A language tag."`
		Disabled      bool            `json:"disabled,omitempty"`
		Password      string          `json:"password,omitempty" maxLength:"1024" writeOnly:"true" doc:"Judged by the rules for new passwords. Without one, and without password_hash, the person sets one by a link: see password-reset."`
		PasswordHash  string          `json:"password_hash,omitempty" maxLength:"512" writeOnly:"true" doc:"Instead of a password: its hash, as another system stored it."`
		Memberships   []newMembership `json:"memberships,omitempty" maxItems:"200" doc:"Made together with the account: all of it or nothing."`
	}
}

type updateUser struct {
	OfUser
	Conditional
	Body struct {
		Email         *string `json:"email,omitempty" minLength:"3" maxLength:"254" doc:"Another address is not verified, unless email_verified says so."`
		EmailVerified *bool   `json:"email_verified,omitempty"`
		Name          *string `json:"name,omitempty" maxLength:"200"`
		GivenName     *string `json:"given_name,omitempty" maxLength:"200"`
		FamilyName    *string `json:"family_name,omitempty" maxLength:"200"`
		Picture       *string `json:"picture,omitempty" maxLength:"2048"`
		Locale        *string `json:"locale,omitempty" maxLength:"35"`
		Disabled      *bool   `json:"disabled,omitempty" doc:"Disabling ends every session and recalls every token of the person."`
		Password      *string `json:"password,omitempty" minLength:"1" maxLength:"1024" writeOnly:"true" doc:"Another password ends every session and recalls every token of the person."`
		PasswordHash  *string `json:"password_hash,omitempty" minLength:"1" maxLength:"512" writeOnly:"true"`
	}
}

func (a *API) users() {
	const tag, installation = "Users", "Installation administrators only."
	register(a, operation{
		ID: "list-users", Method: http.MethodGet, Path: "/users", Tag: tag, Summary: "List accounts, oldest first.",
		Description: "Tenant administrators see the members of their tenant, in the order in which they joined. With email_prefix the list is ordered by address.",
	}, a.listUsers)
	register(a, operation{
		ID: "create-user", MaxBody: 1 << 20, Method: http.MethodPost, Path: "/users", Tag: tag, Status: http.StatusCreated,
		Summary: "Create an account, with memberships if wanted: all of it or nothing.", Description: installation,
	}, a.createUser)
	register(a, operation{ID: "get-user", Method: http.MethodGet, Path: "/users/{user}", Tag: tag, Summary: "Read an account."}, a.getUser)
	register(a, operation{ID: "update-user", Method: http.MethodPatch, Path: "/users/{user}", Tag: tag, Summary: "Edit an account: absent fields stay.", Description: installation}, a.updateUser)
	register(a, operation{
		ID: "delete-user", Method: http.MethodDelete, Path: "/users/{user}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Delete an account with its memberships, sessions and grants.", Description: installation + " What the audit log says of the person stays.",
	}, a.deleteUser)
	register(a, operation{
		ID: "list-user-memberships", Method: http.MethodGet, Path: "/users/{user}/memberships", Tag: tag, Summary: "List the tenants of a person.",
		Description: "Tenant administrators see their own.",
	}, a.listUserMemberships)
}

func (a *API) listUsers(ctx context.Context, actor admin.Actor, in *struct {
	Paging
	Email  string `query:"email" maxLength:"254" doc:"Only the account with this address."`
	Prefix string `query:"email_prefix" maxLength:"254" doc:"Only those whose address begins like this."`
	Tenant string `query:"tenant" maxLength:"63" doc:"Slug or identifier: only members of this tenant."`
},
) (*listing[User], error) {
	var f directory.UserFilter
	var err error
	if in.Email != "" && in.Prefix != "" {
		return nil, inQuery("email_prefix", "give the address or its beginning, not both")
	}
	if in.Email != "" {
		if f.Email, err = directory.NormalizeEmail(in.Email); err != nil {
			return nil, inQuery("email", "use an e-mail address")
		}
	}
	if f.AddressPrefix, err = directory.CheckAddressPrefix("email_prefix", in.Prefix); err != nil {
		return nil, inQuery("email_prefix", "use the beginning of an e-mail address")
	}
	if in.Tenant != "" {
		t, err := a.tenant(ctx, actor, InTenant{in.Tenant})
		if err != nil {
			return nil, err
		}
		f.Tenant = t.ID
	}
	l, err := a.Users.List(ctx, actor.Reach(), f, in.page())
	return &listing[User]{pageOf(l, userOf)}, err
}

func (a *API) getUser(ctx context.Context, actor admin.Actor, in *OfUser) (*single[User], error) {
	u, err := a.user(ctx, actor, *in)
	return one(u.Version, userOf(u)), err
}

func (a *API) listUserMemberships(ctx context.Context, actor admin.Actor, in *struct {
	OfUser
	Paging
},
) (*listing[UserMembership], error) {
	u, err := a.user(ctx, actor, in.OfUser)
	if err != nil {
		return nil, err
	}
	l, err := a.Memberships.ListMemberships(ctx, actor.Reach(), u.ID, in.page())
	return &listing[UserMembership]{pageOf(l, userMembershipOf)}, err
}

func (a *API) createUser(ctx context.Context, actor admin.Actor, in *createUser) (*created[User], error) {
	if err := may(actor.ManagesAll()); err != nil {
		return nil, err
	}
	b := in.Body
	n := directory.NewUser{User: directory.User{
		ID: id.NewUser(a.Now()), Email: b.Email, EmailVerified: b.EmailVerified, Name: b.Name, GivenName: b.GivenName, FamilyName: b.FamilyName,
		Picture: b.Picture, Locale: b.Locale,
	}}
	disable(&n.DisabledAt, &b.Disabled, a.Now())
	known := []string{}
	for i, m := range b.Memberships {
		t, err := a.Tenants.Find(ctx, actor.Reach(), m.Tenant)
		if errors.Is(err, errdefs.ErrNotFound) {
			return nil, admin.Invalid(fmt.Sprintf("memberships[%d].tenant", i), "there is no such tenant")
		}
		if err != nil {
			return nil, err
		}
		n.Memberships = append(n.Memberships, directory.NewMembership{Tenant: t.ID, Roles: m.Roles, Attributes: attributes(m.Attributes)})
		known = append(known, t.Name, t.Slug)
	}
	if err := n.Check(); err != nil {
		return nil, err
	}
	var err error
	if n.PasswordHash, err = a.passwordHash(ctx, n.User, b.Password, b.PasswordHash, known); err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.UserCreated, id.Tenant{}, n.ID.String(), map[string]string{})
	act.Event.User = n.ID
	// A fingerprint is quickly made: that of a password would help to guess it.
	b.Password = ""
	act.Once = in.once("create-user", b)
	u, replayed, err := a.Users.Create(ctx, act, n)
	return made("/users/"+u.ID.String(), u.Version, replayed, userOf(u)), err
}

// passwordHash returns what is to be stored for a password, or for a hash that another system
// made; "" for neither.
func (a *API) passwordHash(ctx context.Context, u directory.User, chosen, hash string, known []string) (string, error) {
	switch {
	case chosen != "" && hash != "":
		return "", admin.Invalid("password_hash", "give the password or its hash, not both")
	case hash != "":
		if password.CheckImport(hash) != nil {
			return "", admin.Invalid("password_hash", "this is no password hash that can be verified here")
		}
		return hash, nil
	case chosen == "":
		return "", nil
	}
	text := secret.New(chosen)
	err := a.Rules.Check(text, password.Context{Email: u.Email, Name: u.DisplayName(), Words: append([]string{u.GivenName, u.FamilyName}, known...)})
	if refusal, ok := errors.AsType[*password.Refusal](err); ok {
		return "", &admin.FieldError{Field: "password", Text: refusal.Advice(), Kind: errdefs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	return a.Hasher.Hash(ctx, text)
}

func (a *API) updateUser(ctx context.Context, actor admin.Actor, in *updateUser) (*single[User], error) {
	u, err := a.editableUser(ctx, actor, in.OfUser)
	if err != nil {
		return nil, err
	}
	b := in.Body
	act := a.act(ctx, actor, audit.UserUpdated, id.Tenant{}, u.ID.String(), map[string]string{"fields": fields(b)})
	act.Event.User = u.ID
	if act.IfVersion, err = in.version(); err != nil {
		return nil, err
	}
	apply := func(u *directory.User) error {
		if b.Email != nil && *b.Email != u.Email {
			u.Email, u.EmailVerified = *b.Email, false
		}
		set(&u.EmailVerified, b.EmailVerified)
		set(&u.Name, b.Name)
		set(&u.GivenName, b.GivenName)
		set(&u.FamilyName, b.FamilyName)
		set(&u.Picture, b.Picture)
		set(&u.Locale, b.Locale)
		disable(&u.DisabledAt, b.Disabled, a.Now())
		return nil
	}
	// Hashing takes long: not while the account is locked.
	edited := u
	_ = apply(&edited)
	if err := edited.CheckEdit(u); err != nil {
		return nil, err
	}
	edit := directory.UserEdit{Apply: apply}
	if edit.PasswordHash, err = a.passwordHash(ctx, edited, text(b.Password), text(b.PasswordHash), nil); err != nil {
		return nil, err
	}
	u, err = a.Users.Update(ctx, act, u.ID, edit, maxAccessToken)
	a.ForgetUser(u.ID)
	return one(u.Version, userOf(u)), err
}

// text is a text that may not have been sent.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (a *API) deleteUser(ctx context.Context, actor admin.Actor, in *struct {
	OfUser
	Conditional
},
) (*none, error) {
	u, err := a.editableUser(ctx, actor, in.OfUser)
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.UserDeleted, id.Tenant{}, u.ID.String(), map[string]string{})
	act.Event.User = u.ID
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	err = a.Users.Delete(ctx, act, u.ID, maxAccessToken)
	a.ForgetUser(u.ID)
	return &none{}, err
}
