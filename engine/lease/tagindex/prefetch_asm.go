// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package tagindex

// prefetch reads nothing: it only makes the processor fetch a cache line while we do
// something else.
//
//go:noescape
func prefetch(p *uint64)
