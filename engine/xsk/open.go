// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"golang.org/x/sys/unix"
)

// Open makes the socket of one queue and binds it. It receives when the XDP
// program's map has its FD. Every error is an OpError; errors.Is(err, ErrDown)
// says that the interface is down or does not exist.
func Open(cfg Config) (_ *Socket, err error) {
	s := &Socket{cfg: cfg, port: cfg.Port, fd: -1, event: -1}
	if s.link, err = findLink(&cfg); err != nil {
		return nil, s.fail("find", err)
	}
	if !s.link.up {
		return nil, s.fail("open", unix.ENETDOWN)
	}
	if err := s.cfg.complete(s.link); err != nil {
		return nil, s.fail("open", err)
	}
	defer func() {
		if err != nil {
			_ = s.Close() // the first error is the one that tells
		}
	}()
	if err := s.create(); err != nil {
		return nil, err
	}
	if err := s.mapAll(); err != nil {
		return nil, err
	}
	s.tune()
	if err := s.bind(); err != nil {
		return nil, err
	}
	return s, nil
}

// create makes the descriptors and the memory.
func (s *Socket) create() error {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return s.explain("create socket for", err, map[unix.Errno]string{
			unix.EPERM:        "needs the capability CAP_NET_RAW",
			unix.EAFNOSUPPORT: "the kernel is built without CONFIG_XDP_SOCKETS",
		})
	}
	s.fd = fd
	if s.event, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return s.fail("create eventfd for", err)
	}
	size := s.cfg.Frames * s.cfg.FrameSize
	s.umem, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		s.umem = nil
		return s.fail("map frames for", err)
	}
	if err := registerUMEM(fd, s.umem, s.cfg.FrameSize); err != nil {
		return s.explain("register frames for", err, map[unix.Errno]string{
			unix.ENOBUFS: fmt.Sprintf("needs %d KiB of locked memory (ulimit -l) or the capability CAP_IPC_LOCK", size>>10),
		})
	}
	return nil
}

// mapAll sizes and maps the four rings and puts all frames on fill. Each ring
// has a slot for every frame.
func (s *Socket) mapAll() error {
	n := 1 << bits.Len(uint(s.cfg.Frames-1))
	for _, r := range []struct {
		name   string
		option int
	}{
		{"fill", unix.XDP_UMEM_FILL_RING},
		{"completion", unix.XDP_UMEM_COMPLETION_RING},
		{"rx", unix.XDP_RX_RING},
		{"tx", unix.XDP_TX_RING},
	} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_XDP, r.option, n); err != nil {
			return s.fail("size "+r.name+" ring of", err)
		}
	}
	var off unix.XDPMmapOffsets
	if err := getXDPOption(s.fd, unix.XDP_MMAP_OFFSETS, &off); err != nil {
		return s.fail("find rings of", err)
	}
	var err error
	var fill prodRing[uint64]
	if s.maps[0], fill, err = mapProd[uint64](s.fd, unix.XDP_UMEM_PGOFF_FILL_RING, off.Fr, n); err != nil {
		return s.fail("map fill ring of", err)
	}
	var comp consRing[uint64]
	if s.maps[1], comp, err = mapCons[uint64](s.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, off.Cr, n); err != nil {
		return s.fail("map completion ring of", err)
	}
	var rx consRing[unix.XDPDesc]
	if s.maps[2], rx, err = mapCons[unix.XDPDesc](s.fd, unix.XDP_PGOFF_RX_RING, off.Rx, n); err != nil {
		return s.fail("map rx ring of", err)
	}
	var tx prodRing[unix.XDPDesc]
	if s.maps[3], tx, err = mapProd[unix.XDPDesc](s.fd, unix.XDP_PGOFF_TX_RING, off.Tx, n); err != nil {
		return s.fail("map tx ring of", err)
	}
	s.attach(s.umem, s.cfg.FrameSize, fill, tx, rx, comp, newSystem(s.fd, s.event))
	return nil
}

func mapProd[T slot](fd int, pgoff int64, off unix.XDPRingOffset, n int) ([]byte, prodRing[T], error) {
	mem, slots, prod, cons, flags, err := mapRing[T](fd, pgoff, off, n)
	if err != nil {
		return nil, prodRing[T]{}, err
	}
	return mem, newProdRing(slots, prod, cons, flags), nil
}

func mapCons[T slot](fd int, pgoff int64, off unix.XDPRingOffset, n int) ([]byte, consRing[T], error) {
	mem, slots, prod, cons, _, err := mapRing[T](fd, pgoff, off, n)
	if err != nil {
		return nil, consRing[T]{}, err
	}
	return mem, newConsRing(slots, prod, cons), nil
}

