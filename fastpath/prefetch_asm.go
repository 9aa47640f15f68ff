// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package fastpath

// A prefetch reads nothing: it only makes the processor fetch cache lines while we do
// something else.

//go:noescape
func prefetchTags(p *[ways]uint64)

//go:noescape
func prefetchLine(p *line)
