// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"testing"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
)

// FuzzSocket lets a script of bytes decide what the worker and the kernel do,
// in which order and by how much. Whatever they do, a frame's packet is what
// was put into it, every frame stays in one place and all come home.
func FuzzSocket(f *testing.F) {
	f.Add([]byte{0x03, 0x13, 0x21, 0x32, 0x40, 0x53})
	f.Add([]byte{0x7f, 0x22, 0x7f, 0x03, 0x13, 0x24, 0x41, 0x52, 0x7f, 0x31, 0x53})
	f.Add([]byte{0x08, 0x18, 0x28, 0x44, 0x08, 0x54, 0x18, 0x38, 0x41, 0x57, 0x61})
	f.Fuzz(func(t *testing.T, script []byte) {
		const reserve = 3
		s, k := heapSocketWith(Config{Reserve: reserve})
		var (
			held   []frame.Frame  // with the worker
			driver []unix.XDPDesc // transmitted and not yet completed
			packed = map[uint64]int{}
			number int
			errno  unix.Errno
		)
		k.onSend = func() unix.Errno {
			driver = append(driver, k.tx.kernelTake(2)...)
			return errno
		}
		for _, b := range script {
			n := int(b & 0x0f)
			switch b >> 4 & 7 {
			case 0: // packets arrive
				for range n {
					number++
					if at := k.fill.cons.Load(); k.receive(packet(number)) {
						packed[k.fill.slots[int(at)%len(k.fill.slots)]] = number
					}
				}
			case 1:
				fs := make([]frame.Frame, n)
				got := s.Recv(fs)
				for _, fr := range fs[:got] {
					if want := packed[s.base(fr.Addr)]; string(fr.Data) != string(packet(want)) {
						t.Fatalf("received %q, want number %d", fr.Data, want)
					}
				}
				held = append(held, fs[:got]...)
			case 2:
				n = min(n, len(held))
				if got := s.Send(held[:n]); got != n {
					t.Fatalf("Send took %d of %d", got, n)
				}
				held = held[n:]
			case 3: // in another order than they came
				n = min(n, len(held))
				s.Free(held[len(held)-n:])
				held = held[:len(held)-n]
			case 4:
				errno = [...]unix.Errno{0, unix.EAGAIN, unix.EBUSY, unix.ENOBUFS}[n%4]
				if err := s.Flush(); err != nil {
					t.Fatal(err)
				}
			case 5: // the driver completes, oldest or newest first
				for range min(n, len(driver)) {
					i := 0
					if n%2 == 1 {
						i = len(driver) - 1
					}
					k.complete(driver[i])
					driver = append(driver[:i], driver[i+1:]...)
				}
			case 6:
				k.fill.flags.Store(uint32(n & 1))
			case 7:
				if n > 7 {
					fs := make([]frame.Frame, n-7)
					got := s.Alloc(fs)
					for i := range fs[:got] {
						number++
						fs[i].Data = append(fs[i].Data, packet(number)...)
					}
					held = append(held, fs[:got]...)
					break
				}
				if err := s.Wait(0); err != nil {
					t.Fatal(err)
				}
			}
			// A census of all places.
			census := map[uint64]string{}
			count := func(where string, addr uint64) {
				if other, twice := census[s.base(addr)]; twice {
					t.Fatalf("frame %#x is %s and %s", s.base(addr), other, where)
				}
				census[s.base(addr)] = where
			}
			eachSlot(k.fill, func(a uint64) { count("on fill", a) })
			for _, a := range s.reserve {
				count("in the reserve", a)
			}
			eachSlot(k.comp, func(a uint64) { count("on completion", a) })
			eachSlot(k.rx, func(d unix.XDPDesc) { count("on rx", d.Addr) })
			eachSlot(k.tx, func(d unix.XDPDesc) { count("on tx", d.Addr) })
			for _, d := range driver {
				count("with the driver", d.Addr)
			}
			for _, fr := range held {
				count("with the worker", fr.Addr)
			}
			if len(census) != s.frames {
				t.Fatalf("%d of %d frames are somewhere", len(census), s.frames)
			}
			if st := s.Stats(); st.Held != uint64(len(held)) || st.Bad != 0 || st.Refused != 0 {
				t.Fatalf("the worker has %d frames, counted %+v", len(held), st)
			}
		}
		// Everybody gives back what he has.
		s.Free(held)
		rest := make([]frame.Frame, len(k.rx.slots))
		s.Free(rest[:s.Recv(rest)])
		errno = 0
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, d := range driver {
			k.complete(d)
		}
		checkHome(t, s, k)
	})
}

// eachSlot looks at what a ring holds.
func eachSlot[T slot](r *heapRing[T], f func(T)) {
	for i := r.cons.Load(); i != r.prod.Load(); i++ {
		f(r.slots[int(i)%len(r.slots)])
	}
}
