package ui

import "strings"

// Text is every word on the hosted pages. {client}, {name} and the like are filled in at
// rendering; keep them when translating. All fields are plain strings, so that a translation
// is one struct literal.
type Text struct {
	Common struct {
		ErrorPrefix, Email, Password, NewTab, Footer, Roles, NoRoles string
	}
	Time struct {
		OneSecond, Seconds, OneMinute, Minutes, OneHour, Hours string
		Date                                                   string // a layout of package time
	}
	SignIn struct {
		Title, ToClient, ToProduct, Submit, Forgot, Or, Provider   string
		Mismatch, Missing, Throttled, ThrottledFor, Busy, Upstream string
		Next, WithPassword, OtherTenant                            string
		Through, OnlyThrough, ThroughSeveral, NoProvider           string
	}
	Notices struct {
		SignInAgain, Expired, SessionEnded, PasswordChanged, OtherSignedOut, UseOther string
		PasswordReset, Invited, Joined, VerificationSent, Verifying                   string
		IdentityLinked, IdentityRemoved, ProfileSaved                                 string
		Linking, Cancelled, Confined                                                  string
	}
	ChooseAccount struct{ Title, Lead, LeadClient, Other string }
	ChooseTenant  struct{ Title, Lead, LeadClient, SignedInAs string }
	NotMember     struct {
		Title, Asked, NotAsked, Do, DoSwitch, SignedInAs, Switch, Back string
	}
	Consent struct {
		Title, Heading, SignedInAs, ForTenant, NotYou, Asks, AsksNothing, Allow, Deny string
		SentToHost, SentToApp, Policy, Terms, Documents                               string
	}
	Scopes struct {
		OpenID, Profile, Email, Phone, Address, Offline string
	}
	SignOut   struct{ Title, Heading, Lead, LeadClient, Submit, Stay string }
	SignedOut struct{ Title, Lead, Back, SignIn string }
	Errors    Errors
	Account   struct {
		Title, Tenants, NoTenants, SignOut, Unverified, Verify, Profile, Confined, Open string
	}
	Ways struct {
		Title, Password, ChangePassword, PasswordOff, NoPassword, SetPassword string
		Linked, LastUsed, Off, Remove, Only, Connect                          string
	}
	RemoveIdentity struct {
		Title, Heading, What, Roles, Submit, Keep string
		OnlyTitle, OnlyWhat, OnlyDo, OnlyConnect  string
	}
	Profile struct {
		Title, Lead, Name, GivenName, FamilyName, Language, LanguageHint, NoLanguage string
		SyncedOne, SyncedMany, Save, Summary, BadName, BadLanguage                   string
	}
	ChangePassword struct {
		Title, Lead, Current, New, Submit, Back, Summary, Done, DoneHint string
		AtLeast, Advice, Refused                                         string
		WrongCurrent, MissingCurrent, Throttled, MissingNew, TooShort    string
		TooShortUnknown, TooLong, Common, Repetitive, Unusable           string
		Personal, Same                                                   string
	}
	Invitation struct {
		Title, Heading, InvitedBy, Invited, Other, Join, HasAccount, SignIn, NewAccount, Name, NameMissing, Register, Summary string
		Through                                                                                                               string
	}
	ForgotPassword struct {
		Title, Lead, Submit, Missing, Sent, SentLead, SentAdvice, Unable, Back string
		Through, ThroughNext                                                   string
	}
	ResetPassword struct{ Title, Lead, Submit string }
	VerifyEmail   struct {
		Title, Lead, Submit, Done, DoneLead, Next string
		LeadSignIn, Other, SignIn, Switch         string
	}
	Upstream     Upstream
	LinkIdentity struct {
		Title, Lead, Other, SignInFirst, SignIn, Switch, Means, MeansFor, Submit string
	}
	Home     struct{ Title, Lead, SignIn, Account, Developers, Issuer, Discovery string }
	FormPost struct{ Title, Lead, LeadClient, Continue string }
}

