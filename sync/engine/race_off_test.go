//go:build !race

package engine_test

// lifetime is how many cycles a long life has.
const lifetime = 1000
