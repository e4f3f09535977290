// Package httpx is the one place for transport policy: secrets that redact
// themselves, request limits, Retry-After, bounded bodies, reads that are tried
// again, and writes that are sent once with proof of what left.
package httpx
