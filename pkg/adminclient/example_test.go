package adminclient_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/signet-id/signet/pkg/adminclient"
)

func Example() {
	server := installation()
	defer server.Close()
	client := adminclient.Client{BaseURL: server.URL, Token: adminclient.StaticToken("an access token")}

	for tenant, err := range client.AllTenants(context.Background(), adminclient.ListTenantsParams{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tenant.Slug, tenant.Name)
	}
	_, _, err := client.GetTenant(context.Background(), "initech")
	fmt.Println(adminclient.IsNotFound(err), err)
	// Output:
	// acme Acme
	// globex Globex
	// true There is no such thing, or not for you.
}

// installation answers as a Signet with two tenants.
func installation() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/admin/v1/tenants" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"items":[{"slug":"acme","name":"Acme"},{"slug":"globex","name":"Globex"}]}`)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"title":"Not Found","status":404,"detail":"There is no such thing, or not for you."}`)
	}))
}
