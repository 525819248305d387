package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/internal/postgres/sqlcgen"
)

// keepAdministrators makes a change that may take somebody's administration away. A tenant that
// had an administrator has one afterwards, or the change is admin.ErrLastAdministrator. The caller
// has locked the tenants' rows in this transaction: two changes that are harmless alone could
// otherwise leave nobody together.
func keepAdministrators(ctx context.Context, q *sqlcgen.Queries, tenants [][16]byte, change func() error) error {
	had := make([][16]byte, 0, len(tenants))
	for _, t := range tenants {
		has, err := q.HasAdministrator(ctx, t)
		if err != nil {
			return err
		}
		if has {
			had = append(had, t)
		}
	}
	if err := change(); err != nil {
		return err
	}
	for _, t := range had {
		has, err := q.HasAdministrator(ctx, t)
		if err != nil {
			return err
		}
		if !has {
			return admin.ErrLastAdministrator
		}
	}
	return nil
}

// note adds to what is recorded of an act; nothing when value is empty.
func note(a admin.Act, key, value string) {
	if a.Event.Detail != nil && value != "" {
		a.Event.Detail[key] = value
	}
}

// maxNoted is how many names are recorded of a long list: the history of access has all of them.
const maxNoted = 20

// noted writes a list of names for the record.
func noted(names []string) string {
	if len(names) <= maxNoted {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNoted], ", "), len(names)-maxNoted)
}
