// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
	"xdhcp/internal/invariants"
	"xdhcp/internal/prefetch"
)

// maxFruitless is how many system calls in a row may transmit nothing before
// Flush gives up for now. Copy mode makes no progress when the send buffer is
// held by packets that the receiving side has yet to take: nothing that we
// could do but wait.
const maxFruitless = 16

// Socket is the AF_XDP socket of one queue. See the package comment for who
// may call what.
type Socket struct {
	// The owner's.
	fill   prodRing[uint64]
	tx     prodRing[unix.XDPDesc]
	rx     consRing[unix.XDPDesc]
	comp   consRing[uint64]
	umem   []byte // whole chunks
	chunk  uint64 // size of one, a power of two
	port   uint16
	fed    bool   // frames were put on fill since its wake-up flag was looked at
	inTx   uint32 // frames sent and not back yet
	closed bool
	ledger ledger
	kernel kernel

	reserve []uint64 // frames for Alloc, cap(reserve) at most

	count    counters
	woken    atomic.Bool // Wake was called and Wait has not yet noticed
	sleeping atomic.Bool // the owner is in poll, or about to be

	// mu protects the descriptors against being closed while Wake or Stats
	// uses them. The owner takes it only to close.
	mu sync.Mutex
	fd int // -1 when closed

	// Fixed at Open.
	cfg    Config
	link   device
	frames int
	info   Info
	event  int // the eventfd of Wake
	maps   [4][]byte
}

// attach puts rings and memory together and gives all frames to the kernel.
// It is the part of Open that works on any memory.
func (s *Socket) attach(umem []byte, chunk int, fill prodRing[uint64], tx prodRing[unix.XDPDesc],
	rx consRing[unix.XDPDesc], comp consRing[uint64], k kernel) {
	s.umem, s.chunk = umem, uint64(chunk)
	s.fill, s.tx, s.rx, s.comp, s.kernel = fill, tx, rx, comp, k
	s.frames = len(umem) / chunk
	s.ledger = newLedger(s.frames, chunk)
	s.reserve = make([]uint64, 0, s.cfg.Reserve)
	for i := range s.fill.room(uint32(s.frames)) {
		if addr := uint64(i) * s.chunk; len(s.reserve) < cap(s.reserve) {
			s.ledger.move(addr, atFill, atReserve)
			s.reserve = append(s.reserve, addr)
		} else {
			s.fill.put(addr)
		}
	}
	s.fill.submit()
	s.fed = true
}

// within says whether length bytes at addr lie in one frame of the UMEM.
func (s *Socket) within(addr, length uint64) bool {
	return addr < uint64(len(s.umem)) && addr&(s.chunk-1)+length <= s.chunk
}

// base is the address of the frame in which addr lies.
func (s *Socket) base(addr uint64) uint64 { return addr &^ (s.chunk - 1) }

// Recv gives transmitted frames back to the reserve or to the kernel to receive
// into, takes up to len(fs) received frames and returns how many. The caller has each of them
// until it hands it to Send or Free. The capacity of a frame's Data ends where
// its memory ends. What the frames hold is in another core's cache, where the
// kernel has copied it, and is on its way here when Recv returns.
func (s *Socket) Recv(fs []frame.Frame) int {
	if s.closed {
		return 0
	}
	s.recycle()
	n := s.rx.ready(uint32(len(fs)))
	if n == 0 {
		return 0
	}
	taken := 0
	for range n {
		d := s.rx.get()
		if !s.within(d.Addr, uint64(d.Len)) {
			s.count.bad.Add(1)
			continue
		}
		s.ledger.move(d.Addr, atFill, atWorker)
		fs[taken] = frame.Frame{
			Data: s.umem[d.Addr : d.Addr+uint64(d.Len) : s.base(d.Addr)+s.chunk],
			Addr: d.Addr,
			Port: s.port,
		}
		prefetch.Bytes(fs[taken].Data)
		taken++
	}
	s.rx.release()
	s.count.received.Add(uint64(taken))
	return taken
}

// Waiting is how many received frames Recv has not taken yet.
func (s *Socket) Waiting() int {
	if s.closed {
		return 0
	}
	return int(s.rx.ready(uint32(len(s.rx.slots))))
}

// Alloc takes up to len(fs) frames out of the reserve, to send packets that
// answer none, and returns how many. Data is empty; its capacity is that of a
// received frame. An empty reserve is filled again by Recv, Flush and Wait with
// what has been transmitted; a frame that is freed instead of sent goes to the
// receive side.
func (s *Socket) Alloc(fs []frame.Frame) int {
	if s.closed {
		return 0
	}
	n := min(len(fs), len(s.reserve))
	for i := range fs[:n] {
		last := len(s.reserve) - 1
		addr := s.reserve[last]
		s.reserve = s.reserve[:last]
		s.ledger.move(addr, atReserve, atWorker)
		at := addr + headroom
		fs[i] = frame.Frame{Data: s.umem[at : at : addr+s.chunk], Addr: at, Port: s.port}
	}
	s.count.allocated.Add(uint64(n))
	return n
}

