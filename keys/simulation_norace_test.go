//go:build !race

package keys_test

// slowdown is by how much less is tried because the race detector watches.
const slowdown = 1
