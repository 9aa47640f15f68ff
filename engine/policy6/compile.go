// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"cmp"
	"encoding/binary"
	"slices"

	"xdhcp/engine/policy"
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
	layerDefault // what is sent without being configured
	layerCount
)

// irtDefault is how long a client uses what an Information-request brought if it
// is not told (RFC 8415 §7.6).
const (
	irtDefault = 86400
	irtMinimum = 600
)

// defaultOptions: RFC 8415 §21.23, "A server sending a Reply to an
// Information-request message SHOULD include this option if it is requested".
var defaultOptions = []Option{{Code: optRefreshTime, Data: binary.BigEndian.AppendUint32(nil, irtDefault)}}

// ownCode says whether the server fills an option in by itself, or no server
// sends it.
func ownCode(code uint16) bool {
	switch {
	case code <= 9, code == 11, code >= 13 && code <= 16, code >= 18 && code <= 20,
		code == 25, code == 26, code == 39, code == optPDExclude:
		return true
	}
	return false
}

// An optionKey tells options apart: those of vendors by their enterprise.
type optionKey struct {
	code       uint16
	enterprise uint32
}

func (o *Option) key() optionKey {
	if o.Code == optVendorOpts && len(o.Data) >= 4 {
		return optionKey{o.Code, binary.BigEndian.Uint32(o.Data)}
	}
	return optionKey{o.Code, 0}
}

func (b *builder) checkOptions(where string, opts []Option) {
	type classed struct {
		optionKey
		class string
	}
	seen := map[classed]bool{}
	for i := range opts {
		o := &opts[i]
		k := classed{o.key(), o.Class}
		if o.Class != "" && !seen[classed{class: o.Class}] {
			b.classNumber(where, o.Class)
			seen[classed{class: o.Class}] = true
		}
		switch {
		case ownCode(o.Code):
			b.fail("%s: option %d is filled in by the server itself", where, o.Code)
		case seen[k]:
			b.fail("%s: option %d is there twice", where, o.Code)
		case len(o.Data) > maxValue:
			b.fail("%s: option %d has %d bytes", where, o.Code, len(o.Data))
		case o.Never && len(o.Data) > 0:
			b.fail("%s: option %d is never sent and has a value", where, o.Code)
		case o.Never:
		case o.Code == optVendorOpts && len(o.Data) < 4:
			b.fail("%s: option %d has no enterprise number", where, o.Code)
		}
		seen[k] = true
		b.checkTime(where, o)
	}
}

// checkTime refuses times that a client must not take as they are (RFC 8415
// §21.23 to §21.25).
func (b *builder) checkTime(where string, o *Option) {
	least, most := uint32(60), uint32(86400)
	switch {
	case o.Never:
		return
	case o.Code == optSolMaxRT, o.Code == optInfMaxRT:
	case o.Code == optRefreshTime:
		least, most = irtMinimum, 1<<32-1
	default:
		return
	}
	if len(o.Data) != 4 {
		b.fail("%s: option %d has %d bytes instead of 4", where, o.Code, len(o.Data))
		return
	}
	if v := binary.BigEndian.Uint32(o.Data); v < least || v > most {
		b.fail("%s: option %d is %d, not between %d and %d", where, o.Code, v, least, most)
	}
}

// maxValue is more than fits in any DHCP message.
const maxValue = 1<<16 - 1

// compile merges layers into a set for clients that are in no class.
func (b *builder) compile(from *layers) *OptionSet {
	o := b.p.merge(from, &policy.ClassSet{})
	kept := *from
	o.from = &kept
	if c := b.p.classes; c != nil {
		o.classes = c.options
		for _, layer := range from {
			for i := range layer {
				if n, ok := c.Class(layer[i].Class); ok {
					o.classes.Add(n)
				}
			}
		}
	}
	b.sets++
	o.id = uint32(b.sets)
	return o
}

// merge makes the set for clients that are in the classes in. What is stronger is
// written over what is weaker, at each place first what it has for everybody, then
// what for these classes, of which the first in the list is the strongest
// ([MS-DHCPE] §1.4: "reservation with matching ClassName, with no ClassName, scope
// with …, with no …, server with …, with no …").
func (p *Policy) merge(from *layers, in *policy.ClassSet) *OptionSet {
	win := map[optionKey]*Option{}
	var classes []int // the client's, first to last
	for i := in.First(0); i >= 0; i = in.First(i + 1) {
		classes = append(classes, i)
	}
	var never []uint16
	put := func(opts []Option, class int) {
		for j := range opts {
			o := &opts[j]
			if n, ok := p.classes.number(o.Class); class < 0 && o.Class != "" || class >= 0 && (!ok || n != class) {
				continue
			}
			if o.Never {
				never = append(never, o.Code)
				continue
			}
			win[o.key()] = o
		}
	}
	for i := layerCount - 1; i >= 0; i-- {
		if i == layerClass {
			for _, c := range slices.Backward(classes) {
				put(p.classes.rules[c].options, -1)
			}
			continue
		}
		put(from[i], -1)
		for _, c := range slices.Backward(classes) {
			put(from[i], c)
		}
	}
	keys := make([]optionKey, 0, len(win))
	for k := range win {
		if !slices.Contains(never, k.code) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y optionKey) int {
		return cmp.Or(cmp.Compare(x.code, y.code), cmp.Compare(x.enterprise, y.enterprise))
	})
	o := &OptionSet{}
	for _, k := range keys {
		opt := win[k]
		start := uint32(len(o.blocks))
		o.blocks = binary.BigEndian.AppendUint16(o.blocks, k.code)
		o.blocks = binary.BigEndian.AppendUint16(o.blocks, uint16(len(opt.Data)))
		o.blocks = append(o.blocks, opt.Data...)
		o.items = append(o.items, item{k.code, opt.Always, start, uint32(len(o.blocks))})
		o.have.add(k.code)
		if opt.Always {
			o.always.add(k.code)
		}
	}
	o.items, o.blocks = slices.Clip(o.items), slices.Clip(o.blocks)
	return o
}
