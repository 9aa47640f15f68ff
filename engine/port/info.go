// SPDX-License-Identifier: Apache-2.0

package port

import (
	"xdhcp/bpf"
	"xdhcp/engine/worker"
	"xdhcp/engine/xsk"
)

// State is what a port is doing.
type State string

const (
	Absent  State = "absent"  // there is no such interface
	Down    State = "down"    // the interface is there but not served
	Serving State = "serving" // packets are answered
)

// Info is what an operator sees of a port.
type Info struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Mode  string `json:"mode"` // native, generic, off
	// Why says why the mode is not a better one or the port does not serve.
	Why    string      `json:"why,omitempty"`
	Queues []QueueInfo `json:"queues,omitempty"`
	// Steering counts what the XDP program did with the interface's frames.
	Steering map[string]uint64 `json:"steering,omitempty"`
}

// QueueInfo is one receive queue and its socket.
type QueueInfo struct {
	ID       int    `json:"id"`
	ZeroCopy bool   `json:"zero_copy"`
	Why      string `json:"why,omitempty"` // why not zero-copy
	// Rings counts what the socket and the kernel saw.
	Rings xsk.Stats `json:"rings"`
}

// Info tells the port's state now. Any goroutine may ask.
func (p *Port) Info() Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	info := p.info
	if p.live == nil {
		return info
	}
	for _, q := range p.live.queues {
		zc, why := q.socket.ZeroCopy()
		info.Queues = append(info.Queues, QueueInfo{ID: q.id, ZeroCopy: zc, Why: why, Rings: q.socket.Stats()})
	}
	if p.live.program != nil {
		// Unreadable counters are no reason to withhold the rest.
		if counts, err := p.live.program.Counters(); err == nil {
			info.Steering = make(map[string]uint64, len(counts))
			for c, n := range counts {
				info.Steering[bpf.Counter(c).String()] = n
			}
		}
	}
	return info
}

// Counters are the sum over all workers of the port so far.
func (p *Port) Counters() *worker.Counters {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := new(worker.Counters)
	sum.Merge(&p.past)
	if p.live != nil {
		for _, q := range p.live.queues {
			sum.Merge(&q.worker.Counters)
		}
	}
	return sum
}
