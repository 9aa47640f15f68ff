// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"xdhcp/internal/nettest"
)

func small(only string) options {
	return options{rounds: 1, time: 150 * time.Millisecond, warmup: 100 * time.Millisecond, only: only,
		ownCore: min(1, runtime.NumCPU()-1)}
}

// Runs every contestant for a moment. How fast one is on a busy machine says
// nothing; that it works does, and that ours sends nothing wrong.
func TestEveryContestantReflects(t *testing.T) {
	nettest.NeedRoot(t)
	for _, c := range contestants {
		t.Run(c.name, func(t *testing.T) {
			o := small("")
			r := measure(c, o)
			// On a machine with other work a moment may be too short for the
			// generator to get a turn at all.
			for r.err == nil && (r.offered == 0 || r.correct == 0) && o.time < 10*time.Second {
				o.time *= 4
				r = measure(c, o)
			}
			if r.err != nil {
				t.Fatal(r.err)
			}
			if r.offered == 0 || r.correct == 0 || r.cpu <= 0 {
				t.Errorf("%+v", r)
			}
			if strings.HasPrefix(c.name, "own") && r.wrong != 0 {
				t.Errorf("%.0f wrong frames a second", r.wrong)
			}
		})
	}
}

func TestTable(t *testing.T) {
	nettest.NeedRoot(t)
	var out bytes.Buffer
	if err := run(&out, small("own rings, poll")); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "reflector: 350-byte frames") ||
		!strings.HasPrefix(lines[1], "contestant ") || !strings.HasPrefix(lines[2], "own rings, poll ") {
		t.Errorf("printed\n%s", out.String())
	}
	out.Reset()
	o := small("net.UDPConn")
	o.ownCore = 900
	if err := run(&out, o); err != nil || !strings.Contains(out.String(), "run on core 900") {
		t.Errorf("with a core that does not exist: %v, printed\n%s", err, out.String())
	}
}

// The checker's own truth: a frame as it should come back, and one mutation a
// row.
func TestChecker(t *testing.T) {
	nettest.NeedRoot(t)
	good := func(number uint32) []byte {
		b := template()
		reflect(b)
		binary.NativeEndian.PutUint32(b[offNumber:], number)
		binary.NativeEndian.PutUint32(b[offEnd:], number)
		return b
	}
	at := func(off int) func([]byte) []byte {
		return func(b []byte) []byte { b[off] ^= 1; return b }
	}
	for i, tc := range []struct {
		name                    string
		mutate                  func([]byte) []byte
		correct, wrong, verdict uint64
	}{
		{"as it should be", func(b []byte) []byte { return b }, 1, 0, xdpDrop},
		{"not reflected", func(b []byte) []byte { reflect(b); return b }, 0, 1, xdpDrop},
		{"destination MAC", at(0), 0, 1, xdpDrop},
		{"destination MAC, end", at(5), 0, 1, xdpDrop},
		{"source MAC", at(6), 0, 1, xdpDrop},
		{"source MAC, end", at(11), 0, 1, xdpDrop},
		{"source address", at(offSrcIP + 3), 0, 1, xdpDrop},
		{"destination address", at(offDstIP), 0, 1, xdpDrop},
		{"source port", at(offPorts), 0, 1, xdpDrop},
		{"destination port", at(offPorts + 3), 0, 1, xdpDrop},
		{"torn", at(offEnd), 0, 1, xdpDrop},
		{"a byte short", func(b []byte) []byte { return b[:frameLen-1] }, 0, 1, xdpDrop},
		{"a byte long", func(b []byte) []byte { return append(b, 0) }, 0, 1, xdpDrop},
		{"no header", func(b []byte) []byte { return b[:offNumber-1] }, 0, 0, xdpPass},
		{"somebody else's", at(offMagic), 0, 0, xdpPass},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, check := loadChecker(t)
			verdict, _, err := check.Test(tc.mutate(good(uint32(i + 1))))
			if err != nil {
				t.Fatal(err)
			}
			if r := l.read(); uint64(verdict) != tc.verdict || r.correct != tc.correct || r.wrong != tc.wrong {
				t.Errorf("verdict %d, %d correct, %d wrong", verdict, r.correct, r.wrong)
			}
		})
	}
	t.Run("the same frame twice", func(t *testing.T) {
		l, check := loadChecker(t)
		for _, n := range []uint32{1, 2, 1, 3} {
			if _, _, err := check.Test(good(n)); err != nil {
				t.Fatal(err)
			}
		}
		if r := l.read(); r.correct != 3 || r.wrong != 1 {
			t.Errorf("%d correct, %d wrong", r.correct, r.wrong)
		}
	})
}

func loadChecker(t *testing.T) (*lab, *ebpf.Program) {
	t.Helper()
	array := func(size uint32) *ebpf.Map {
		m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: size, MaxEntries: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	l := &lab{state: array(8), counts: array(maxCores * coreSize)}
	p, err := checker(l.counts, array(4*seenSize))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return l, p
}

func TestReflectTwiceIsNothing(t *testing.T) {
	b := template()
	reflect(b)
	if bytes.Equal(b, template()) {
		t.Error("reflect does nothing")
	}
	// RFC 1071: a header with a valid checksum sums up to all ones.
	sum := uint32(0)
	for pair := range slices.Chunk(b[14:34], 2) {
		sum += uint32(binary.BigEndian.Uint16(pair))
	}
	if sum&0xffff+sum>>16 != 0xffff {
		t.Errorf("checksum of the reflected IP header: sum %#x", sum)
	}
	reflect(b)
	if !bytes.Equal(b, template()) {
		t.Error("reflect does not undo itself")
	}
	if n := testing.AllocsPerRun(100, func() { reflect(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
