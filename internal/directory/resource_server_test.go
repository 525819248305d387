package directory_test

import (
	"strings"
	"testing"

	"github.com/signet-id/signet/internal/directory"
	"github.com/signet-id/signet/internal/errdefs"
)

func TestAnAudienceIsAnAbsoluteURIThatIsNobodyElses(t *testing.T) {
	t.Parallel()
	const issuer = "https://id.example/sso"
	for _, good := range []string{
		"https://orders.example", "https://orders.example/v1?tenant=all", "http://10.0.0.1:8080", "urn:example:orders", "api://orders", "https://id.example",
		"https://x.example/" + strings.Repeat("a", directory.MaxAudience-len("https://x.example/")),
	} {
		if err := directory.CheckAudience(good, issuer); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for name, bad := range map[string]string{
		"none": "", "no URI": "orders", "a path": "/orders", "a fragment": "https://orders.example#x", "an empty fragment": "https://orders.example#",
		"a space": "https://orders.example/a b", "a tab": "https://orders.example/\t", "beyond ASCII": "https://ördérs.example", "user information": "https://a@orders.example",
		"a scheme alone": "https:", "no host": "https:///orders", "the administration": "urn:signet:admin", "in capitals": "URN:Signet:admin", "one to come": "urn:signet:scim",
		"the issuer": issuer, "the issuer with a slash": issuer + "/", "too long": "https://x.example/" + strings.Repeat("a", directory.MaxAudience),
	} {
		fields := errdefs.Fields(directory.CheckAudience(bad, issuer))
		if len(fields) != 1 || fields[0].Field != "audience" {
			t.Errorf("%s: %v", name, fields)
		}
	}
}

func TestAPermissionIsASlugThatFitsIntoATokenAndAPath(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"orders:read", "Orders.Read", "orders/read", "a", "2fa_reset-all", strings.Repeat("x", directory.MaxPermission)} {
		if err := directory.CheckPermission(directory.PermissionDefinition{Slug: good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", " ", "orders read", ":read", "-x", "/", "orders:*", "ordérs", "a\nb", "a\x00", `a"`, strings.Repeat("x", directory.MaxPermission+1)} {
		fields := errdefs.Fields(directory.CheckPermission(directory.PermissionDefinition{Slug: bad}))
		if len(fields) != 1 || fields[0].Field != "slug" {
			t.Errorf("%q: %v", bad, fields)
		}
	}
	fields := errdefs.Fields(directory.CheckPermission(directory.PermissionDefinition{Slug: "a", Description: "two\nlines"}))
	if len(fields) != 1 || fields[0].Field != "description" {
		t.Errorf("%v", fields)
	}
}
