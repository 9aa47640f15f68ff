// SPDX-License-Identifier: Apache-2.0

package load

import (
	"slices"
	"time"

	"xdhcp/engine/frame"
)

// memory is a transport with a server in it, all in one goroutine: what is
// sent is answered at once and lies there to be received. Frames are used
// again, so that steady state allocates nothing.
type memory struct {
	info    TransportInfo
	server  func(f *frame.Frame) bool // turns a request into its answer, or loses it
	spare   [][]byte
	arrived []frame.Frame
	seen    func(request []byte)
	sent    int
	closed  bool
	now     time.Time // virtual
	onWait  func()
	naps    int // sleeps that nothing received has ended
}

// virtual puts a generator on a memory transport into a time of its own, which
// goes on by what the generator sleeps, and a little with every look at it.
func virtual(g *Generator) *memory {
	m := g.t.(*memory)
	m.now = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g.clock = func() time.Time {
		m.now = m.now.Add(time.Microsecond)
		return m.now
	}
	g.nap = func(d time.Duration) {
		m.naps++
		_ = m.Wait(d)
	}
	return m
}

const memoryFrames = 512

func newMemory(server func(*frame.Frame) bool) *memory {
	m := &memory{server: server, info: TransportInfo{MAC: MAC{2, 1, 1, 1, 1, 1}, How: "memory"}}
	for range memoryFrames {
		m.spare = append(m.spare, make([]byte, 1792))
	}
	m.arrived = make([]frame.Frame, 0, memoryFrames)
	return m
}

func (m *memory) Alloc(fs []frame.Frame) int {
	n := min(len(fs), len(m.spare))
	for i := range fs[:n] {
		last := len(m.spare) - 1
		fs[i] = frame.Frame{Data: m.spare[last][:0]}
		m.spare = m.spare[:last]
	}
	return n
}

func (m *memory) Recv(fs []frame.Frame) int {
	n := copy(fs, m.arrived)
	m.arrived = slices.Delete(m.arrived, 0, n)
	return n
}

func (m *memory) Send(fs []frame.Frame) int {
	for i := range fs {
		m.sent++
		if m.seen != nil {
			m.seen(fs[i].Data)
		}
		if m.server(&fs[i]) {
			m.arrived = append(m.arrived, fs[i])
		} else {
			m.Free(fs[i : i+1])
		}
	}
	return len(fs)
}

func (m *memory) Free(fs []frame.Frame) {
	for i := range fs {
		m.spare = append(m.spare, fs[i].Data[:0])
	}
}

func (m *memory) Flush() error { return nil }
func (m *memory) Wait(d time.Duration) error {
	m.now = m.now.Add(d)
	if m.onWait != nil {
		m.onWait()
	}
	return nil
}

// keep puts a frame that the transport takes back into a list of one's own.
func (m *memory) keep(list *[]frame.Frame, f *frame.Frame) {
	*list = append(*list, frame.Frame{Data: append(make([]byte, 0, cap(f.Data)), f.Data...)})
}

func (m *memory) Info() TransportInfo { return m.info }
func (m *memory) Close() error        { m.closed = true; return nil }
