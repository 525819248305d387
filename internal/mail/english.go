package mail

// words are what a message of one kind says. {organization}, {inviter}, {connector}, {product},
// {host} and {time} are filled in.
type words struct {
	subject string
	heading string
	lead    []string
	action  string // the label of the link
	expires string // when the link stops working
	note    string // what to do when the message is none of the reader's business
}

// language is everything that messages say in one language.
type language struct {
	tag, dir           string
	hello, helloName   string // {name}
	copyLink           string
	automatic          string
	timeFormat         string
	kinds              map[Kind]words
	invitedByNobody    []string // lead of an invitation that names nobody
	invitedByNobodySub string
}

func english() *language {
	return &language{
		tag: "en", dir: "ltr",
		hello: "Hello,", helloName: "Hello {name},",
		copyLink:   "If the button does not work, copy this address into your browser:",
		automatic:  "{product} at {host} sent this message automatically. Nobody reads replies to it.",
		timeFormat: "2 January 2006 at 15:04 UTC",

		invitedByNobodySub: "You are invited to {organization}",
		invitedByNobody:    []string{"You have been invited to join {organization} on {product}."},

		kinds: map[Kind]words{
			Invitation: {
				subject: "{inviter} invites you to {organization}",
				heading: "Join {organization}",
				lead:    []string{"{inviter} has invited you to join {organization} on {product}."},
				action:  "Accept the invitation",
				expires: "The invitation works once, until {time}.",
				note:    "If you do not know what this is about, ignore this message: nothing happens until you accept.",
			},
			VerifyEmail: {
				subject: "Confirm your e-mail address",
				heading: "Confirm your e-mail address",
				lead:    []string{"Please confirm that this is the address of your {product} account."},
				action:  "Confirm this address",
				expires: "The link works once, until {time}.",
				note:    "If you have no {product} account, ignore this message: the address stays unconfirmed.",
			},
			ResetPassword: {
				subject: "Choose a new password",
				heading: "Choose a new password",
				lead:    []string{"Somebody, hopefully you, asked to reset the password of your {product} account."},
				action:  "Choose a new password",
				expires: "The link works once, until {time}. Do not pass it on: whoever has it can get into your account.",
				note:    "If it was not you, ignore this message: your password stays as it is.",
			},
			PasswordChanged: {
				subject: "Your password was changed",
				heading: "Your password was changed",
				lead:    []string{"The password of your {product} account was changed on {time}.", "If it was you, there is nothing to do."},
				action:  "It was not me",
				note:    "If it was not you, reset your password at once and tell your administrator.",
			},
			IdentityLinked: {
				subject: "A new way to sign in was added to your account",
				heading: "A new way to sign in",
				lead:    []string{"{connector} was added to your {product} account on {time}. From now on you can sign in through it.", "If it was you, there is nothing to do."},
				action:  "See your ways to sign in",
				note:    "If it was not you, remove it from your account at once, change your password, and tell your administrator.",
			},
			IdentityUnlinked: {
				subject: "A way to sign in was removed from your account",
				heading: "A way to sign in was removed",
				lead:    []string{"{connector} was removed from your {product} account on {time}. You can no longer sign in through it.", "If it was you, there is nothing to do."},
				action:  "See your ways to sign in",
				note:    "If it was not you, change your password at once, and tell your administrator.",
			},
		},
	}
}