// recycle moves what the kernel has transmitted to the reserve, if frames of it
// are out, and else to the fill ring.
func (s *Socket) recycle() {
	// What has no room stays where it is: the kernel transmits no more than
	// the completion ring can report.
	n := s.fill.room(s.comp.ready(uint32(len(s.comp.slots))))
	if n > 0 {
		for range n {
			addr := s.comp.get()
			if !s.within(addr, 0) {
				s.count.bad.Add(1)
				continue
			}
			if len(s.reserve) < cap(s.reserve) {
				s.ledger.move(addr, atTx, atReserve)
				s.reserve = append(s.reserve, s.base(addr))
				continue
			}
			s.ledger.move(addr, atTx, atFill)
			s.fill.put(s.base(addr))
		}
		s.comp.release()
		s.fill.submit()
		s.inTx -= n
		s.count.completed.Add(uint64(n))
		s.fed = true
	}
	if s.fed {
		s.fed = false
		if s.fill.needWakeup() {
			s.count.rxWakes.Add(1)
			// A failure shows at the next Wait or Flush.
			s.kernel.recv()
		}
	}
}

// Send puts frames, each as long as its Data is now, on the tx ring and
// returns how many it took, which is all of them: the ring has a slot for
// every frame. Flush transmits them. A frame that cannot be transmitted,
// because its Data is shorter than an Ethernet header or has left its memory,
// is freed and counted as Refused.
func (s *Socket) Send(fs []frame.Frame) int {
	if s.closed {
		return 0
	}
	n := int(s.tx.room(uint32(len(fs))))
	sent := 0
	for i := range fs[:n] {
		f := &fs[i]
		// The kernel skips an invalid descriptor without completing it, so the
		// frame would be lost.
		if len(f.Data) < ethernetHeader || !s.within(f.Addr, uint64(len(f.Data))) {
			s.count.refused.Add(1)
			s.give(f)
			continue
		}
		s.ledger.move(f.Addr, atWorker, atTx)
		if invariants.Enabled && &f.Data[0] != &s.umem[f.Addr] {
			panic("xsk: a frame's Data was moved away from its Addr")
		}
		s.tx.put(unix.XDPDesc{Addr: f.Addr, Len: uint32(len(f.Data))})
		sent++
	}
	s.tx.submit()
	if sent < n {
		s.fill.submit()
	}
	s.inTx += uint32(sent)
	s.count.sent.Add(uint64(sent))
	return n
}

const ethernetHeader = 14

// Free gives frames back to the kernel to receive into.
func (s *Socket) Free(fs []frame.Frame) {
	if s.closed || len(fs) == 0 {
		return
	}
	for i := range fs {
		s.give(&fs[i])
	}
	s.fill.submit()
	s.count.freed.Add(uint64(len(fs)))
}

// give puts a frame of the worker's on the fill ring, unpublished.
func (s *Socket) give(f *frame.Frame) {
	s.ledger.move(f.Addr, atWorker, atFill)
	if !s.within(f.Addr, 0) || s.fill.room(1) == 0 {
		s.count.bad.Add(1)
		return
	}
	s.fill.put(s.base(f.Addr))
	s.fed = true
}

// Flush has the kernel transmit what Send has put on the ring. In copy mode it
// returns when the ring is empty: one system call transmits a limited number
// and stops at the first frame that fails. It gives up for now, without an
// error, after some calls without effect (Stats.Stalls); what is left goes out
// with the next Flush or Wait. In zero-copy mode the driver transmits, and
// Flush wakes it if it asks for that.
func (s *Socket) Flush() error {
	if s.closed {
		return ErrClosed
	}
	left := s.tx.pending()
	// A call that fails has still disposed of a frame (EBUSY), so the number
	// of frames bounds the calls that get somewhere.
	for calls, fruitless := uint32(0), 0; left > 0 && s.tx.needWakeup(); calls++ {
		if fruitless == maxFruitless || calls == left+maxFruitless {
			s.count.stalls.Add(1)
			return nil
		}
		errno := s.kernel.send()
		s.count.kicks.Add(1)
		switch errno {
		case 0, unix.EINTR:
		case unix.EAGAIN:
			s.count.again.Add(1)
			s.recycle()
		case unix.EBUSY:
			s.count.busy.Add(1)
			s.recycle()
		case unix.ENOBUFS, unix.ENOMEM:
			s.count.noBufs.Add(1)
			s.recycle()
		default:
			return s.fail("transmit on", errno)
		}
		if s.info.ZeroCopy {
			return nil // the rest happens in the driver
		}
		now := s.tx.pending()
		if now == left && errno != unix.EBUSY {
			fruitless++
			continue
		}
		fruitless = 0
		if now < left {
			left, calls = now, 0
		}
	}
	return nil
}

// fail makes an OpError for this queue.
func (s *Socket) fail(op string, err error) error {
	return &OpError{Op: op, Iface: s.link.name, Queue: s.cfg.Queue, Err: err}
}

// FD is the AF_XDP socket's descriptor, to be registered in the XDP program's
// map; -1 after Close.
func (s *Socket) FD() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fd
}
