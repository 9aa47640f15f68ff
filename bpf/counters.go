// SPDX-License-Identifier: Apache-2.0

package bpf

import "fmt"

// Counter names what the program counts: what became of a frame. Each frame
// that reaches the interface moves exactly one counter.
type Counter = dhcpCounter

const (
	Steered4  = dhcpCounterSteered4
	Steered6  = dhcpCounterSteered6
	NoSocket  = dhcpCounterNoSocket
	NotDHCP   = dhcpCounterNotDhcp
	NotOurs   = dhcpCounterNotOurs
	Truncated = dhcpCounterTruncated
	BadHeader = dhcpCounterBadHeader
	ExtraTags = dhcpCounterExtraTags
	IPOptions = dhcpCounterIpOptions
	Fragment  = dhcpCounterFragment
	ExtHeader = dhcpCounterExtHeader
	TooLong   = dhcpCounterTooLong
	V4Off     = dhcpCounterV4Off
	V6Off     = dhcpCounterV6Off
	VLANOff   = dhcpCounterVlanOff
	Garbage   = dhcpCounterGarbage

	// NumCounters is how many there are.
	NumCounters = dhcpCounterCountersLen
)

// counterText has the name and the sentence of each Counter.
var counterText = [NumCounters][2]string{
	Steered4:  {"steered4", "DHCPv4 for us, handed to a socket"},
	Steered6:  {"steered6", "DHCPv6 for us, handed to a socket"},
	NoSocket:  {"no-socket", "DHCP for us on a queue that has no socket; left to the kernel"},
	NotDHCP:   {"not-dhcp", "other protocols and ports; left to the kernel"},
	NotOurs:   {"not-ours", "DHCP to an address that is not ours; left to the kernel"},
	Truncated: {"truncated", "ends within a header; left to the kernel"},
	BadHeader: {"bad-header", "impossible IP version or header length; left to the kernel"},
	ExtraTags: {"extra-tags", "more than two VLAN tags; left to the kernel"},
	IPOptions: {"ip-options", "IPv4 UDP with header options to us; left to the kernel"},
	Fragment:  {"fragment", "fragment of IPv4 UDP to us; left to the kernel"},
	ExtHeader: {"ext-header", "IPv6 with an extension header to us; left to the kernel"},
	TooLong:   {"too-long", "DHCP for us that is longer than a frame of the ring; left to the kernel"},
	V4Off:     {"v4-off", "DHCPv4 for us while its steering is off; left to the kernel"},
	V6Off:     {"v6-off", "DHCPv6 for us while its steering is off; left to the kernel"},
	VLANOff:   {"vlan-off", "DHCP for us with a VLAN tag while steering of tagged frames is off; left to the kernel"},
	Garbage:   {"garbage", "to our port and address, and no DHCP message begins there; dropped"},
}

// String names the counter as status and metrics do.
func (c dhcpCounter) String() string {
	if c >= NumCounters {
		return fmt.Sprintf("counter(%d)", uint32(c))
	}
	return counterText[c][0]
}

// Sentence explains the counter.
func (c dhcpCounter) Sentence() string {
	if c >= NumCounters {
		return "unknown"
	}
	return counterText[c][1]
}

// Counters holds the value of each Counter, summed over the CPUs.
type Counters [NumCounters]uint64

// Counters reads the counters. They start at zero with Load.
func (p *Program) Counters() (Counters, error) {
	var total Counters
	var perCPU []uint64
	for c := range NumCounters {
		if err := p.objs.Counters.Lookup(c, &perCPU); err != nil {
			return Counters{}, fmt.Errorf("bpf: read counter %v: %w", c, err)
		}
		for _, n := range perCPU {
			total[c] += n
		}
	}
	return total, nil
}
