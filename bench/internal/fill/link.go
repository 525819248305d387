package fill

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/signet-id/signet/internal/id"
)

// Link gives everybody an identity at the provider of the connector, where they are known by their
// identifier.
func Link(ctx context.Context, url, reference, issuer string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var connector [16]byte
	if err := conn.QueryRow(ctx, "SELECT id FROM connector WHERE reference = $1", reference).Scan(&connector); err != nil {
		return fmt.Errorf("find the connector that the server declared: %w", err)
	}
	people, err := conn.Query(ctx, "SELECT id FROM user_account")
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(people, pgx.RowTo[[16]byte])
	if err != nil {
		return err
	}
	rows := make([][]any, len(ids))
	for n, u := range ids {
		rows[n] = []any{u, connector, issuer, id.UserFromUUID(u).String(), u}
	}
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"identity"}, []string{"id", "connector_id", "issuer", "subject", "user_id"}, pgx.CopyFromRows(rows))
	if err == nil {
		_, err = conn.Exec(ctx, "VACUUM (ANALYZE) identity")
	}
	return err
}
