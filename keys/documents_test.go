package keys_test

import (
	"slices"
	"testing"
	"time"

	"github.com/signet-id/signet/keys"
)

func TestDocumentsNameTheKeysBehindEachTagThatWasPublished(t *testing.T) {
	t.Parallel()
	hour := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Hour) }
	old, next, later := pairs()[keys.RS256].key, pairs()[keys.ES256].key, pairs()[keys.EdDSA].key
	old.CreatedAt, old.PublishedAt, old.ActivatedAt, old.RetiredAt, old.RemovedAt = hour(0), hour(0), hour(0), hour(6), hour(8)
	next.CreatedAt, next.PublishedAt, next.ActivatedAt = hour(2), hour(4), hour(6)
	later.CreatedAt, later.PublishedAt, later.ActivatedAt = hour(3), hour(10), hour(12)
	all := []keys.Key{later, next, old}

	for name, c := range map[string]struct {
		since, now int
		from       []int
		kids       [][]string
	}{
		"everything up to now; what begins or ceases to sign changes nothing": {-1, 9, []int{-1, 0, 4, 8}, [][]string{{}, {old.ID}, {old.ID, next.ID}, {next.ID}}},
		"what is planned is not published yet":                                {7, 9, []int{7, 8}, [][]string{{old.ID, next.ID}, {next.ID}}},
		"the bounds count":                                                    {4, 10, []int{4, 8, 10}, [][]string{{old.ID, next.ID}, {next.ID}, {next.ID, later.ID}}},
		"nothing changed":                                                     {5, 7, []int{5}, [][]string{{old.ID, next.ID}}},
	} {
		got, err := keys.Documents(all, hour(c.since), hour(c.now))
		if err != nil || len(got) != len(c.from) {
			t.Errorf("%s: %d sets, %v", name, len(got), err)
			continue
		}
		for i, set := range got {
			_, etag, err := keys.Document(all, hour(c.from[i]))
			if err != nil || set.ETag != etag || !set.From.Equal(hour(c.from[i])) || !slices.Equal(set.KIDs, c.kids[i]) {
				t.Errorf("%s: from %s %s %v, want from %s %s %v", name, set.From, set.ETag, set.KIDs, hour(c.from[i]), etag, c.kids[i])
			}
		}
	}

	// Of a key that was removed long ago the public half may be gone.
	gone := old
	gone.Public = nil
	got, err := keys.Documents([]keys.Key{gone, next}, hour(1), hour(9))
	if err != nil || len(got) != 1 || !slices.Equal(got[0].KIDs, []string{next.ID}) {
		t.Errorf("with a key that is gone: %+v, %v", got, err)
	}
	gone.Public = "not a key"
	if _, err := keys.Documents([]keys.Key{gone}, hour(1), hour(2)); err == nil {
		t.Error("a key that is none passed")
	}
}
