package config

import (
	"errors"
	"fmt"
	"slices"
)

// Fault is one thing wrong with the configuration.
type Fault struct {
	// Path is the setting's path in the file, "" when the fault concerns the file as a whole
	// or a name that is no setting.
	Path string
	// Origin says where the value came from ("line 3 of signet.yaml", "the environment"), or
	// "" for a default or a missing value.
	Origin string
	// Text says what is wrong and what to do.
	Text string
}

// Error names the setting both ways, where its value came from, and the fix.
func (f Fault) Error() string {
	s := f.Text
	if f.Path != "" {
		s = f.Path + " (" + envName(f.Path) + "): " + s
	}
	if f.Origin != "" {
		s += " [" + f.Origin + "]"
	}
	return s
}

// Faults returns every Fault in err, an error from Load.
func Faults(err error) []Fault {
	var out []Fault
	switch e := err.(type) { //nolint:errorlint // walks the tree itself, to find them all
	case nil:
	case Fault:
		out = append(out, e)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			out = append(out, Faults(inner)...)
		}
	default:
		out = Faults(errors.Unwrap(err))
	}
	return out
}

// faults collects them, at most one a setting after the first pass: a value that did not
// parse needs no second complaint about its zero.
type faults struct {
	list    []Fault
	origins map[string]string
}

func (f *faults) add(path, format string, args ...any) {
	if path != "" && slices.ContainsFunc(f.list, func(have Fault) bool { return have.Path == path }) {
		return
	}
	f.list = append(f.list, Fault{Path: path, Origin: f.origins[path], Text: fmt.Sprintf(format, args...)})
}

func (f *faults) require(path string, ok bool, format string, args ...any) {
	if !ok {
		f.add(path, format, args...)
	}
}

func (f *faults) err() error {
	errs := make([]error, len(f.list))
	for i, fault := range f.list {
		errs[i] = fault
	}
	return errors.Join(errs...)
}
