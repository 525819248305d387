package ui

import (
	"fmt"
	"html/template"
)

// submitScript calls the method of the prototype, because a parameter named "submit" would
// hide the form's own.
const submitScript = `HTMLFormElement.prototype.submit.call(document.forms[0])`

// FormPost hands the authorization response to the client in a form (response_mode=form_post,
// OAuth 2.0 Form Post Response Mode §2). It submits itself; without JavaScript there is a button.
type FormPost struct {
	Frame
	Client Client
	// Action is the client's redirect URI, already checked against its registration. Schemes
	// that a browser would run are refused by Render all the same.
	Action string
	Params []Hidden
}

// ActionURL is Action, safe to put into a form.
func (p FormPost) ActionURL() template.URL { return safeURL(p.Action) }

// Script is the one script that the page's policy allows.
func (p FormPost) Script() template.JS { return submitScript }

func (p FormPost) describe(t *Text) (meta, error) {
	if isPath(p.Action) || p.ActionURL() == "" {
		return meta{}, fmt.Errorf("form post to an unsafe target")
	}
	return meta{
		template: "form_post", title: t.FormPost.Title, frame: p.Frame,
		formTarget: append([]string{p.Action}, p.FormTargets...), script: submitScript,
	}, nil
}
