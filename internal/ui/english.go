package ui

// English is the catalog the pages are designed with.
func English() Text {
	var t Text
	t.Common.ErrorPrefix = "Error: "
	t.Common.Email = "E-mail"
	t.Common.Password = "Password"
	t.Common.NewTab = "(opens in a new tab)"
	t.Common.Footer = "You are at {host}"
	t.Common.Roles = "Roles:"
	t.Common.NoRoles = "Member"

	t.Time.OneSecond, t.Time.Seconds = "1 second", "{n} seconds"
	t.Time.OneMinute, t.Time.Minutes = "1 minute", "{n} minutes"
	t.Time.OneHour, t.Time.Hours = "1 hour", "{n} hours"
	t.Time.Date = "2 Jan 2006"

	t.SignIn.Title = "Sign in"
	t.SignIn.ToClient = "to continue to {client}"
	t.SignIn.ToProduct = "with your {product} account"
	t.SignIn.Submit = "Sign in"
	t.SignIn.Forgot = "Forgot your password?"
	t.SignIn.Or = "or"
	t.SignIn.Provider = "Continue with {provider}"
	t.SignIn.Mismatch = "That e-mail and password don’t match."
	t.SignIn.Missing = "Enter your e-mail and your password."
	t.SignIn.Throttled = "Too many attempts. Please try again later."
	t.SignIn.ThrottledFor = "Too many attempts. Try again in {wait}."
	t.SignIn.Busy = "We are very busy right now. Please try again in a moment."
	t.SignIn.Upstream = "That sign-in did not complete. Try again, or use another way."

	t.SignIn.Next = "Continue"
	t.SignIn.WithPassword = "Use a password instead"
	t.SignIn.OtherTenant = "Choose another organization"
	t.SignIn.Through = "{organization} uses its own sign-in. Continue with it."
	t.SignIn.OnlyThrough = "{organization} uses its own sign-in instead of a password here. Continue with it."
	t.SignIn.ThroughSeveral = "Your organizations use their own sign-in instead of a password here. Continue with one of them."
	t.SignIn.NoProvider = "{organization} uses its own sign-in, and that is switched off at the moment. Ask its administrator."

	t.Notices.SignInAgain = "Please sign in again to continue."
	t.Notices.Expired = "This page was open for a while. Please sign in again."
	t.Notices.SessionEnded = "You have been signed out. Sign in to continue."
	t.Notices.PasswordChanged = "Your password has been changed."
	t.Notices.OtherSignedOut = "You are signed out everywhere else."
	t.Notices.PasswordReset = "Your password has been changed. Sign in with the new one."
	t.Notices.Invited = "Sign in to accept the invitation."
	t.Notices.Joined = "Welcome. You have joined the organization."
	t.Notices.Verifying = "Sign in to verify your e-mail address."
	t.Notices.Linking = "Sign in to your account to link it."
	t.Notices.Confined = "The way you signed in opens only the organization that it belongs to. Sign in another way to go on."
	t.Notices.Cancelled = "You did not finish signing in at {provider}. Try again, or use another way."
	t.Notices.VerificationSent = "We have sent you a link. Open it to verify your e-mail address."
	t.Notices.IdentityLinked = "Done. From now on you can sign in that way, too."
	t.Notices.IdentityRemoved = "It is removed. You can no longer sign in that way."
	t.Notices.ProfileSaved = "Your profile is saved."
	t.Notices.UseOther = "Sign in with the account you want to use."

	t.ChooseAccount.Title = "Choose an account"
	t.ChooseAccount.Lead = "to continue"
	t.ChooseAccount.LeadClient = "to continue to {client}"
	t.ChooseAccount.Other = "Use another account"

	t.ChooseTenant.Title = "Choose an organization"
	t.ChooseTenant.Lead = "to continue"
	t.ChooseTenant.LeadClient = "to continue to {client}"
	t.ChooseTenant.SignedInAs = "Signed in as {name}"

	t.NotMember.Title = "This account has no access here"
	t.NotMember.Asked = "{client} asked for the organization {organization}, and your account is not a member of one by that name."
	t.NotMember.NotAsked = "Your account is not a member of an organization that {client} can be used for."
	t.NotMember.Do = "An administrator of the organization can invite you."
	t.NotMember.DoSwitch = "Use another account, or ask an administrator of the organization for an invitation."
	t.NotMember.SignedInAs = "Signed in as"
	t.NotMember.Switch = "Use another account"
	t.NotMember.Back = "Back to {client}"

	t.Consent.Title = "Allow access"
	t.Consent.Heading = "{client} wants to access your account"
	t.Consent.SignedInAs = "Signed in as"
	t.Consent.ForTenant = "for {tenant}"
	t.Consent.NotYou = "Not you?"
	t.Consent.Asks = "This will allow it to"
	t.Consent.AsksNothing = "It asks for nothing beyond knowing that you signed in."
	t.Consent.Allow = "Allow"
	t.Consent.Deny = "Deny"
	t.Consent.SentToHost = "Next you will be sent to {host}. Allow only if you know and trust it."
	t.Consent.SentToApp = "Next the app {app} will open on this device. Allow only if you know and trust it."
	t.Consent.Policy = "Privacy policy"
	t.Consent.Terms = "Terms of service"
	t.Consent.Documents = "About this application"

	t.Scopes.OpenID = "Know who you are"
	t.Scopes.Profile = "See your name and profile"
	t.Scopes.Email = "See your e-mail address"
	t.Scopes.Phone = "See your phone number"
	t.Scopes.Address = "See your postal address"
	t.Scopes.Offline = "Stay connected while you are away"

	t.SignOut.Title = "Sign out"
	t.SignOut.Heading = "Sign out?"
	t.SignOut.Lead = "You will need to sign in again to use your applications."
	t.SignOut.LeadClient = "{client} asks to sign you out. You will need to sign in again to use your applications."
	t.SignOut.Submit = "Sign out"
	t.SignOut.Stay = "Stay signed in"

	t.SignedOut.Title = "You are signed out"
	t.SignedOut.Lead = "On a shared computer, close the browser window too."
	t.SignedOut.Back = "Back to {client}"
	t.SignedOut.SignIn = "Sign in again"

	t.Account.Title = "Your account"
	t.Account.Tenants = "Organizations"
	t.Account.NoTenants = "You do not belong to an organization yet. An administrator can invite you."
	t.Account.Profile = "Edit your profile"
	t.Account.Confined = "You signed in through an organization. That opens only what you do there, not your account itself."
	t.Account.Open = "Sign in another way"
	t.Account.SignOut = "Sign out"
	t.Account.Unverified = "Your e-mail address is not verified yet."
	t.Account.Verify = "Send a link to verify it"

	w := &t.Ways
	w.Title = "Ways to sign in"
	w.Password, w.ChangePassword = "Password", "Change"
	w.PasswordOff = "Your organization asks you to sign in through its own provider."
	w.NoPassword, w.SetPassword = "You have none.", "Set a password"
	w.Linked, w.LastUsed = "Linked {date}", "last used {date}"
	w.Off = "Switched off at the moment. Ask your administrator."
	w.Remove = "Remove"
	w.Only = "This is the only way to sign in to your account. Add another one before you remove it."
	w.Connect = "Add {connector}"

	r := &t.RemoveIdentity
	r.Title = "Remove a way to sign in"
	r.Heading = "Remove {connector}?"
	r.What = "You can then no longer sign in here through {connector}. Other browsers in which you did are signed out."
	r.Roles = "Roles that you have through it go, too. Your account at {connector} stays as it is."
	r.Submit, r.Keep = "Remove", "Keep it"
	r.OnlyTitle = "{connector} is your only way to sign in"
	r.OnlyWhat = "Without it, nobody could get into your account, not even you."
	r.OnlyDo = "Set a password first. Then you can remove it."
	r.OnlyConnect = "Add another way to sign in on your account page first. Then you can remove it."

	e := &t.Profile
	e.Title = "Your profile"
	e.Lead = "The applications that you sign in to can see this."
	e.Name, e.GivenName, e.FamilyName = "Name", "Given name", "Family name"
	e.Language, e.NoLanguage = "Language", "Not set"
	e.LanguageHint = "We write to you in it where we can, and applications may use it."
	e.SyncedOne = "{connector} keeps this up to date each time you sign in through it. What you change here stays as you write it."
	e.SyncedMany = "The providers that you sign in through keep this up to date. What you change here stays as you write it."
	e.Save, e.Summary = "Save", "Your profile was not saved"
	e.BadName = "Use at most {n} characters."
	e.BadLanguage = "Choose one of the languages."

	c := &t.ChangePassword
	c.Title = "Change password"
	c.Lead = "You stay signed in here and are signed out everywhere else."
	c.Current, c.New, c.Submit = "Current password", "New password", "Change password"
	c.Back = "Back to your account"
	c.Summary = "Your password was not changed"
	c.Done = "Your password has been changed"
	c.DoneHint = "Use the new one the next time you sign in."
	c.AtLeast = "At least {n} characters."
	c.Advice = "A few unrelated words work well; digits and symbols are up to you."
	c.Refused = "Passwords known from leaks are refused."
	c.WrongCurrent = "That is not your current password."
	c.MissingCurrent = "Enter your current password."
	c.Throttled = "Too many attempts. Please try again later."
	c.MissingNew = "Enter a new password."
	c.TooShort = "Use at least {n} characters."
	c.TooShortUnknown = "Use a longer password."
	c.TooLong = "Use a shorter password."
	c.Common = "This password is known from leaks. Choose another one."
	c.Repetitive = "This is mostly repetition or a simple sequence. Choose something less regular."
	c.Unusable = "This holds characters that cannot be typed reliably. Use others."
	c.Personal = "Leave your name and e-mail out of your password."
	c.Same = "This is your current password. Choose a new one."

	i := &t.Invitation
	i.Title = "Invitation"
	i.Heading = "Join {tenant}"
	i.InvitedBy = "{inviter} invites you to join this organization."
	i.Invited = "You are invited to join this organization."
	i.Other = "You are signed in as {name}. This invitation was sent to {email}."
	i.Join = "Accept and join"
	i.HasAccount = "Sign in as {email} to accept."
	i.SignIn = "Sign in to join"
	i.Through = "{email} signs in through the organization, without a password here."
	i.NewAccount = "Create your account for {email}."
	i.Name, i.NameMissing = "Your name", "Enter your name."
	i.Register = "Create account and join"
	i.Summary = "Your account was not created"

	f := &t.ForgotPassword
	f.Title = "Forgot your password?"
	f.Lead = "We will send you a link to choose a new one."
	f.Submit = "Send link"
	f.Missing = "Enter your e-mail address."
	f.Sent = "Check your mailbox"
	f.SentLead = "If there is an account with that address, we have sent it a link to choose a new password."
	f.SentAdvice = "Nothing there after a few minutes? Look into the spam folder, and check that you typed the address that your account has."
	f.Unable = "This service cannot send e-mail. Ask your administrator for help."
	f.Through = "{organization} uses its own sign-in instead of a password here, so there is none to forget."
	f.ThroughNext = "Sign in there"
	f.Back = "Back to sign-in"

	t.ResetPassword.Title = "Choose a new password"
	t.ResetPassword.Lead = "You will be signed out everywhere."
	t.ResetPassword.Submit = "Change password"

	t.VerifyEmail.Title = "Verify your e-mail address"
	t.VerifyEmail.Lead = "Confirm that this account is yours."
	t.VerifyEmail.LeadSignIn = "Sign in as {email} first, to show that the account is yours."
	t.VerifyEmail.Other = "You are signed in as {name}. This link is for {email}."
	t.VerifyEmail.SignIn = "Sign in"
	t.VerifyEmail.Switch = "Use another account"
	t.VerifyEmail.Submit = "Yes, verify my address"
	t.VerifyEmail.Done = "Your e-mail address is verified"
	t.VerifyEmail.DoneLead = "You can close this page."
	t.VerifyEmail.Next = "Go to your account"

	t.Upstream = englishUpstream()
	l := &t.LinkIdentity
	l.Title = "You have an account already"
	l.Lead = "There is an account for {email}. You can link {identity} at {provider} to it, so that both lead to the same account."
	l.Other = "You are signed in as {name}. The account is that of {email}."
	l.SignInFirst = "Sign in as {email} first, to show that the account is yours."
	l.SignIn = "Sign in to link"
	l.Switch = "Use another account"
	l.Means = "From then on, whoever signs in at {provider} as {identity} gets into this account. You can undo it on your account page."
	l.MeansFor = "{organization} will be able to sign you in to {organization}, and to nothing else. You can undo it on your account page."
	l.Submit = "Link and continue"

	t.Home.Title = "One sign-in for your applications"
	t.Home.Lead = "This address keeps your account. Your applications send you here to sign in."
	t.Home.SignIn = "Sign in"
	t.Home.Account = "Go to your account"
	t.Home.Developers = "For developers"
	t.Home.Issuer = "Issuer"
	t.Home.Discovery = "Discovery document"

	t.FormPost.Title = "Almost there"
	t.FormPost.Lead = "Taking you back to your application."
	t.FormPost.LeadClient = "Taking you back to {client}."
	t.FormPost.Continue = "Continue"

	t.Errors = englishErrors()
	return t
}

