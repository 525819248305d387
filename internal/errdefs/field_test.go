package errdefs_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/signet-id/signet/internal/errdefs"
)

func TestEveryRefusedFieldIsFoundHoweverItIsWrapped(t *testing.T) {
	t.Parallel()
	a, b := errdefs.InvalidField("a", "is %s", "odd"), &errdefs.FieldError{Field: "b[1]", Text: "is taken", Kind: errdefs.ErrConflict}
	err := fmt.Errorf("check: %w", errors.Join(fmt.Errorf("first: %w", a), errors.New("no field"), fmt.Errorf("two: %w and %w", b, errdefs.ErrDenied)))
	got := errdefs.Fields(err)
	if len(got) != 2 || got[0].Error() != "a: is odd" || got[1].Error() != "b[1]: is taken" {
		t.Errorf("%v", got)
	}
	if !errors.Is(got[0], errdefs.ErrInvalid) || !errors.Is(got[1], errdefs.ErrConflict) || errors.Is(got[1], errdefs.ErrInvalid) {
		t.Error("a field has the wrong kind")
	}
	if got := errdefs.Fields(errors.New("of no field")); got != nil {
		t.Errorf("%v", got)
	}
	if got := errdefs.Fields(nil); got != nil {
		t.Errorf("%v", got)
	}
}
