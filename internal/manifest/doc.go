// Package manifest has an installation be as a file says: what the file declares is created or
// changed, what it leaves out of a thing stays as it is, and nothing is lost unless that was asked
// for.
//
//	kind.go       what can be declared: kinds of things, their fields, what is below them
//	parse.go      the file, strictly, with the line of everything
//	check.go      what is wrong with a document by itself
//	secret.go     values that stand in the environment or in files
//	connector.go  connectors, and domains that lead to them
//	remote.go     what there is, read through the administration's API
//	plan.go       the difference of the two
//	apply.go      making it so, in the order that things need one another
//	export.go     what there is, as a file
//
// A thing that the file declares is owned by it as far as the file goes: a list that is given, of
// a tenant's roles or a client's redirect URIs, is the whole list. Tenants, resource servers and
// clients that the file does not mention belong to somebody else, unless the file says under
// complete that it knows them all. People are never deleted.
//
// It knows the server by pkg/adminclient alone and has no clock.
package manifest
