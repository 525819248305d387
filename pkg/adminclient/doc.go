// Package adminclient calls the administration of a Signet installation: tenants, people, roles,
// applications and what happened to them.
//
//	source, err := adminclient.ClientCredentials(adminclient.Machine{
//		Issuer: "https://id.example.com", ClientID: "provisioning", ClientSecret: secret,
//	})
//	…
//	client := adminclient.Client{BaseURL: "https://id.example.com", Token: source}
//	tenant, etag, err := client.GetTenant(ctx, "acme")
//
// generated.go has a method for every operation and a type for everything that is sent and
// answered; it is made from docs/openapi/admin.json. The rest of the package is what they share:
// client.go sends, problem.go is what went wrong, page.go walks lists, option.go are the
// conditions of a request, credentials.go gets tokens.
//
// An edit needs the entity tag of what was read, so that nobody's change is overwritten:
//
//	tenant, etag, err := client.GetTenant(ctx, "acme")
//	…
//	name := "Acme Incorporated"
//	_, _, err = client.UpdateTenant(ctx, "acme", adminclient.UpdateTenantRequest{Name: &name}, adminclient.IfMatch(etag))
//	if adminclient.IsChanged(err) {
//		// somebody else was faster: read again
//	}
//
// The package depends on nothing but the standard library.
package adminclient
