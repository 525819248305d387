// Package migrations holds the database schema as forward-only steps.
//
// Each file is safe while the previous binary still runs: columns are added with defaults,
// and removed only in a release after the last one that used them.
package migrations

import "embed"

// FS holds the SQL files in the form that goose reads.
//
//go:embed *.sql
var FS embed.FS
