// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/binary"
	"slices"

	"xdhcp/engine/lease"
)

// layers are the places that an option can come from.
type layers [layerCount][]Option

const (
	layerReservation = iota
	layerClass
	layerPool
	layerSubnet
	layerNetwork
	layerGlobal
	layerMask // what follows from the prefix without being configured: the weakest
	layerCount
)

// An OptionPlace is a place of options that a configuration can put in order.
type OptionPlace uint8

const (
	PlaceReservation OptionPlace = layerReservation
	PlaceClass       OptionPlace = layerClass
	PlacePool        OptionPlace = layerPool
	PlaceSubnet      OptionPlace = layerSubnet
	PlaceNetwork     OptionPlace = layerNetwork
	PlaceGlobal      OptionPlace = layerGlobal
)

// DefaultOptionOrder goes from what is said of one client to what is said of all.
// Kea has the class behind the shared network.
var DefaultOptionOrder = []OptionPlace{PlaceReservation, PlaceClass, PlacePool, PlaceSubnet, PlaceNetwork, PlaceGlobal}

// addOrder takes over the order of the places.
func (b *builder) addOrder() {
	order := b.spec.OptionOrder
	if order == nil {
		order = DefaultOptionOrder
	}
	seen := 0
	for i, p := range order {
		if p > PlaceGlobal || slices.Contains(order[:i], p) {
			b.fail("the order of options: place %d is not known, or there twice", p)
			return
		}
		b.p.order[i] = uint8(p)
		seen++
	}
	if seen != layerMask {
		b.fail("the order of options has %d places, not %d", seen, layerMask)
	}
	b.p.order[layerMask] = layerMask
}

// maskOption is the subnet's mask as option 1: Build adds it where it is not
// configured, since a client without it guesses from the address class.
func maskOption(mask lease.IP4) []Option {
	return []Option{{Code: optSubnetMask, Data: binary.BigEndian.AppendUint32(nil, uint32(mask))}}
}

// ownCodes are the options that the server fills in by itself.
var ownCodes = []uint8{optPad, 50, 51, 52, 53, 54, 55, 57, 58, 59, 61, 82, optEnd}

func (b *builder) checkOptions(where string, opts []Option) {
	seen := map[string]*bitmap{} // by class
	for _, o := range opts {
		if seen[o.Class] == nil {
			seen[o.Class] = &bitmap{}
			if o.Class != "" {
				b.classNumber(where, o.Class)
			}
		}
		switch {
		case slices.Contains(ownCodes, o.Code):
			b.fail("%s: option %d is filled in by the server itself", where, o.Code)
		case seen[o.Class].has(o.Code):
			b.fail("%s: option %d is there twice", where, o.Code)
		case o.Never && len(o.Data) > 0:
			b.fail("%s: option %d is never sent and has a value", where, o.Code)
		case len(o.Data) > maxValue:
			b.fail("%s: option %d has %d bytes", where, o.Code, len(o.Data))
		}
		seen[o.Class].add(o.Code)
	}
}

// maxValue is more than fits in any DHCP message.
const maxValue = 1 << 16

// compile merges layers into a set for clients that are in no class.
func (b *builder) compile(from *layers) *OptionSet {
	o := b.p.merge(from, &ClassSet{})
	kept := *from
	o.from = &kept
	var classes ClassSet
	if c := b.p.classes; c != nil {
		classes = c.options
		for _, layer := range from {
			for _, opt := range layer {
				if i, ok := c.names[opt.Class]; ok {
					classes.Add(i)
				}
			}
		}
	}
	o.classes = b.shared(classes)
	for i, w := range classes {
		if w != 0 {
			o.words = uint8(i + 1)
		}
	}
	b.sets++
	o.id = uint32(b.sets)
	return o
}

// merge makes the set for clients that are in the classes in. What is stronger
// is written over what is weaker: first the places as they are, then what they
// have for these classes, among which the first in the list is the strongest.
func (p *Policy) merge(from *layers, in *ClassSet) *OptionSet {
	var win [256]*Option
	var never bitmap
	take := func(opt *Option) {
		if opt.Never {
			never.add(opt.Code)
			return
		}
		win[opt.Code] = opt
	}
	put := func(opts []Option) {
		for j := range opts {
			if opts[j].Class == "" {
				take(&opts[j])
			}
		}
	}
	var classes []int // the client's, first to last
	for i := in.First(0); i >= 0; i = in.First(i + 1) {
		classes = append(classes, i)
	}
	putFor := func(opts []Option) {
		for _, c := range slices.Backward(classes) {
			for j := range opts {
				if opt := &opts[j]; opt.Class != "" && p.classes.names[opt.Class] == c {
					take(opt)
				}
			}
		}
	}
	for _, i := range slices.Backward(p.order[:]) {
		if i == layerClass {
			for _, c := range slices.Backward(classes) {
				put(p.classes.rules[c].options)
			}
			continue
		}
		put(from[i])
		if p.inPlace {
			putFor(from[i])
		}
	}
	for _, i := range slices.Backward(p.order[:]) {
		if !p.inPlace {
			putFor(from[i])
		}
	}
	for code := range win {
		if never.has(uint8(code)) {
			win[code] = nil
		}
	}
	o := &OptionSet{classes: &noClasses}
	if win[optRoutes] != nil && win[optMSRoutes] == nil && !never.has(optMSRoutes) {
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
		if p.basicsOnly && !o.always.has(c) {
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
