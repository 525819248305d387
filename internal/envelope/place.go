package envelope

import (
	"bytes"
	"encoding/binary"
)

// Place is one kind of stored values that are sealed. A package that has values sealed says which
// places they are in, so that all of them are found when the master key is replaced.
type Place struct {
	// Name is the name of the table, for people and for Values.
	Name string
	// Row returns what people call the row with that primary key, and what its value may be bound to
	// (see Identity): one of identities.
	Row func(key []byte) (name string, identities [][]byte)
}

// HeadSize is how many of the first bytes of a sealed value tell its master key.
const HeadSize = 1 + 4 + 16

// Head returns the first bytes of whatever is sealed under a master key, in the encoding of
// MarshalBinary.
func Head(masterID string) []byte { return appendField([]byte{binaryVersion}, []byte(masterID)) }

// MasterOf returns the fingerprint of the master key of a value that begins with head; "" when no
// sealed value does.
func MasterOf(head []byte) string {
	if len(head) < HeadSize || head[0] != binaryVersion || binary.BigEndian.Uint32(head[1:]) != HeadSize-5 {
		return ""
	}
	id := head[5:HeadSize]
	if len(bytes.Trim(id, "0123456789abcdef")) > 0 {
		return ""
	}
	return string(id)
}
