package adminapi

import (
	"context"
	"net/http"
	"time"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/audit"
	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/id"
)

// Members stores who belongs to a tenant.
type Members interface {
	List(ctx context.Context, reach admin.Reach, tenant id.Tenant, f directory.MemberFilter, p admin.Page) (admin.List[directory.Member], error)
	Find(ctx context.Context, reach admin.Reach, tenant id.Tenant, user id.User) (directory.Member, error)
	Add(ctx context.Context, a admin.Act, m directory.Member) (added directory.Member, replayed bool, err error)
	Update(ctx context.Context, a admin.Act, tenant id.Tenant, user id.User, edit func(*directory.Member) error, keep time.Duration) (directory.Member, error)
	Remove(ctx context.Context, a admin.Act, tenant id.Tenant, user id.User, keep time.Duration) error
}

// Member is a person as one tenant knows them.
type Member struct {
	User        User           `json:"user"`
	Roles       []string       `json:"roles" nullable:"false" doc:"Names of roles of the tenant."`
	Attributes  map[string]any `json:"attributes" doc:"Values for declared claims."`
	SuspendedAt *time.Time     `json:"suspended_at,omitempty" doc:"Since when the membership gives nothing; absent while it does."`
	GrantedBy   string         `json:"granted_by" doc:"Who made the person a member: a person, a client, or installation."`
	GrantedAt   time.Time      `json:"granted_at"`
}

func memberOf(m directory.Member) Member {
	return Member{
		User: userOf(m.User), Roles: m.Roles, Attributes: attributesOf(m.Attributes), SuspendedAt: moment(m.SuspendedAt),
		GrantedBy: m.GrantedBy, GrantedAt: m.GrantedAt,
	}
}

// OfMember is the path of a membership.
type OfMember struct {
	InTenant
	OfUser
}

// member finds the tenant and the membership of a path. What the caller does not see is not there.
func (a *API) member(ctx context.Context, actor admin.Actor, in OfMember) (directory.Tenant, directory.Member, error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err != nil {
		return t, directory.Member{}, err
	}
	user, err := in.userID()
	if err != nil {
		return t, directory.Member{}, err
	}
	m, err := a.Members.Find(ctx, actor.Reach(), t.ID, user)
	return t, m, err
}

func (a *API) managedMember(ctx context.Context, actor admin.Actor, in OfMember) (directory.Member, error) {
	t, m, err := a.member(ctx, actor, in)
	if err != nil {
		return m, err
	}
	return m, may(actor.Manages(t.ID))
}

type addMember struct {
	InTenant
	Creation
	Body struct {
		User       string         `json:"user" minLength:"1" maxLength:"64" doc:"Identifier of the person." example:"usr_01h2xcejqtf2nbrexx3vqjhp41"`
		Roles      []string       `json:"roles,omitempty" maxItems:"100"`
		Attributes map[string]any `json:"attributes,omitempty"`
	}
}

type updateMember struct {
	OfMember
	Conditional
	Body struct {
		Roles      *[]string       `json:"roles,omitempty" maxItems:"100" doc:"Replaces all."`
		Suspended  *bool           `json:"suspended,omitempty" doc:"Suspending recalls every token of the person for this tenant."`
		Attributes *map[string]any `json:"attributes,omitempty" doc:"Installation administrators only. Replaces all."`
	}
}

func (a *API) members() {
	const tag = "Members"
	register(a, operation{
		ID: "list-members", Method: http.MethodGet, Path: "/tenants/{tenant}/members", Tag: tag, Summary: "List the members of a tenant, oldest first.",
		Description: "With role the list is ordered by person, with email_prefix by address.",
	}, a.listMembers)
	register(a, operation{
		ID: "add-member", Method: http.MethodPost, Path: "/tenants/{tenant}/members", Tag: tag, Status: http.StatusCreated,
		Summary: "Make a person who has an account a member of a tenant.", Description: "Installation administrators only: those of a tenant invite people.",
	}, a.addMember)
	register(a, operation{ID: "get-member", Method: http.MethodGet, Path: "/tenants/{tenant}/members/{user}", Tag: tag, Summary: "Read a membership."}, a.getMember)
	register(a, operation{
		ID: "update-member", Method: http.MethodPatch, Path: "/tenants/{tenant}/members/{user}", Tag: tag,
		Summary: "Change the roles of a member, or suspend them: absent fields stay.",
	}, a.updateMember)
	register(a, operation{
		ID: "remove-member", Method: http.MethodDelete, Path: "/tenants/{tenant}/members/{user}", Tag: tag, Status: http.StatusNoContent,
		Summary: "Remove a member.", Description: "Recalls every token of the person for this tenant. The account stays.",
	}, a.removeMember)
}

