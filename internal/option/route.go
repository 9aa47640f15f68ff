// SPDX-License-Identifier: Apache-2.0

package option

import (
	"net/netip"
	"strings"
)

// putRoute puts one route of options 121 and 249: the destination's width, its
// significant octets only, the router (RFC 3442). A router of 0.0.0.0 means
// that the destination is on the link. It takes {to: prefix, via: address} or
// one string, "prefix via address".
func putRoute(out []byte, v any) ([]byte, *Error) {
	var to, via any
	var toStep, viaStep any
	switch v := v.(type) {
	case string:
		words := strings.Fields(v)
		switch {
		case len(words) == 3 && words[1] == "via":
			to, via = words[0], words[2]
		case len(words) == 2:
			to, via = words[0], words[1]
		default:
			return nil, wrong(`%s is not a route: write "10.0.0.0/8 via 10.0.0.1" or {to: 10.0.0.0/8, via: 10.0.0.1}`, show(v))
		}
	case []any:
		if len(v) != 2 {
			return nil, wrong("a route has two parts: to, via")
		}
		to, via, toStep, viaStep = v[0], v[1], 0, 1
	case Map:
		for _, en := range v {
			switch en.Key {
			case "to":
				to, toStep = en.Value, en.Key
			case "via":
				via, viaStep = en.Value, en.Key
			default:
				err := wrong("a route has no part %q: they are to, via", en.Key)
				err.Hint = Nearest(en.Key, []string{"to", "via"})
				err.Key = true
				return nil, err.at(en.Key)
			}
		}
	default:
		return nil, wrong(`%s is not a route: write "10.0.0.0/8 via 10.0.0.1" or {to: 10.0.0.0/8, via: 10.0.0.1}`, show(v))
	}
	if to == nil || via == nil {
		return nil, wrong("a route has two parts: to, via")
	}
	out, err := putRouteTo(out, to)
	if err != nil {
		return nil, err.atStep(toStep)
	}
	s, err := toText(via)
	if err != nil {
		return nil, err.atStep(viaStep)
	}
	a, err := parseIPv4(s)
	if err != nil {
		return nil, err.atStep(viaStep)
	}
	return append(out, a.AsSlice()...), nil
}

func (e *Error) atStep(step any) *Error {
	if step == nil {
		return e
	}
	return e.at(step)
}

func putRouteTo(out []byte, v any) ([]byte, *Error) {
	s, err := toText(v)
	if err != nil {
		return nil, err
	}
	if s == "default" {
		return append(out, 0), nil
	}
	p, perr := netip.ParsePrefix(s)
	if perr != nil {
		a, aerr := netip.ParseAddr(s)
		if aerr != nil || !a.Is4() {
			return nil, wrong("%s is not an IPv4 prefix such as 10.0.0.0/8", show(s))
		}
		e := wrong("%s has no length", s)
		e.Hint = s + "/32"
		return nil, e
	}
	if !p.Addr().Is4() {
		return nil, wrong("%s is an IPv6 prefix; an IPv4 prefix is wanted", s)
	}
	if p != p.Masked() {
		e := wrong("%s has bits set after its length", s)
		e.Hint = p.Masked().String()
		return nil, e
	}
	out = append(out, byte(p.Bits()))
	return append(out, p.Addr().AsSlice()[:(p.Bits()+7)/8]...), nil
}