func englishUpstream() Upstream {
	return Upstream{
		Retry: "Try again", OtherAccount: "Use another account at {provider}", OtherWays: "Other ways to sign in",
		ToAccount: "Back to your account", Address: "{provider} told us the address {email}.",
		Down: ErrorText{"{provider} does not answer",
			"We could not reach it just now. Nothing is wrong with your account.", "Try again in a moment, or sign in another way."},
		Broken: ErrorText{"Signing in with {provider} did not work",
			"We could not verify what it answered, so nobody was signed in.", "Try again. If it keeps happening, tell your administrator the request number below."},
		Throttled: ErrorText{"Too many sign-ins from your network",
			"Many people have begun to sign in with {provider} from there and not finished.", "Wait a few minutes and try again, or sign in another way."},
		Expired: ErrorText{"This sign-in has expired",
			"It took too long, was finished already, or began in another browser.", "Start again from here, or go back to the application."},
		Refused: ErrorText{"{provider} did not sign you in",
			"It turned our request down.", "Try again, or sign in another way. If it keeps happening, tell your administrator the request number below."},
		NotFresh: ErrorText{"{provider} did not ask you to sign in again",
			"This needs you to prove once more who you are.", "Sign out at {provider} and try again, or sign in another way."},
		Domain: ErrorText{"This account cannot be used here",
			"Only accounts of certain organizations at {provider} are let in.", "Use the account that your organization gave you."},
		NoAddress: ErrorText{"{provider} knows no verified address of yours",
			"We need an e-mail address that it has verified.", "Verify your address at {provider} and try again."},
		Unknown: ErrorText{"There is no account for you here",
			"You are signed in at {provider}, but nobody has given you an account here.", "Use another account, or ask your administrator to invite you."},
		Unvouched: ErrorText{"We cannot make an account for you",
			"We need an e-mail address of yours that {provider} can vouch for.", "Verify your address at {provider}, use another account, or ask your administrator to invite you."},
		Disabled: ErrorText{"Your account is disabled",
			"You are signed in at {provider}, but your account here has been disabled.", "Ask your administrator, or use another account."},
		Taken: ErrorText{"This is linked to another account",
			"Another account here is linked to this account at {provider}.", "Use another account at {provider}, or sign in here to the account that it is linked to."},
		Off: ErrorText{"Signing in with {provider} is switched off",
			"Nobody can sign in that way at the moment.", "Sign in another way, or ask your administrator."},
		Ours: ErrorText{"Something went wrong",
			"This is our fault, not yours and not that of {provider}.", "Please try again. If it keeps happening, tell support the request number below."},
		SignedOut: ErrorText{"You have been signed out meanwhile",
			"Nothing was linked.", "Sign in again, then add {provider} on your account page."},
		LinkVoid: ErrorText{"This page no longer works",
			"It took too long, it was finished already, or it was opened in another browser.", "Sign in again to start over."},
	}
}

