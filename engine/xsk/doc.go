// SPDX-License-Identifier: Apache-2.0

// Package xsk is the AF_XDP socket of one receive queue: packet memory that is
// shared with the kernel (the UMEM), the four rings through which its frames
// change hands, and a way to sleep until there is something to do.
//
// The life of a frame. It is in exactly one of these places, and every arrow
// moves it whole:
//
//	         Recv                            Send
//	 rx ────────────► worker (frame.Frame) ────────► tx
//	 ▲                  │                            │
//	 │ kernel           │ Free                       │ kernel, at Flush
//	 │                  ▼                            ▼
//	kernel ◄────────── fill ◄──────────────── completion
//	        kernel            Recv (recycle)
//
// A received frame is rewritten and transmitted in place; what comes back
// through the completion ring goes straight to the fill ring, so there is no
// free list. Every ring has a slot for every frame: the fill and the tx ring
// cannot be full and the kernel cannot run out of room in the other two. With
// the invariants build tag (and under the race detector) a ledger follows each
// frame and panics when one is in two places (ledger.go).
//
// Who sends frames that answer none, a load generator say, asks for a reserve
// (Config.Reserve): so many frames are kept out of the fill ring, Alloc hands
// them out, and completed frames make the reserve full again before any goes
// to the fill ring. What the reserve has lent never starves the receive side.
//
// Ownership. A Socket belongs to one goroutine, which should be locked to its
// thread: Recv, Send, Free, Flush, Wait and Close take no lock. Wake and Stats
// may be called from anywhere, also while and after Close. Close takes the
// memory away: whoever still holds a Frame must not touch its Data afterwards.
//
// The owner's loop:
//
//	for {
//		n := s.Recv(batch)      // recycles, then takes what has arrived
//		…                       // each frame goes to Send or Free, at once or later
//		s.Send(replies)
//		s.Free(rest)
//		err := s.Flush()        // until the kernel has taken all of tx
//		if n == 0 { err = s.Wait(timeout) }
//	}
//
// An error of Flush or Wait means that the socket is of no more use for now:
// Close it and Open another. errors.Is(err, ErrDown) says that the interface
// is down or gone, so the time for that is when it is back.
//
// There is no receive metadata (checksum state, VLAN tag, hash): the frame's
// bytes are all there is. Replies never grow at the front, so the headroom is
// the kernel's own 256 bytes.
//
// Source of truth: the kernel's Documentation/networking/af_xdp.rst,
// include/uapi/linux/if_xdp.h and net/xdp/xsk.c.
package xsk
