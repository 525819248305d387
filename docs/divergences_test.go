package docs_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
)

// What divergences.md says and no other test shows.

func TestWhatARequestMayLeaveOut(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)

	// redirect_uri, when there is one: then the token request must leave it out as well.
	code := a.Code(t, "spa", apptest.Grace, "redirect_uri")
	form := apptest.RedeemForm("spa", code)
	if out := a.PostForm(t, "/token", form); out.Error() != "invalid_grant" {
		t.Errorf("redirect_uri only at the token endpoint: %d %s", out.Status, out.Raw)
	}
	form.Del("redirect_uri")
	if out := a.PostForm(t, "/token", form); out.Status != http.StatusOK {
		t.Errorf("redirect_uri left out twice: %d %s", out.Status, out.Raw)
	}

	// scope: there is no default for people.
	out := a.Tokens(t, "spa", apptest.Grace, "scope")
	if _, has := apptest.Claims(t, out.Text("access_token"))["scope"]; has || out.Text("id_token") != "" {
		t.Errorf("no scope was asked for: %s", out.Raw)
	}
	// offline_access: not needed for a refresh token.
	if out.Text("refresh_token") == "" {
		t.Error("no refresh token without offline_access")
	}

	// A machine gets what it is registered for.
	m := a.PostForm(t, "/token", url.Values{"grant_type": {"client_credentials"}}, apptest.Basic("machine"))
	if m.Text("scope") == "" || strings.Contains(m.Text("scope"), "openid") {
		t.Errorf("a machine without scope got %q", m.Text("scope"))
	}
}

func TestWhatARequestMayCarryWithoutEffect(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Code(t, "spa", apptest.Grace, `claims={"id_token":{"email":{"essential":true}}}`, "ui_locales=fr", "acr_values=urn:other")
}

func TestATokenSaysMoreThanTheSpecificationsAsk(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	out := a.Tokens(t, "spa", apptest.Grace, "scope=openid email offline_access")
	id, access := apptest.Claims(t, out.Text("id_token")), apptest.Claims(t, out.Text("access_token"))
	for _, name := range []string{"email", "tenant_id", "tenant", "roles", "sid", "acr", "amr"} {
		if id[name] == nil {
			t.Errorf("the ID token lacks %s: %v", name, id)
		}
	}
	if access["sid"] != nil {
		t.Error("the access token of an offline grant carries sid")
	}
	if aud, _ := access["aud"].([]any); !slices.Contains(aud, any(a.URL)) {
		t.Errorf("openid does not add the issuer to aud: %v", access["aud"])
	}
}

func TestASecondUseOfACodeByAnotherClientChangesNothing(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	code := a.Code(t, "spa", apptest.Grace)
	out := a.PostForm(t, "/token", apptest.RedeemForm("spa", code))
	if again := a.PostForm(t, "/token", apptest.RedeemForm("two", code)); again.Error() != "invalid_grant" {
		t.Errorf("%d %s", again.Status, again.Raw)
	}
	if next := a.PostForm(t, "/token", apptest.RefreshForm("spa", out.Text("refresh_token"))); next.Status != http.StatusOK {
		t.Errorf("the grant has ended: %d %s", next.Status, next.Raw)
	}
}

func TestARefreshThatAskedForLessDoesNotBindTheNextOne(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	form := apptest.RefreshForm("spa", a.Tokens(t, "spa", apptest.Grace, "scope=openid email").Text("refresh_token"))
	form.Set("scope", "openid")
	less := a.PostForm(t, "/token", form)
	all := a.PostForm(t, "/token", apptest.RefreshForm("spa", less.Text("refresh_token")))
	if less.Text("scope") != "openid" || all.Text("scope") != "openid email" {
		t.Errorf("scope %q, then %q", less.Text("scope"), all.Text("scope"))
	}
}

func TestTheTokenTypeHintIsNotNeeded(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	refresh := a.Tokens(t, "spa", apptest.Grace).Text("refresh_token")
	out := a.PostForm(t, "/revoke", url.Values{"token": {refresh}, "client_id": {"spa"}, "token_type_hint": {"access_token"}})
	if out.Status != http.StatusOK {
		t.Fatalf("%d %s", out.Status, out.Raw)
	}
	if next := a.PostForm(t, "/token", apptest.RefreshForm("spa", refresh)); next.Error() != "invalid_grant" {
		t.Errorf("the hint was believed: %d %s", next.Status, next.Raw)
	}
}