func englishErrors() Errors {
	const again = "Go back to the application and sign in again."
	return Errors{
		RequestID: "Request", Developers: "Details for developers", Code: "Error", Description: "Description",
		Back: "Back to {client}", TryIn: "Try again in {wait}.",
		BadRequest: ErrorText{"That request did not make sense",
			"The link or form that brought you here is incomplete or damaged.", again},
		Forbidden: ErrorText{"You can’t open this",
			"Your account is not allowed to do this.", "Ask your administrator if you think it should be."},
		NotFound: ErrorText{"Page not found",
			"There is nothing at this address.", "Check the address, or go back to where you came from."},
		Method: ErrorText{"That doesn’t work this way",
			"This address does not accept that kind of request.", again},
		TooLarge: ErrorText{"That was too much",
			"The request is larger than we accept.", again},
		TooMany: ErrorText{"Slow down a little",
			"There were too many requests from your network.", "Please wait a moment and try again."},
		Internal: ErrorText{"Something went wrong",
			"This is our fault, not yours. We have made a note of it.", "Please try again. If it keeps happening, tell support the request number below."},
		Unavailable: ErrorText{"We’ll be right back",
			"The service cannot answer at the moment.", "Please try again in a few moments."},
		UnknownClient: ErrorText{"We don’t know this application",
			"The application that sent you here is not registered with us.", "Nothing was shared. Tell the people who run the application."},
		RedirectMismatch: ErrorText{"This application is not set up correctly",
			"It asked us to send you to an address that is not registered for it, so we stopped.", "Nothing was shared. Tell the people who run the application."},
		Expired: ErrorText{"This sign-in has expired",
			"It took too long, or it was already finished in another tab.", again},
		NoCookie: ErrorText{"Your browser did not keep our cookie",
			"We need one cookie to sign you in safely.", "Allow cookies for this site, then go back to the application and sign in again."},
		CrossSite: ErrorText{"We stopped that request",
			"It came from another website, not from our page.", again},
		LinkVoid: ErrorText{"This link no longer works",
			"It has been used, it is too old, or part of it is missing.", "Open the newest message that we sent you, or ask for another one."},
		InvitationVoid: ErrorText{"We don’t know this invitation",
			"The link is incomplete, or a newer one has taken its place.", "Open the newest invitation that you received, or ask for another one."},
		InvitationExpired: ErrorText{"This invitation has expired",
			"It was not accepted in time.", "Ask the person who invited you to send it again."},
		InvitationRevoked: ErrorText{"This invitation has been withdrawn",
			"The organization no longer offers it.", "Ask the person who invited you if you think it should stand."},
		InvitationUsed: ErrorText{"This invitation has been accepted",
			"It works once.", "Sign in to use your applications."},
		AskAgain: "Send another link",
	}
}
