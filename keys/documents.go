package keys

import (
	"slices"
	"time"
)

// Published is the key set that was published from a moment on.
type Published struct {
	From time.Time
	ETag string   // of the document, see Document
	KIDs []string // in the order of the document: the newest key last
}

// Documents returns the sets that were published at any time in [since, now], oldest first: the
// one in force at since, then one for each change. It tells from an entity tag which keys its
// holder has. A set that came back stands there twice.
//
// What was planned and then changed before its time was never published, so the timestamps as
// they are now are enough. They are not for replicas that learnt of a step late, whose sets in
// between are left out, and so is a set with a key whose Public is not there any more: its tag
// cannot be known. Errors are those of Document.
func Documents(all []Key, since, now time.Time) ([]Published, error) {
	changes := []time.Time{since}
	for _, k := range all {
		for _, t := range []time.Time{k.PublishedAt, k.ActivatedAt, k.RetiredAt, k.RemovedAt} {
			if t.After(since) && !t.After(now) {
				changes = append(changes, t)
			}
		}
	}
	slices.SortFunc(changes, time.Time.Compare)
	var out []Published
	for _, at := range slices.CompactFunc(changes, time.Time.Equal) {
		in := published(all, at)
		if slices.ContainsFunc(in, func(k Key) bool { return k.Public == nil }) {
			continue
		}
		_, etag, err := Document(in, at)
		if err != nil {
			return nil, err
		}
		if len(out) > 0 && out[len(out)-1].ETag == etag {
			continue // a key began or ceased to sign
		}
		out = append(out, Published{From: at, ETag: etag, KIDs: kids(in)})
	}
	return out, nil
}

func kids(all []Key) []string {
	out := make([]string, len(all))
	for i, k := range all {
		out[i] = k.ID
	}
	return out
}