// tune sets what makes the socket faster and works without.
func (s *Socket) tune() {
	// Copy mode charges every packet in flight to the send buffer: have room
	// for all frames. SO_SNDBUFFORCE needs CAP_NET_ADMIN; without it the
	// kernel's limit (net.core.wmem_max) applies.
	want := min(s.cfg.Frames*largeChunk, 1<<30) // an int32 to the kernel, which doubles it
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, want); err != nil {
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, want)
	}
	s.info.SendBuffer, _ = unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF)

	// One system call transmits 32 frames in copy mode unless the kernel
	// (6.17 and later) is told otherwise; it takes no more than the ring has.
	s.info.TxBudget = 32
	if n := len(s.tx.slots); unix.SetsockoptInt(s.fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, n) == nil {
		s.info.TxBudget = n
	}
	if s.cfg.Busy {
		s.busyPoll()
	}
}

// busyPoll has the kernel poll the device from our system calls instead of
// from interrupts. The budget is NAPI's own.
func (s *Socket) busyPoll() {
	for _, o := range []struct {
		name          string
		option, value int
	}{
		{"SO_PREFER_BUSY_POLL", unix.SO_PREFER_BUSY_POLL, 1},
		{"SO_BUSY_POLL", unix.SO_BUSY_POLL, 20}, // µs; any value but 0 turns it on
		{"SO_BUSY_POLL_BUDGET", unix.SO_BUSY_POLL_BUDGET, 64},
	} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, o.option, o.value); err != nil {
			s.info.BusyReason = fmt.Sprintf("%s: %v", o.name, err)
			return
		}
	}
	s.info.BusyPoll = true
}

// bind takes the queue, in the first of the allowed modes that works.
func (s *Socket) bind() error {
	s.info.Frames, s.info.FrameSize = s.cfg.Frames, s.cfg.FrameSize
	start := time.Now()
	for {
		err := s.bindOnce()
		if !errors.Is(err, unix.EBUSY) || time.Since(start) >= s.cfg.BindWait {
			return s.explain("bind", err, map[unix.Errno]string{
				unix.EBUSY:      "another AF_XDP program may hold the queue",
				unix.EINVAL:     "the interface may have fewer queues",
				unix.EOPNOTSUPP: "the driver has no zero-copy",
				unix.EPERM:      "needs the capability CAP_NET_RAW",
			})
		}
		time.Sleep(bindPause)
	}
}

func (s *Socket) bindOnce() error {
	addr := unix.SockaddrXDP{Ifindex: uint32(s.link.index), QueueID: uint32(s.cfg.Queue)}
	if s.cfg.Bind == Copy {
		s.info.CopyReason = "configured"
	} else {
		addr.Flags = unix.XDP_USE_NEED_WAKEUP | unix.XDP_ZEROCOPY
		err := unix.Bind(s.fd, &addr)
		if err == nil {
			s.info.ZeroCopy = true
			return nil
		}
		// A taken queue is taken in either mode: wait for it.
		if s.cfg.Bind == ZeroCopy || errors.Is(err, unix.EBUSY) {
			return err
		}
		s.info.CopyReason = "zero-copy bind: " + err.Error()
	}
	addr.Flags = unix.XDP_USE_NEED_WAKEUP | unix.XDP_COPY
	return unix.Bind(s.fd, &addr)
}

// explain is fail with a hint for errno values that an operator can act on. A
// nil error stays nil.
func (s *Socket) explain(op string, err error, hints map[unix.Errno]string) error {
	if err == nil {
		return nil
	}
	e := &OpError{Op: op, Iface: s.link.name, Queue: s.cfg.Queue, Err: err}
	var errno unix.Errno
	if errors.As(err, &errno) {
		e.Hint = hints[errno]
	}
	return e
}

// Close gives the queue and all memory back. Frames that the caller still has
// must not be touched afterwards. A second Close does nothing.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.rx, s.comp = consRing[unix.XDPDesc]{}, consRing[uint64]{}
	s.tx, s.fill = prodRing[unix.XDPDesc]{}, prodRing[uint64]{}
	var errs []error
	// The mapping of a ring holds the socket: while one exists, the queue
	// stays taken.
	for i, m := range s.maps {
		if m != nil {
			errs = append(errs, unix.Munmap(m))
			s.maps[i] = nil
		}
	}
	if s.fd >= 0 {
		errs = append(errs, unix.Close(s.fd))
		s.fd = -1
	}
	if s.event >= 0 {
		errs = append(errs, unix.Close(s.event))
		s.event = -1
	}
	if s.umem != nil {
		errs = append(errs, unix.Munmap(s.umem))
		s.umem = nil
	}
	if err := errors.Join(errs...); err != nil {
		return s.fail("close", err)
	}
	return nil
}
