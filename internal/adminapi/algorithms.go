package adminapi

import (
	"slices"
	"strings"

	"github.com/signet-id/signet/internal/admin"
	"github.com/signet-id/signet/keys"
)

// choose sets what somebody wants tokens signed with, "" for the server's default. What cannot be had
// now is refused: no token could be signed until a key of that algorithm is active. What was chosen
// before stays good, whatever became of the settings; a name of no algorithm is for its noun to refuse.
func (a *API) choose(field string, chosen *keys.Algorithm, sent *string) error {
	if sent == nil || keys.Algorithm(*sent) == *chosen {
		return nil
	}
	*chosen = keys.Algorithm(*sent)
	if _, err := keys.ParseAlgorithm(*sent); err != nil {
		return nil //nolint:nilerr // the check of the noun says so, with all else that is wrong
	}
	inUse := a.Algorithms()
	if slices.Contains(inUse, *chosen) {
		return nil
	}
	names := make([]string, len(inUse))
	for i, alg := range inUse {
		names[i] = string(alg)
	}
	return admin.Invalid(field, "is not in use here: choose among %s. The setting keys.algorithms adds one; its first key signs once it has been published for the lead of the rotation, 48 hours by default", strings.Join(names, ", "))
}
