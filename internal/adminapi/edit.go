package adminapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// set edits a field that was sent.
func set[T any](field *T, sent *T) {
	if sent != nil {
		*field = *sent
	}
}

// disable edits the time since which something is disabled. Disabling it again keeps that time.
func disable(at *time.Time, sent *bool, now time.Time) {
	switch {
	case sent == nil:
	case !*sent:
		*at = time.Time{}
	case at.IsZero():
		*at = now
	}
}

// fields names the fields that a body edits, for the audit log: names, never values.
func fields(body any) string {
	b, err := json.Marshal(body)
	if err != nil {
		return ""
	}
	var sent map[string]json.RawMessage
	if json.Unmarshal(b, &sent) != nil {
		return ""
	}
	return strings.Join(slices.Sorted(maps.Keys(sent)), " ")
}