func (a *API) listMembers(ctx context.Context, actor admin.Actor, in *struct {
	InTenant
	Paging
	Role   string `query:"role" maxLength:"64" doc:"Only who holds this role, not through another."`
	Prefix string `query:"email_prefix" maxLength:"254" doc:"Only those whose address begins like this."`
},
) (*listing[Member], error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err != nil {
		return nil, err
	}
	f := directory.MemberFilter{Role: in.Role}
	if f.AddressPrefix, err = directory.CheckAddressPrefix("email_prefix", in.Prefix); err != nil {
		return nil, inQuery("email_prefix", "use the beginning of an e-mail address")
	}
	if in.Role != "" && in.Prefix != "" {
		return nil, inQuery("email_prefix", "give the role or the beginning of an address, not both")
	}
	l, err := a.Members.List(ctx, actor.Reach(), t.ID, f, in.page())
	return &listing[Member]{pageOf(l, memberOf)}, err
}

func (a *API) getMember(ctx context.Context, actor admin.Actor, in *OfMember) (*single[Member], error) {
	_, m, err := a.member(ctx, actor, *in)
	return one(m.Version, memberOf(m)), err
}

func (a *API) addMember(ctx context.Context, actor admin.Actor, in *addMember) (*created[Member], error) {
	t, err := a.tenant(ctx, actor, in.InTenant)
	if err == nil {
		err = may(actor.ManagesAll())
	}
	if err != nil {
		return nil, err
	}
	b := in.Body
	m := directory.Member{Tenant: t.ID, Roles: b.Roles, Attributes: attributes(b.Attributes)}
	if m.User.ID, err = id.ParseUser(b.User); err != nil {
		return nil, admin.Invalid("user", "there is no such person")
	}
	act := a.act(ctx, actor, audit.MemberAdded, t.ID, m.User.ID.String(), map[string]string{})
	act.Event.User = m.User.ID
	act.Once = in.once("add-member", t.ID, b)
	m, replayed, err := a.Members.Add(ctx, act, m)
	a.ForgetUser(m.User.ID)
	return made("/tenants/"+t.ID.String()+"/members/"+m.User.ID.String(), m.Version, replayed, memberOf(m)), err
}

func (a *API) updateMember(ctx context.Context, actor admin.Actor, in *updateMember) (*single[Member], error) {
	m, err := a.managedMember(ctx, actor, in.OfMember)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if b.Attributes != nil {
		if err := may(actor.ManagesAll()); err != nil {
			return nil, err
		}
	}
	user := m.User.ID
	act := a.act(ctx, actor, audit.MemberUpdated, m.Tenant, user.String(), map[string]string{"fields": fields(b)})
	act.Event.User = user
	if act.IfVersion, err = in.version(); err != nil {
		return nil, err
	}
	m, err = a.Members.Update(ctx, act, m.Tenant, user, func(m *directory.Member) error {
		set(&m.Roles, b.Roles)
		if b.Attributes != nil {
			m.Attributes = attributes(*b.Attributes)
		}
		disable(&m.SuspendedAt, b.Suspended, a.Now())
		return nil
	}, maxAccessToken)
	a.ForgetUser(user)
	return one(m.Version, memberOf(m)), err
}

func (a *API) removeMember(ctx context.Context, actor admin.Actor, in *struct {
	OfMember
	Conditional
},
) (*none, error) {
	m, err := a.managedMember(ctx, actor, in.OfMember)
	if err != nil {
		return nil, err
	}
	act := a.act(ctx, actor, audit.MemberRemoved, m.Tenant, m.User.ID.String(), map[string]string{})
	act.Event.User = m.User.ID
	if act.IfVersion, err = in.optional(); err != nil {
		return nil, err
	}
	err = a.Members.Remove(ctx, act, m.Tenant, m.User.ID, maxAccessToken)
	a.ForgetUser(m.User.ID)
	return &none{}, err
}
