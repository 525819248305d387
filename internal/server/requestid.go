package server

import (
	"crypto/rand"
	"sync"
)

const (
	idLength = 26 // of 32 letters each: 130 bits
	idBatch  = 32
)

// requestIDs makes ids like those of rand.Text, many at a time: to ask for randomness costs more
// than to answer a request from memory. The zero value is ready.
type requestIDs struct{ batches sync.Pool }

type ids struct{ left string }

func (r *requestIDs) next() string {
	b, ok := r.batches.Get().(*ids)
	if !ok {
		b = new(ids)
	}
	if b.left == "" {
		b.left = randomText(idBatch * idLength)
	}
	id := b.left[:idLength]
	b.left = b.left[idLength:]
	r.batches.Put(b)
	return id
}

func randomText(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" // RFC 4648 §6
	text := make([]byte, n)
	_, _ = rand.Read(text) // never fails
	for i, b := range text {
		text[i] = letters[b%byte(len(letters))]
	}
	return string(text)
}
