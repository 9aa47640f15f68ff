// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package prefetch

// Word fetches the cache line of p.
//
//go:noescape
func Word(p *uint64)

// Bytes fetches the lines of b: as many as its length has, counted from its start.
//
//go:noescape
func Bytes(b []byte)