// Errors is the wording of the error page.
type Errors struct {
	RequestID, Developers, Code, Description, Back, TryIn string
	BadRequest, Forbidden, NotFound, Method, TooLarge     ErrorText
	TooMany, Internal, Unavailable                        ErrorText
	UnknownClient, RedirectMismatch, Expired, NoCookie    ErrorText
	CrossSite, LinkVoid, InvitationVoid                   ErrorText
	InvitationExpired, InvitationRevoked, InvitationUsed  ErrorText
	AskAgain                                              string
}

// Upstream is the wording of a sign-in at another provider that failed.
type Upstream struct {
	Retry, OtherAccount, OtherWays, ToAccount, Address  string
	Down, Broken, Expired, Refused, NotFresh, Domain    ErrorText
	NoAddress, Unknown, Unvouched, Disabled, Taken, Off ErrorText
	Ours, SignedOut, LinkVoid, Throttled                ErrorText
}

func (t *Text) notice(n Notice) string {
	return map[Notice]string{
		NoticeSignInAgain: t.Notices.SignInAgain, NoticeExpired: t.Notices.Expired,
		NoticeSessionEnded: t.Notices.SessionEnded, NoticePasswordChanged: t.Notices.PasswordChanged,
		NoticeOtherSignedOut: t.Notices.OtherSignedOut, NoticeAccountSwitched: t.Notices.UseOther,
		NoticePasswordReset: t.Notices.PasswordReset, NoticeInvited: t.Notices.Invited, NoticeJoined: t.Notices.Joined,
		NoticeVerificationSent: t.Notices.VerificationSent, NoticeVerifying: t.Notices.Verifying,
		NoticeIdentityLinked: t.Notices.IdentityLinked, NoticeIdentityRemoved: t.Notices.IdentityRemoved,
		NoticeProfileSaved: t.Notices.ProfileSaved,
		NoticeLinking:      t.Notices.Linking, NoticeCancelled: t.Notices.Cancelled, NoticeConfined: t.Notices.Confined,
	}[n]
}

func (t *Text) signInProblem(p SignIn) string {
	switch p.Problem {
	case ProblemMissing:
		if p.Step == SignInEmail {
			return t.ForgotPassword.Missing
		}
		return t.SignIn.Missing
	case ProblemThrottled:
		if p.RetryAfter > 0 {
			return strings.ReplaceAll(t.SignIn.ThrottledFor, "{wait}", t.wait(p.RetryAfter))
		}
		return t.SignIn.Throttled
	case ProblemBusy:
		return t.SignIn.Busy
	case ProblemUpstream:
		return t.SignIn.Upstream
	default:
		return t.SignIn.Mismatch
	}
}

// passwordProblem says what is wrong; min is the shortest password allowed, 0 when unknown.
func (t *Text) passwordProblem(min int, problem PasswordProblem) string {
	c := t.ChangePassword
	if problem == PasswordTooShort && min > 0 {
		return fill(c.TooShort, min)
	}
	return map[PasswordProblem]string{
		PasswordWrongCurrent: c.WrongCurrent, PasswordMissingCurrent: c.MissingCurrent,
		PasswordThrottled: c.Throttled, PasswordMissingNew: c.MissingNew, PasswordTooShort: c.TooShortUnknown,
		PasswordTooLong: c.TooLong, PasswordCommon: c.Common,
		PasswordRepetitive: c.Repetitive, PasswordUnusable: c.Unusable, PasswordPersonal: c.Personal, PasswordSame: c.Same,
		NameMissing: t.Invitation.NameMissing,
	}[problem]
}

// profileProblem says what is wrong with a field of the profile.
func (t *Text) profileProblem(field string) string {
	if field == FieldLocale {
		return t.Profile.BadLanguage
	}
	return fill(t.Profile.BadName, maxName)
}

func (t *Text) scope(s Scope) string {
	if s.Description != "" {
		return s.Description
	}
	return map[string]string{
		"openid": t.Scopes.OpenID, "profile": t.Scopes.Profile, "email": t.Scopes.Email,
		"phone": t.Scopes.Phone, "address": t.Scopes.Address, "offline_access": t.Scopes.Offline,
	}[s.Name]
}
