package ui

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostile is a name that tries to leave every context it can be put into.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>' {{.}} javascript:alert(1)//`

// endless is a name with nowhere to break a line.
var endless = strings.Repeat("Donaudampfschifffahrtsgesellschaft", 6)[:200]

// state is one page as somebody may see it.
type state struct {
	name   string
	status int
	page   Page
}

// states are all pages in all states worth looking at; the tests of this package hold for
// every one of them.
func states() []state {
	pictures, err := loadAssets()
	if err != nil {
		panic(err)
	}
	icon := (&Renderer{assets: pictures}).ProviderIcon
	var (
		orders = Client{Name: "Acme Orders"}
		ada    = Person{Name: "Ada Lovelace", Email: "ada@acme.test"}
		form   = Form{Action: "/login", Hidden: []Hidden{{"interaction", "v1.eyJ0ZXN0IjoxfQ.sig"}}}
		frame  = Frame{FormTargets: []string{"https://orders.acme.test/callback"}}
		arabic = Frame{Lang: "ar", Dir: RTL}
		layla  = Person{Name: "ليلى الحداد", Email: "layla@example.test"}
		scopes = []Scope{{Name: "openid"}, {Name: "profile"}, {Name: "email"}, {Name: "orders:write", Description: "Create and change orders for you"}, {Name: "offline_access"}}
		both   = []Provider{{Label: "Google", Action: "/upstream/google", Icon: icon("google")}, {Label: "GitHub", Action: "/upstream/github", Icon: icon("github")}}
		roles  = []string{"owner", "billing"}
		day    = time.Date(2026, 5, 3, 9, 30, 0, 0, time.UTC)
		ways   = Ways{PasswordURL: "/account/password", HasPassword: true}
		google = Identity{Connector: "Google", Icon: icon("google"), Label: "ada@gmail.test", LinkedAt: day, LastUsedAt: day.AddDate(0, 4, 9), RemoveURL: "/account/identities/remove?identity=1"}
		github = Identity{Connector: "GitHub", Icon: icon("github"), Label: "ada-l", LinkedAt: day, LastUsedAt: day.Add(time.Hour), RemoveURL: "/account/identities/remove?identity=2"}
		acme   = Identity{Connector: "Acme Okta", Label: "ada@acme.test", LinkedAt: day, LastUsedAt: day, Off: true, RemoveURL: "/account/identities/remove?identity=3"}
		only   = Identity{Connector: "Google", Icon: icon("google"), Label: "ada@gmail.test", LinkedAt: day, LastUsedAt: day.AddDate(0, 4, 9)}
	)
	adding := func(names ...string) (out []Connect) {
		for _, n := range names {
			out = append(out, Connect{Connector: n, Form: Form{Action: "/account/identities/connect", Hidden: []Hidden{{FieldConnector, "x"}}}})
		}
		return out
	}
	tenants := []TenantChoice{{"ten_1", "Acme Inc.", roles}, {"ten_2", "Globex Corporation", []string{"viewer"}}, {"ten_3", "Initech", nil}}
	all := []state{
		{"sign-in", 200, SignIn{Frame: frame, Form: form, Client: orders}},
		{"sign-in-own", 200, SignIn{Form: form}},
		{"sign-in-prefilled", 200, SignIn{Form: form, Client: orders, Email: "ada@acme.test", Notice: NoticeSignInAgain}},
		{"sign-in-providers", 200, SignIn{Form: form, Client: orders, Providers: both}},
		{"sign-in-provider", 200, SignIn{Form: form, Client: orders, ForgotURL: "/password/forgot", Providers: both[:1]}},
		{"sign-in-eight-providers", 200, SignIn{Form: form, Client: orders, ForgotURL: "/password/forgot", Providers: slices.Concat(both, []Provider{
			{Label: "Partner Inc", Action: "/upstream/a"}, {Label: "Acme Okta", Action: "/upstream/b"}, {Label: "Initech Entra ID", Action: "/upstream/c"},
			{Label: "Vereinigte Stadtwerke und Verkehrsbetriebe der Region Rhein-Neckar", Action: "/upstream/d"}, {Label: "login.globex.example", Action: "/upstream/e"}, {Label: "日本語", Action: "/upstream/f"},
		})}},
		{"sign-in-mismatch", 401, SignIn{Form: form, Client: orders, Email: "ada@acme.test", Problem: ProblemMismatch}},
		{"sign-in-missing", 400, SignIn{Form: form, Client: orders, Problem: ProblemMissing}},
		{"sign-in-locked", 429, SignIn{Form: form, Client: orders, Email: "ada@acme.test", Problem: ProblemThrottled, RetryAfter: 3*time.Minute + 10*time.Second}},
		{"sign-in-busy", 503, SignIn{Form: form, Client: orders, Problem: ProblemBusy, RetryAfter: time.Second}},
		{"sign-in-upstream", 400, SignIn{Form: form, Client: orders, Problem: ProblemUpstream, Providers: both}},
		{"sign-in-changed", 200, SignIn{Form: form, Notice: NoticePasswordChanged}},
		{"sign-in-long", 401, SignIn{Form: form, Client: Client{Name: endless}, Email: endless + "@acme.test", Problem: ProblemMismatch, Providers: []Provider{{Label: endless, Action: "/upstream/x"}}}},
		{"sign-in-rtl", 401, SignIn{Frame: arabic, Form: form, Client: Client{Name: "طلبات أكمي"}, Email: "layla@example.test", Problem: ProblemMismatch, Providers: both}},
		{"account-choice", 200, ChooseAccount{Form: form, Client: orders, Accounts: []AccountChoice{{"ses_1", ada}, {"ses_2", Person{Email: "grace@globex.test"}}}}},
		{"account-choice-long", 200, ChooseAccount{Form: form, Client: Client{Name: endless}, Accounts: []AccountChoice{{"ses_1", Person{Name: endless, Email: endless + "@acme.test"}}}}},
		{"tenant-choice", 200, ChooseTenant{Form: form, Client: orders, Person: ada, Tenants: tenants}},
		{"tenant-choice-long", 200, ChooseTenant{Form: form, Client: Client{Name: endless}, Person: Person{Email: endless}, Tenants: []TenantChoice{{"t", endless, []string{endless, endless}}}}},
		{"tenant-choice-rtl", 200, ChooseTenant{Frame: arabic, Form: form, Client: orders, Person: layla, Tenants: tenants}},
		{"not-member", 403, NotMember{Frame: frame, Form: form, Client: orders, Person: ada, Organization: "globex", CanSwitch: true, RequestID: "01JD6M3T5V9QK2R8W4XZ"}},
		{"not-member-of-any", 403, NotMember{Form: form, Client: orders, Person: Person{Email: "grace@globex.test"}}},
		{"not-member-long", 403, NotMember{Form: form, Client: Client{Name: endless}, Person: Person{Name: endless, Email: endless + "@acme.test"}, Organization: strings.Repeat("o", 63), CanSwitch: true, RequestID: endless}},
		{"not-member-rtl", 403, NotMember{Frame: arabic, Form: form, Client: orders, Person: layla, Organization: "acme", CanSwitch: true}},
		{"not-member-hostile", 403, NotMember{Form: Form{Action: "/login/membership", Hidden: []Hidden{{hostile, hostile}}}, Client: Client{Name: hostile}, Person: Person{Name: hostile, Email: hostile}, Organization: hostile, CanSwitch: true, RequestID: hostile}},
		{"consent", 200, Consent{Form: form, Client: orders, Person: ada, Tenant: "Acme Inc.", Scopes: scopes, RedirectURI: "https://orders.acme.test/callback", PolicyURL: "https://acme.test/privacy", TermsURL: "https://acme.test/terms"}},
		{"consent-app", 200, Consent{Form: form, Client: Client{Name: "Acme Field"}, Person: Person{Email: "grace@globex.test"}, Scopes: []Scope{{Name: "urn:acme:field/read"}}, RedirectURI: "test.acme.field:/cb", PolicyURL: "javascript:alert(1)", TermsURL: "http://acme.test/terms"}},
		{"consent-nothing", 200, Consent{Form: form, Client: orders, Person: ada, RedirectURI: "http://127.0.0.1:8123/cb"}},
		{"consent-long", 200, Consent{Form: form, Client: Client{Name: endless}, Person: Person{Name: endless, Email: endless + "@acme.test"}, Tenant: endless, Scopes: []Scope{{Name: "openid", Description: endless}, {Name: endless}}, RedirectURI: "https://" + strings.Repeat("long.", 30) + "acme.test/cb"}},
		{"consent-rtl", 200, Consent{Frame: arabic, Form: form, Client: Client{Name: "طلبات أكمي"}, Person: layla, Tenant: "Acme Inc.", Scopes: scopes, RedirectURI: "https://orders.acme.test/callback"}},
		{"consent-hostile", 200, Consent{Form: Form{Action: "/consent", Hidden: []Hidden{{hostile, hostile}}}, Client: Client{Name: hostile, LogoURL: "//evil.test/x.png"}, Person: Person{Name: hostile, Email: hostile}, Tenant: hostile, Scopes: []Scope{{Name: hostile}, {Name: "a", Description: hostile}}, RedirectURI: "javascript:alert(1)", PolicyURL: hostile, TermsURL: "https://a.test/" + hostile}},
		{"sign-out", 200, SignOut{Form: form, Client: orders, Person: ada}},
		{"sign-out-own", 200, SignOut{Form: form, Person: ada}},
		{"signed-out", 200, SignedOut{Back: Link{"https://orders.acme.test/", "Acme Orders"}, SignInURL: "/login"}},
		{"signed-out-plain", 200, SignedOut{}},
		{"signed-out-hostile", 200, SignedOut{Back: Link{"javascript:alert(1)", hostile}, SignInURL: "//evil.test"}},
		{"error-redirect", 400, Error{Status: 400, Reason: ReasonRedirectMismatch, Code: "invalid_request", Description: "The redirect_uri does not match any redirect URI registered for this client.", RequestID: "01JD6M3T5V9QK2R8W4XZ"}},
		{"error-expired", 400, Error{Status: 400, Reason: ReasonExpired, RequestID: "01JD6M3T5V9QK2R8W4XZ", Back: Link{"https://orders.acme.test/", "Acme Orders"}}},
		{"error-hostile", 400, Error{Status: 400, Code: hostile, Description: hostile, RequestID: hostile, Back: Link{"data:text/html,x", hostile}}},
		{"error-long", 400, Error{Status: 400, Code: endless, Description: endless, RequestID: endless, Back: Link{"https://a.test/", endless}}},
		{"account", 200, Account{Person: ada, Memberships: []Membership{{"Acme Inc.", roles}, {"Globex Corporation", []string{"viewer"}}, {"Initech", nil}}, Ways: ways, SignOut: form}},
		{"account-changed", 200, Account{Person: Person{Email: "grace@globex.test"}, Notice: NoticePasswordChanged, SignOut: form}},
		{"account-long", 200, Account{Person: Person{Name: endless, Email: endless + "@acme.test"}, Memberships: []Membership{{endless, []string{endless}}}, Ways: ways, SignOut: form}},
		{"account-rtl", 200, Account{Frame: arabic, Person: layla, Memberships: []Membership{{"شركة أكمي", roles}, {"Globex", roles}}, Ways: ways, SignOut: form}},
		{"account-identities", 200, Account{Person: ada, ProfileURL: "/account/profile", Notice: NoticeIdentityLinked, Memberships: []Membership{{"Acme Inc.", roles}}, SignOut: form, Ways: Ways{PasswordURL: "/account/password", HasPassword: true, Identities: []Identity{google, github, acme}, Connect: adding("Partner Inc", "GitLab")}}},
		{"account-only-identity", 200, Account{Person: ada, ProfileURL: "/account/profile", Notice: NoticeProfileSaved, SignOut: form, Ways: Ways{PasswordURL: "/password/forgot", Identities: []Identity{only}, Connect: adding("GitHub")}}},
		{"account-password-off", 200, Account{Person: ada, ProfileURL: "/account/profile", Notice: NoticeIdentityRemoved, Memberships: []Membership{{"Acme Inc.", roles}}, SignOut: form, Ways: Ways{PasswordURL: "/account/password", HasPassword: true, PasswordOff: true, Identities: []Identity{{Connector: "Acme Okta", Label: "ada@acme.test", LinkedAt: day, LastUsedAt: day}}}}},
		{"account-identities-long", 200, Account{Person: Person{Name: endless, Email: endless}, ProfileURL: "/account/profile", SignOut: form, Ways: Ways{PasswordURL: "/account/password", HasPassword: true, Identities: []Identity{{Connector: endless, Label: endless, LinkedAt: day, LastUsedAt: day, RemoveURL: "/r"}, {Connector: "Okta", Label: endless, LinkedAt: day, LastUsedAt: day.AddDate(1, 0, 0)}}, Connect: adding(endless)}}},
		{"account-identities-rtl", 200, Account{Frame: arabic, Person: layla, ProfileURL: "/account/profile", SignOut: form, Ways: Ways{PasswordURL: "/account/password", HasPassword: true, Identities: []Identity{google, {Connector: "شركة أكمي", Label: "ليلى", LinkedAt: day, LastUsedAt: day, RemoveURL: "/r"}}, Connect: adding("GitHub", "شركة")}}},
		{"account-identities-hostile", 200, Account{Person: Person{Name: hostile, Email: hostile}, ProfileURL: "/account/profile", SignOut: form, Ways: Ways{Identities: []Identity{{Connector: hostile, Icon: "//evil.test/x.png", Label: hostile, LinkedAt: day, LastUsedAt: day, RemoveURL: "/r"}}, Connect: adding(hostile)}}},
		{"remove-identity", 200, RemoveIdentity{Form: form, Identity: google, BackURL: "/account"}},
		{"remove-identity-only", 409, RemoveIdentity{Identity: only, Only: true, PasswordURL: "/password/forgot", BackURL: "/account"}},
		{"remove-identity-only-without-password", 409, RemoveIdentity{Identity: only, Only: true, BackURL: "/account"}},
		{"remove-identity-long", 200, RemoveIdentity{Form: form, Identity: Identity{Connector: endless, Label: endless}, BackURL: "/account"}},
		{"remove-identity-rtl", 200, RemoveIdentity{Frame: arabic, Form: form, Identity: google, BackURL: "/account"}},
		{"remove-identity-hostile", 200, RemoveIdentity{Form: form, Identity: Identity{Connector: hostile, Icon: "//evil.test/x.png", Label: hostile}, BackURL: "/account"}},
		{"profile", 200, Profile{Form: form, Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Locale: "en-GB", Synced: []string{"Google"}, BackURL: "/account"}},
		{"profile-alone", 200, Profile{Form: form, Name: "Ada", Locale: "cy", BackURL: "/account"}},
		{"profile-problems", 400, Profile{Form: form, Name: endless, GivenName: "Ada", Locale: "x", Problems: []string{FieldName, FieldLocale}, Synced: []string{"Google", "GitHub"}, BackURL: "/account"}},
		{"profile-rtl", 200, Profile{Frame: arabic, Form: form, Name: layla.Name, Locale: "ar", Synced: []string{"Google", "GitHub"}, BackURL: "/account"}},
		{"profile-hostile", 200, Profile{Form: form, Name: hostile, GivenName: hostile, FamilyName: hostile, Locale: hostile, Synced: []string{hostile}, BackURL: "/account"}},
		{"profile-long", 200, Profile{Form: form, Name: "Ada", Synced: []string{endless}, BackURL: "/account"}},
		{"password", 200, ChangePassword{Form: form, Person: ada, MinLength: 15, BackURL: "/account"}},
		{"password-problems", 400, ChangePassword{Form: form, Person: ada, MinLength: 15, BackURL: "/account", Problems: []PasswordProblem{PasswordWrongCurrent, PasswordTooShort}}},
		{"password-throttled", 429, ChangePassword{Form: form, Person: ada, MinLength: 15, Problems: []PasswordProblem{PasswordThrottled}}},
		{"password-done", 200, ChangePassword{Form: form, Person: ada, Done: true, BackURL: "/account"}},
		{"account-confined", 200, Account{Person: ada, Memberships: []Membership{{"Acme Inc.", roles}}, SignOut: form, OpenURL: "/login?again=1"}},
		{"sign-in-confined", 200, SignIn{Form: form, Client: orders, Notice: NoticeConfined, Providers: both}},
		{"account-unverified", 200, Account{Person: ada, Notice: NoticeVerificationSent, Verify: form, Memberships: []Membership{{"Acme Inc.", roles}}, Ways: ways, SignOut: form}},
		{"sign-in-invited", 200, SignIn{Form: form, Email: "ada@acme.test", Notice: NoticeInvited, ForgotURL: "/password/forgot"}},
		{"sign-in-reset", 200, SignIn{Form: form, Client: orders, Notice: NoticePasswordReset, ForgotURL: "/password/forgot", Providers: both}},
		{"invitation-join", 200, Invitation{Form: form, Step: InvitationJoin, Tenant: "Acme Inc.", Inviter: Person{Name: "Grace Hopper"}, Roles: roles, Email: ada.Email, Person: ada}},
		{"invitation-sign-in", 200, Invitation{Form: form, Step: InvitationSignIn, Tenant: "Acme Inc.", Email: ada.Email, SignInURL: "/login?invitation=x"}},
		{"invitation-other", 200, Invitation{Form: form, Step: InvitationSignIn, Tenant: "Acme Inc.", Email: ada.Email, Person: Person{Email: "grace@globex.test"}, SignInURL: "/login?invitation=x"}},
		{"invitation-register", 200, Invitation{Form: form, Step: InvitationRegister, Tenant: "Acme Inc.", Inviter: Person{Email: "grace@globex.test"}, Roles: roles, Email: ada.Email, MinLength: 15}},
		{"invitation-problems", 400, Invitation{Form: form, Step: InvitationRegister, Tenant: "Acme Inc.", Email: ada.Email, Person: Person{Email: "grace@globex.test"}, MinLength: 15, Problems: []PasswordProblem{NameMissing, PasswordTooShort}}},
		{"invitation-long", 200, Invitation{Form: form, Step: InvitationRegister, Tenant: endless, Inviter: Person{Name: endless}, Roles: []string{endless}, Email: endless + "@acme.test", Person: Person{Email: endless}, Name: endless}},
		{"invitation-rtl", 200, Invitation{Frame: arabic, Form: form, Step: InvitationJoin, Tenant: "شركة أكمي", Inviter: layla, Roles: roles, Email: layla.Email, Person: layla}},
		{"invitation-hostile", 200, Invitation{Form: Form{Action: "/invitation", Hidden: []Hidden{{hostile, hostile}}}, Step: InvitationSignIn, Tenant: hostile, Inviter: Person{Name: hostile}, Roles: []string{hostile}, Email: hostile, Person: Person{Email: hostile}, SignInURL: "/login"}},
		{"forgot", 200, ForgotPassword{Form: form, Client: orders, BackURL: "/login"}},
		{"forgot-missing", 400, ForgotPassword{Form: form, Missing: true, BackURL: "/login"}},
		{"forgot-sent", 200, ForgotPassword{Form: form, Sent: true, BackURL: "/login"}},
		{"forgot-unable", 200, ForgotPassword{Form: form, Unable: true, BackURL: "/login"}},
		{"reset", 200, ResetPassword{Frame: frame, Form: form, Person: ada, MinLength: 15}},
		{"reset-problems", 400, ResetPassword{Form: form, Person: Person{Email: "grace@globex.test"}, MinLength: 15, Problems: []PasswordProblem{PasswordCommon}}},
		{"reset-long", 200, ResetPassword{Form: form, Person: Person{Name: endless, Email: endless}}},
		{"verify", 200, VerifyEmail{Form: form, Person: ada}},
		{"verify-sign-in", 200, VerifyEmail{Email: ada.Email, SignInURL: "/login?verification=x"}},
		{"verify-other", 200, VerifyEmail{Email: ada.Email, Person: Person{Email: "grace@globex.test"}, SignInURL: "/login?verification=x&switch=1"}},
		{"verify-hostile", 200, VerifyEmail{Email: hostile, Person: Person{Name: hostile, Email: hostile}, SignInURL: "/login?verification=x&switch=1"}},
		{"verify-done", 200, VerifyEmail{Form: form, Done: true, NextURL: "/account"}},
		{"link-void", 410, Error{Status: 410, Reason: ReasonLinkVoid, ForgotURL: "/password/forgot", RequestID: "01JD6M3T5V9QK2R8W4XZ"}},
		{"sign-in-email", 200, SignIn{Frame: frame, Form: form, Step: SignInEmail, Client: orders, ForgotURL: "/password/forgot", Providers: both, PasswordURL: "/login?flow=x&local=1"}},
		{"sign-in-email-missing", 400, SignIn{Form: form, Step: SignInEmail, Problem: ProblemMissing, PasswordURL: "/login?local=1"}},
		{"sign-in-password", 200, SignIn{Frame: frame, Form: form, Step: SignInPassword, Client: orders, Email: ada.Email, ForgotURL: "/password/forgot", Providers: both, OtherURL: "/login?flow=x&switch=1"}},
		{"sign-in-password-mismatch", 400, SignIn{Form: form, Step: SignInPassword, Email: ada.Email, Problem: ProblemMismatch, OtherURL: "/login?switch=1"}},
		{"sign-in-through", 200, SignIn{Frame: frame, Form: form, Step: SignInThrough, Client: orders, Organization: "Acme Inc.", Closed: true, Providers: both[:1], OtherURL: "/login?flow=x&switch=1", PickURL: "/login?flow=x"}},
		{"sign-in-through-several", 403, SignIn{Form: form, Step: SignInThrough, Providers: both, OtherURL: "/login?switch=1"}},
		{"sign-in-through-open", 200, SignIn{Form: form, Step: SignInThrough, Client: orders, Organization: "Acme Inc.", Providers: both, PasswordURL: "/login?local=1", OtherURL: "/login?switch=1"}},
		{"sign-in-through-none", 200, SignIn{Form: form, Step: SignInThrough, Organization: "Acme Inc.", OtherURL: "/login?switch=1"}},
		{"sign-in-through-long", 200, SignIn{Form: form, Step: SignInThrough, Client: Client{Name: endless}, Organization: endless, Providers: []Provider{{Label: endless, Action: "/upstream/x"}}, PickURL: "/login?flow=x"}},
		{"sign-in-through-rtl", 200, SignIn{Frame: arabic, Form: form, Step: SignInThrough, Organization: "شركة أكمي", Providers: both, OtherURL: "/login?switch=1"}},
		{"sign-in-through-hostile", 200, SignIn{Form: Form{Action: "/login", Hidden: []Hidden{{hostile, hostile}}}, Step: SignInThrough, Organization: hostile, Providers: []Provider{{Label: hostile, Action: "/upstream/x"}}}},
		{"invitation-confined", 200, Invitation{Form: form, Step: InvitationSignIn, Tenant: "Acme Inc.", Email: ada.Email, Person: ada, Confined: true, SignInURL: "/login?invitation=x&switch=1"}},
		{"verify-confined", 200, VerifyEmail{Email: ada.Email, Person: ada, Confined: true, SignInURL: "/login?verification=x&switch=1"}},
		{"invitation-through", 200, Invitation{Form: form, Step: InvitationThrough, Tenant: "Acme Inc.", Email: ada.Email, SignInURL: "/login?invitation=x"}},
		{"forgot-through", 200, ForgotPassword{Form: form, Organization: "Acme Inc.", BackURL: "/login"}},
		{"forgot-through-hostile", 200, ForgotPassword{Form: form, Organization: hostile, BackURL: "/login"}},
		{"sign-in-cancelled", 200, SignIn{Form: form, Client: orders, Notice: NoticeCancelled, From: "Google", Providers: both}},
		{"upstream-long", 403, UpstreamFailed{Reason: UpstreamUnknown, Provider: endless, Email: endless + "@acme.test", Retry: form, BackURL: "/login", RequestID: endless}},
		{"upstream-rtl", 503, UpstreamFailed{Frame: arabic, Reason: UpstreamDown, Provider: "Google", Retry: form, BackURL: "/login"}},
		{"upstream-hostile", 403, UpstreamFailed{Reason: UpstreamUnvouched, Provider: hostile, Email: hostile, Retry: Form{Action: "/upstream/x", Hidden: []Hidden{{hostile, hostile}}}, BackURL: "/login", RequestID: hostile}},
		{"upstream-account", 409, UpstreamFailed{Reason: UpstreamTaken, Provider: "GitHub", Retry: form, BackURL: "/account", ToAccount: true}},
		{"link-sign-in", 200, LinkIdentity{Identity: google, Email: ada.Email, SignInURL: "/login?link=x", BackURL: "/login"}},
		{"link-other", 200, LinkIdentity{Identity: google, Email: ada.Email, Person: Person{Email: "grace@globex.test"}, SignInURL: "/login?link=x", BackURL: "/login"}},
		{"link-confirm", 200, LinkIdentity{Frame: frame, Form: form, Identity: github, Email: ada.Email, Person: ada, BackURL: "/login"}},
		{"link-confirm-organization", 200, LinkIdentity{Frame: frame, Form: form, Identity: github, Email: ada.Email, Person: ada, Organization: "Acme Inc.", BackURL: "/login"}},
		{"link-confined", 200, LinkIdentity{Identity: google, Email: ada.Email, Person: ada, Confined: true, SignInURL: "/login?link=x&switch=1", BackURL: "/login"}},
		{"link-long", 200, LinkIdentity{Form: form, Identity: Identity{Connector: endless, Label: endless}, Email: endless, Person: Person{Name: endless, Email: endless}}},
		{"link-hostile", 200, LinkIdentity{Form: Form{Action: "/login/link", Hidden: []Hidden{{hostile, hostile}}}, Identity: Identity{Connector: hostile, Label: hostile}, Email: hostile, Person: Person{Name: hostile, Email: hostile}, BackURL: "/login"}},
		{"home", 200, Home{Issuer: "https://id.acme.test", SignInURL: "/login", DiscoveryURL: "/.well-known/openid-configuration"}},
		{"home-signed-in", 200, Home{Issuer: "https://id.acme.test", SignInURL: "/login", AccountURL: "/account", Person: ada, DiscoveryURL: "/.well-known/openid-configuration"}},
		{"form-post", 200, FormPost{Client: orders, Action: "test.acme.field:/cb", Params: []Hidden{{"code", "abc"}, {"state", hostile}}}},
	}
	for _, status := range []int{400, 403, 404, 405, 413, 418, 429, 500, 503} {
		page := Error{Status: status, RequestID: "01JD6M3T5V9QK2R8W4XZ"}
		if status == 429 {
			page.RetryAfter = 30 * time.Second
		}
		all = append(all, state{"error-" + http.StatusText(status), status, page})
	}
	for _, reason := range []ErrorReason{ReasonUnknownClient, ReasonNoCookie, ReasonCrossSite, ReasonInvitationVoid, ReasonInvitationExpired, ReasonInvitationRevoked, ReasonInvitationUsed} {
		all = append(all, state{"error-" + string(reason), 400, Error{Status: 400, Reason: reason}})
	}
	for _, reason := range upstreamReasons() {
		all = append(all, state{"upstream-" + string(reason), 403, UpstreamFailed{
			Frame: frame, Reason: reason, Provider: "Google", Email: "ada@acme.test", Retry: form, BackURL: "/login", RequestID: "01JD6M3T5V9QK2R8W4XZ",
		}})
	}
	for i := range all {
		all[i].name = strings.ReplaceAll(strings.ToLower(all[i].name), " ", "-")
	}
	return all
}

func upstreamReasons() []UpstreamReason {
	return []UpstreamReason{
		UpstreamDown, UpstreamBroken, UpstreamThrottled, UpstreamExpired, UpstreamRefused, UpstreamNotFresh, UpstreamDomain, UpstreamNoAddress,
		UpstreamUnknown, UpstreamUnvouched, UpstreamDisabled, UpstreamTaken, UpstreamOff, UpstreamOurs, UpstreamSignedOut, UpstreamLinkIsVoid,
	}
}

func newRenderer(t testing.TB) *Renderer {
	t.Helper()
	r, err := New(Config{Issuer: "https://id.acme.test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// galleryHandler serves every state under its name, and the static files.
func galleryHandler(t testing.TB, r *Renderer) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle(StaticPrefix, r.Static())
	for _, s := range states() {
		mux.HandleFunc("/"+s.name, func(w http.ResponseWriter, _ *http.Request) {
			if err := r.Render(w, s.status, s.page); err != nil {
				t.Error(err)
			}
		})
	}
	return mux
}
