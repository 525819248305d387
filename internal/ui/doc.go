// Package ui renders the hosted pages: sign in, choosers, consent, sign out, account, errors.
//
// It owns the templates, the style sheet, the words (Text) and the security headers of a page
// (see Policy). It owns no decision: internal/interaction works out what to show, fills one of
// the view structs (SignIn, Consent, Error …) and hands it to Renderer.Render. Every page works
// without JavaScript and with the strictest content security policy browsers know; the single
// exception is FormPost, whose one-line script is allowed by its hash and has a visible button
// beside it.
//
// The names of form fields and the values of buttons are constants here (FieldEmail,
// DecisionAllow …), so that a template and the handler that reads its form cannot drift apart.
package ui
