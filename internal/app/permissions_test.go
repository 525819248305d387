package app_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/apptest"
	"github.com/signet-id/signet/internal/installation"
)

func TestATokenWithoutRoomForItsPermissionsSaysSoAndIntrospectionNamesThem(t *testing.T) {
	t.Parallel()
	const many = 500
	audience := installation.ResourceServer{Audience: apptest.Orders, Name: "Orders"}
	role := installation.Role{Name: "everything"}
	for n := range many {
		slug := fmt.Sprintf("orders:permission-%03d", n)
		audience.Permissions = append(audience.Permissions, installation.Permission{Slug: slug})
		role.Permissions = append(role.Permissions, installation.PermissionRef{Audience: apptest.Orders, Slug: slug})
	}
	a := apptest.Start(t, apptest.WithInstallation(installation.Installation{
		ResourceServers: []installation.ResourceServer{audience},
		Tenants:         []installation.Tenant{{Slug: "acme", Name: "Acme", Roles: []installation.Role{role}}},
		Users:           []installation.User{{Email: apptest.Grace, Memberships: []installation.Membership{{Tenant: "acme", Roles: []string{"everything"}}}}},
	}))
	token := a.Tokens(t, "spa", apptest.Grace).Text("access_token")
	claims := apptest.Claims(t, token)
	if _, there := claims["permissions"]; there || claims["permissions_omitted"] != true || len(token) > 4096 {
		t.Errorf("%d bytes: %v", len(token), claims)
	}
	if roles, _ := claims["roles"].([]any); len(roles) != 2 {
		t.Errorf("roles %v", roles)
	}

	answer := a.PostForm(t, "/introspect", url.Values{"token": {token}}, apptest.Basic("api"))
	permissions, _ := answer.JSON["permissions"].([]any)
	if answer.JSON["active"] != true || len(permissions) != many+1 || answer.JSON["permissions_omitted"] != nil {
		t.Errorf("introspection names %d permissions: %.300s", len(permissions), answer.Raw)
	}

	ops, err := http.NewRequest(http.MethodGet, a.OpsURL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	if metrics := apptest.Do(t, ops).Raw; !strings.Contains(metrics, "signet_token_permissions_omitted_total 1\n") {
		t.Errorf("metrics:\n%s", metrics)
	}

	// Somebody with few permissions keeps them.
	claims = apptest.Claims(t, a.Tokens(t, "spa", apptest.Ada).Text("access_token"))
	if p, _ := claims["permissions"].([]any); len(p) == 0 || claims["permissions_omitted"] != nil {
		t.Errorf("%v", claims)
	}
}
