// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"slices"
	"sync/atomic"

	"xdhcp/engine/lease"
)

// layers are the places that an option can come from, the strongest first.
type layers [layerCount][]Option

const (
	layerReservation = iota
	layerClass
	layerPool
	layerSubnet
	layerNetwork
	layerGlobal
	layerMask // what follows from the prefix without being configured
	layerCount
)

// maskOption is the subnet's mask as option 1: Build adds it where it is not
// configured, since a client without it guesses from the address class.
func maskOption(mask lease.IP4) []Option {
	return []Option{{Code: optSubnetMask, Data: binary.BigEndian.AppendUint32(nil, uint32(mask))}}
}

// ownCodes are the options that the server fills in by itself.
var ownCodes = []uint8{optPad, 50, 51, 52, 53, 54, 55, 57, 58, 59, 61, 82, optEnd}

func (b *builder) checkOptions(where string, opts []Option) {
	var seen bitmap
	for _, o := range opts {
		switch {
		case slices.Contains(ownCodes, o.Code):
			b.fail("%s: option %d is filled in by the server itself", where, o.Code)
		case seen.has(o.Code):
			b.fail("%s: option %d is there twice", where, o.Code)
		case len(o.Data) > maxValue:
			b.fail("%s: option %d has %d bytes", where, o.Code, len(o.Data))
		}
		seen.add(o.Code)
	}
}

// maxValue is more than fits in any DHCP message.
const maxValue = 1 << 16

// compile merges layers into a set.
func (b *builder) compile(from *layers) *OptionSet {
	o := merge(from)
	kept := *from
	o.from = &kept
	o.variants = make([]atomic.Pointer[OptionSet], len(b.p.classes))
	return o
}

func merge(from *layers) *OptionSet {
	var win [256]*Option
	for i := layerCount - 1; i >= 0; i-- {
		for j := range from[i] {
			opt := &from[i][j]
			win[opt.Code] = opt
		}
	}
	o := &OptionSet{}
	if win[optRoutes] != nil && win[optMSRoutes] == nil {
		// [MS-DHCPE] §2.2.8: 249 has the format of 121.
		win[optMSRoutes] = &Option{Code: optMSRoutes, Data: win[optRoutes].Data}
		o.onAsk.add(optMSRoutes)
	}
	for code, opt := range win {
		if opt == nil {
			continue
		}
		c := uint8(code)
		o.have.add(c)
		switch c {
		case optSubnetMask, optRouters, optDNS, optDomainName:
			o.always.add(c)
		case optV6OnlyPreferred, optAutoConfigure:
			o.onAsk.add(c)
		}
		if opt.Always {
			o.always.add(c)
			o.onAsk.del(c)
		}
		o.encode(c, opt.Data)
	}
	o.blocks = slices.Clip(o.blocks)
	o.ends = slices.Clip(o.ends)
	return o
}

// encode appends one option; RFC 3396 §5 splits what is longer than 255 bytes.
func (o *OptionSet) encode(code uint8, data []byte) {
	if len(data) > 255 {
		start := uint32(len(o.values))
		o.values = append(o.values, data...)
		o.long = append(o.long, span{code, start, uint32(len(o.values))})
	}
	for rest := data; ; {
		n := min(len(rest), 255)
		o.blocks = append(o.blocks, code, uint8(n))
		o.blocks = append(o.blocks, rest[:n]...)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	o.ends = append(o.ends, uint32(len(o.blocks)))
}

// A class group is all classes with one vendor class identifier: what a client
// with that option 60 is sent.
type classes map[string]classGroup

type classGroup struct {
	index   int
	options []Option
}

func (b *builder) addClasses() {
	for i := range b.spec.Classes {
		c := &b.spec.Classes[i]
		if len(c.VendorClass) == 0 {
			b.fail("class %s: the vendor class is empty", c.Name)
			continue
		}
		b.checkOptions("class "+c.Name, c.Options)
		if b.p.classes == nil {
			b.p.classes = classes{}
		}
		g, known := b.p.classes[string(c.VendorClass)]
		if !known {
			g.index = len(b.p.classes)
		}
		for _, o := range c.Options {
			first := !slices.ContainsFunc(g.options, func(have Option) bool { return have.Code == o.Code })
			if first {
				g.options = append(g.options, o)
			}
		}
		b.p.classes[string(c.VendorClass)] = g
	}
}

// ForClass is the set o for a client with this vendor class identifier
// (option 60): the options of its classes lie over those of the pool and under
// those of a reservation.
func (p *Policy) ForClass(o *OptionSet, vendorClass []byte) *OptionSet {
	if len(p.classes) == 0 || len(vendorClass) == 0 || o == nil || len(o.variants) == 0 {
		return o
	}
	g, ok := p.classes[string(vendorClass)]
	if !ok {
		return o
	}
	slot := &o.variants[g.index]
	if v := slot.Load(); v != nil {
		return v
	}
	from := *o.from
	from[layerClass] = g.options
	// Two workers may get here at once: the first to store wins, so that a set
	// has one address for as long as the policy lives.
	slot.CompareAndSwap(nil, merge(&from))
	return slot.Load()
}
