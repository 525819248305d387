package admin

// Page says which part of a list is asked for. Lists are ordered by a key that never changes, so
// that a page costs the same wherever it is and whatever comes in between is neither skipped nor
// seen twice.
type Page struct {
	After string // the cursor of the page before; "" for the first
	Limit int    // entries; at least 1
}

// List is one page and the cursor of the next, "" after the last.
type List[T any] struct {
	Items []T
	Next  string
}
