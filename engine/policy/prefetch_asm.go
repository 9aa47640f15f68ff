// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package policy

// A prefetch reads nothing: it only makes the processor fetch cache lines while we do
// something else.

// prefetchSubnet fetches its first two lines.
//
//go:noescape
func prefetchSubnet(s *Subnet)

//go:noescape
func prefetchSet(o *OptionSet)

//go:noescape
func prefetchRange(r *poolRange)

//go:noescape
func prefetchSlot(e *uint64)

//go:noescape
func prefetchReservation(r *Reservation)
