package ui

import (
	"time"
)

// Page is one of this package's view structs; nothing else can implement it.
type Page interface {
	describe(t *Text) (meta, error)
}

// meta is what the renderer needs to know about a page besides its content.
type meta struct {
	template   string
	title      string
	frame      Frame
	failed     bool          // the title announces an error before anything else
	wide       bool          // a page of its own rather than a step of signing in
	forms      bool          // the page posts a form to us
	formTarget []string      // further places a form may lead to
	script     string        // the only script the page may run
	ownWindow  bool          // never part of a client's pop-up window
	retryAfter time.Duration // Retry-After, when positive
}

// pageNames lists the page templates, one file each.
func pageNames() []string {
	return []string{
		"sign_in", "choose_account", "choose_tenant", "not_member", "consent", "sign_out", "signed_out",
		"error", "account", "remove_identity", "profile", "change_password", "home", "form_post",
		"invitation", "forgot_password", "reset_password", "verify_email",
		"upstream_failed", "link_identity",
	}
}

// Direction is the writing direction of a page.
type Direction string

// The directions. The zero Direction means LTR.
const (
	LTR Direction = "ltr"
	RTL Direction = "rtl"
)

// Frame is what every page has in common. Embed-literal it: ui.SignIn{Frame: ui.Frame{…}}.
type Frame struct {
	// Lang is the BCP 47 tag of the words on the page; empty means "en".
	Lang string
	// Dir is the writing direction; empty means LTR.
	Dir Direction
	// FormTargets are the URLs outside this issuer to which posting the page's form may
	// redirect, as a rule the client's redirect URI. Chromium applies form-action to every
	// redirect that follows a post, so a target left out means a button that does nothing.
	// A bare scheme ("https:") allows all of that scheme: for clients whose callback redirects
	// on to yet another origin.
	FormTargets []string
}

// Hidden is one hidden field of a form.
type Hidden struct{ Name, Value string }

// Form says where a page posts to and what it carries along.
type Form struct {
	Action string // a path or URL of this issuer
	Hidden []Hidden
}

// Client is the application that a person is on the way to. The zero Client means none.
type Client struct {
	Name string
	// LogoURL is shown only when it is a path on this issuer ("/…"): a logo fetched from
	// elsewhere would tell a third party who signs in where.
	LogoURL string
}

// Person is somebody signed in.
type Person struct {
	Name  string // may be empty
	Email string
}

// Label is the name, or the e-mail when there is no name.
func (p Person) Label() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Email
}

// Link is a way on. A link whose URL is not safe to follow is left out of the page.
type Link struct{ URL, Label string }

// Notice is a calm message above a form.
type Notice string

// The notices.
const (
	NoticeNone             Notice = ""
	NoticeSignInAgain      Notice = "sign_in_again"     // prompt=login, max_age, or a sensitive step
	NoticeExpired          Notice = "expired"           // the form was open for too long
	NoticeSessionEnded     Notice = "session_ended"     // signed out elsewhere, or by an administrator
	NoticePasswordChanged  Notice = "password_changed"  // success
	NoticeOtherSignedOut   Notice = "other_signed_out"  // success
	NoticeAccountSwitched  Notice = "use_other_account" // "Not you?" was chosen
	NoticePasswordReset    Notice = "password_reset"    // success: sign in with it
	NoticeInvited          Notice = "invited"           // sign in to accept an invitation
	NoticeJoined           Notice = "joined"            // success: an invitation was accepted
	NoticeVerificationSent Notice = "verification_sent" // success: look at the mailbox
	NoticeVerifying        Notice = "verifying"         // sign in to verify an address
	NoticeIdentityLinked   Notice = "identity_linked"   // success: they can sign in through a provider
	NoticeIdentityRemoved  Notice = "identity_removed"  // success: they can do so no longer
	NoticeProfileSaved     Notice = "profile_saved"     // success
	NoticeLinking          Notice = "linking"           // sign in to link an identity
	NoticeConfined         Notice = "confined"          // how they signed in opens one organization alone
	NoticeCancelled        Notice = "cancelled"         // the person came back from a provider without signing in
)

// Good reports whether the notice is a success.
func (n Notice) Good() bool {
	switch n {
	case NoticePasswordChanged, NoticeOtherSignedOut, NoticePasswordReset, NoticeJoined, NoticeVerificationSent,
		NoticeIdentityLinked, NoticeIdentityRemoved, NoticeProfileSaved:
		return true
	}
	return false
}

// Names of form fields.
const (
	FieldEmail           = "email"
	FieldPassword        = "password"
	FieldAccount         = "account"
	FieldTenant          = "tenant"
	FieldDecision        = "decision"
	FieldCurrentPassword = "current_password"
	FieldNewPassword     = "new_password"
	FieldName            = "name"
	FieldGivenName       = "given_name"
	FieldFamilyName      = "family_name"
	FieldLocale          = "locale"
	FieldIdentity        = "identity"
	FieldConnector       = "connector"
)

// Values of the buttons named FieldDecision, and of FieldAccount for somebody new.
const (
	DecisionAllow   = "allow"
	DecisionDeny    = "deny"
	DecisionSwitch  = "switch"
	DecisionSignOut = "sign_out"
	DecisionStay    = "stay"
	DecisionJoin    = "join"
	AccountOther    = "other"
)
