// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package lease6

// A prefetch reads nothing: it only makes the processor fetch a cache line while we do
// something else.

//go:noescape
func prefetchRecord(p *record)
