//go:build race

package engine_test

// lifetime is how many cycles a long life has: the race detector makes each take
// six times as long.
const lifetime = 100
