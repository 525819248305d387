// Command consumer judges access tokens that do not come with an HTTP request: one a line.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/signet-id/signet/pkg/verify"
)

func main() {
	ctx := context.Background()
	verifier, err := verify.New(ctx, verify.Config{Issuer: os.Getenv("SIGNET_ISSUER"), Audience: os.Getenv("AUDIENCE")})
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch claims, err := verifier.Verify(ctx, lines.Text()); {
		case errors.Is(err, verify.ErrInvalidToken):
			fmt.Println("refused:", err)
		case err != nil:
			fmt.Println("cannot tell, try again:", err)
		case !allows(claims, "orders:write"):
			fmt.Println("not allowed:", claims.Subject)
		default:
			fmt.Println("accepted:", claims.Subject, "of", claims.Tenant)
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

// allows is what bearer.Permission asks for: the application was given the scope and, where a
// person is behind it, the person holds the permission too.
func allows(c *verify.Claims, permission string) bool {
	return c.HasScope(permission) && (c.Machine() || c.HasPermission(permission))
}
