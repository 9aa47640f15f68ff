// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Stats counts since Open. Frames - Held - InTx frames are in the
// reserve or on the receive side: in the fill ring, with the driver, or
// received and not yet taken.
type Stats struct {
	Frames uint64 // frames of the UMEM
	Held   uint64 // frames that the worker has not sent or freed
	InTx   uint64 // frames that were sent and have not come back

	Received  uint64 // by Recv
	Allocated uint64 // by Alloc
	Sent      uint64 // by Send
	Freed     uint64 // by Free
	Completed uint64 // sent frames that came back
	Refused   uint64 // frames that Send freed: shorter than Ethernet or past their end
	Bad       uint64 // descriptors that do not lie in the UMEM, or one frame too many

	Kicks   uint64 // system calls to transmit
	Again   uint64 // of these: EAGAIN, budget or buffer exhausted
	Busy    uint64 // of these: EBUSY, the kernel dropped a frame (no carrier, say)
	NoBufs  uint64 // of these: ENOBUFS or ENOMEM
	Stalls  uint64 // Flush gave up for now; the frames stay in the tx ring
	RxWakes uint64 // system calls because the fill ring asked for one

	// What the kernel counts (XDP_STATISTICS).
	KernelRxDropped    uint64 // frame too large, or no memory to receive into
	KernelRxRingFull   uint64 // rx ring was full
	KernelFillEmpty    uint64 // fill ring was empty
	KernelRxInvalid    uint64 // fill ring had an invalid address
	KernelTxInvalid    uint64 // tx ring had an invalid descriptor
	KernelTxEmptyDescs uint64 // tx ring was found empty
}

// counters are stored by the owner and read by anybody.
type counters struct {
	received, allocated, sent, freed, completed, refused, bad atomic.Uint64
	kicks, again, busy, noBufs, stalls, rxWakes               atomic.Uint64
}

// Stats may be called from any goroutine. After Close it tells the last own
// counters and none of the kernel's.
func (s *Socket) Stats() Stats {
	c := &s.count
	st := Stats{
		Frames: uint64(s.frames),
		// What comes later in a frame's life is read first, so that the
		// differences below are never negative.
		Completed: c.completed.Load(),
		Sent:      c.sent.Load(),
		Freed:     c.freed.Load(),
		Refused:   c.refused.Load(),
		Received:  c.received.Load(),
		Allocated: c.allocated.Load(),
		Bad:       c.bad.Load(),
		Kicks:     c.kicks.Load(),
		Again:     c.again.Load(),
		Busy:      c.busy.Load(),
		NoBufs:    c.noBufs.Load(),
		Stalls:    c.stalls.Load(),
		RxWakes:   c.rxWakes.Load(),
	}
	st.InTx = st.Sent - st.Completed
	st.Held = st.Received + st.Allocated - st.Sent - st.Freed - st.Refused

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return st
	}
	var k unix.XDPStatistics
	if err := getXDPOption(s.fd, unix.XDP_STATISTICS, &k); err != nil {
		return st // own counters are worth having without the kernel's
	}
	st.KernelRxDropped = k.Rx_dropped
	st.KernelRxRingFull = k.Rx_ring_full
	st.KernelFillEmpty = k.Rx_fill_ring_empty_descs
	st.KernelRxInvalid = k.Rx_invalid_descs
	st.KernelTxInvalid = k.Tx_invalid_descs
	st.KernelTxEmptyDescs = k.Tx_ring_empty_descs
	return st
}

// Info is what Open found and chose.
type Info struct {
	ZeroCopy   bool
	CopyReason string // why not zero-copy; empty with zero-copy
	Frames     int
	FrameSize  int
	TxBudget   int  // frames that one system call transmits in copy mode
	SendBuffer int  // SO_SNDBUF as the kernel keeps it
	BusyPoll   bool // the kernel polls the device for us (busy mode only)
	BusyReason string
}

// Info tells what Open found and chose.
func (s *Socket) Info() Info { return s.info }

// ZeroCopy says whether the driver uses the socket's memory, and if not, why.
func (s *Socket) ZeroCopy() (bool, string) { return s.info.ZeroCopy, s.info.CopyReason }
