// Package archtest holds the arrows of docs/architecture.md as tests: which of our packages may
// import which, which dependencies stay behind one package, and where this process may open a
// connection to an address that somebody else chose.
//
// rules_test.go is the part to read, and to change together with the architecture when a
// package is added. The checks read source files and not `go list`, so that files for other
// systems count too and a cached test result is never older than the source.
package archtest
