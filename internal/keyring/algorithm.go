package keyring

import "github.com/signet-id/signet/keys"

// Default returns the algorithm of whatever nobody chose one for: the first of those configured that
// signs now. One that was put first in a running installation becomes the default when its key does
// sign; until then everything is signed as before.
func (r *Ring) Default() keys.Algorithm {
	first := r.algorithms[0]
	if _, signs := r.current().signers[first]; signs {
		return first // as nearly always, at every token
	}
	if signing := r.Algorithms(); len(signing) > 0 {
		return signing[0]
	}
	return first // nothing signs; Sign says so
}
