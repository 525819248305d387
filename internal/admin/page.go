package admin

// The bounds of a page of a list, in entries.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// Page says which part of a list is asked for. Lists are ordered by a key that never changes, so
// that a page costs the same wherever it is and whatever comes in between is neither skipped nor
// seen twice.
type Page struct {
	After string // the cursor of the page before; "" for the first
	Limit int    // 1 to MaxPage
}

// List is one page and the cursor of the next, "" after the last.
type List[T any] struct {
	Items []T
	Next  string
}
