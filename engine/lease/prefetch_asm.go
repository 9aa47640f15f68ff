// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package lease

// A prefetch reads nothing, so it needs no lock: it only makes the processor
// fetch a cache line while we do something else.

//go:noescape
func prefetchRecord(p *record)

// prefetchShard fetches its first lines, up to the index.
//
//go:noescape
func prefetchShard(s *shard)

//go:noescape
func prefetchCold(p *[coldSize]byte)
