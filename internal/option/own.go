// SPDX-License-Identifier: Apache-2.0

package option

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Definition is an option of one's own as a configuration writes it.
type Definition struct {
	Name  string
	Code  int
	Type  string // may be empty where Encapsulates is not
	Array bool
	// Space is where it is: dhcp4 (also when empty), dhcp6, vendor-N (an enterprise's in
	// DHCPv6's 17), dhcp4-vendor-N (in DHCPv4's 125), vendor-specific (in DHCPv4's 43), or a
	// name that an option encapsulates.
	Space string
	// Encapsulates names the space of its sub-options, which come behind its value.
	Encapsulates string
}

// VendorSpecific is the name of the space of option 43, whose sub-options are every
// vendor's: names of one's own there mean nothing to those who read a message.
const VendorSpecific = "vendor-specific"

const ownSpace = ".own."

// A DefinitionError says which key of a Definition is wrong.
type DefinitionError struct {
	Key  string // name, code, type, array, space or encapsulates
	Msg  string
	Hint string // what was probably meant, or empty
}

func (e *DefinitionError) Error() string { return e.Msg }

// DefineAll adds definitions, which may be in spaces that others of them encapsulate,
// in any order. The errors are those of the definitions in their places; nil: it was
// added.
func (r *Registry) DefineAll(defs []Definition) []error {
	errs := make([]error, len(defs))
	fail := func(i int, key, format string, args ...any) {
		errs[i] = &DefinitionError{Key: key, Msg: fmt.Sprintf(format, args...)}
	}
	// Whose options have a space says how wide its codes are; it may have both.
	reached := map[string][]Space{VendorSpecific: {DHCP4 + ownSpace + VendorSpecific}}
	spaces := func(i int) []Space {
		if s, ok := fixedSpace(defs[i].Space); ok {
			return []Space{s}
		}
		return reached[defs[i].Space]
	}
	for more := true; more; {
		more = false
		for i := range defs {
			to := defs[i].Encapsulates
			if to == "" {
				continue
			}
			for _, s := range spaces(i) {
				if own := s.protocol() + ownSpace + Space(to); !slices.Contains(reached[to], own) {
					reached[to] = append(reached[to], own)
					more = true
				}
			}
		}
	}
	var filled []string // spaces that have options
	named := []string{"dhcp4", "dhcp6", VendorSpecific}
	for i := range defs {
		if _, fixed := fixedSpace(defs[i].Space); !fixed {
			filled = append(filled, defs[i].Space)
		}
		if defs[i].Encapsulates != "" {
			named = append(named, defs[i].Encapsulates)
		}
	}
	for i := range defs {
		d := &defs[i]
		_, fixed := fixedSpace(d.Space)
		if d.Encapsulates != "" {
			if _, known := fixedSpace(d.Encapsulates); known || d.Encapsulates == VendorSpecific || !isName(d.Encapsulates) {
				fail(i, "encapsulates", "%q is not the name of a space of one's own", d.Encapsulates)
				continue
			}
			if !slices.Contains(filled, d.Encapsulates) {
				errs[i] = &DefinitionError{"encapsulates", "no option is defined in the space " + d.Encapsulates, Nearest(d.Encapsulates, filled)}
				continue
			}
		}
		if !fixed && len(spaces(i)) == 0 {
			fail(i, "space", "%q is not dhcp4, dhcp6, vendor-NUMBER, dhcp4-vendor-NUMBER, vendor-specific or what a definition encapsulates", d.Space)
			errs[i].(*DefinitionError).Hint = Nearest(d.Space, named)
			continue
		}
		for _, s := range spaces(i) {
			typ, err := d.layout(s)
			if err == nil {
				_, err = r.Define(s, d.Name, d.Code, typ, d.Array)
			}
			if err != nil {
				errs[i] = err
				break
			}
		}
	}
	return errs
}

// layout is the type with the sub-options behind it.
func (d *Definition) layout(s Space) (string, error) {
	if d.Encapsulates == "" {
		return d.Type, nil
	}
	if d.Array {
		return "", &DefinitionError{Key: "array", Msg: "an option with sub-options cannot be an array"}
	}
	kind := "tlv8"
	if s.v6() {
		kind = "tlv16"
	}
	sub := fmt.Sprintf("%s(%s%s%s)", kind, s.protocol(), ownSpace, d.Encapsulates)
	switch {
	case d.Type == "" || d.Type == "empty":
		return sub, nil
	case strings.HasSuffix(d.Type, "[]"):
		return "", &DefinitionError{Key: "type", Msg: "a list cannot have sub-options behind it"}
	case strings.HasPrefix(d.Type, "rec(") && strings.HasSuffix(d.Type, ")"):
		return strings.TrimSuffix(d.Type, ")") + ", " + sub + " options)", nil
	}
	return "rec(" + d.Type + " value, " + sub + " options)", nil
}

// fixedSpace is the Space of those names that are always there.
func fixedSpace(name string) (Space, bool) {
	switch name {
	case "", "dhcp4":
		return DHCP4, true
	case "dhcp6":
		return DHCP6, true
	}
	text, v4 := strings.CutPrefix(name, "dhcp4-")
	if text, ok := strings.CutPrefix(text, "vendor-"); ok {
		if id, err := strconv.ParseUint(text, 10, 32); err == nil {
			if v4 {
				return enterpriseSpace(Vendor4, uint32(id)), true
			}
			return EnterpriseSpace(uint32(id)), true
		}
	}
	return "", false
}

func (s Space) protocol() Space {
	if s.v6() {
		return DHCP6
	}
	return DHCP4
}

// open says that a space has what is defined in it and nothing else.
func (s Space) open() bool {
	if strings.HasPrefix(string(s), string(s.protocol())+ownSpace) {
		return true
	}
	for _, vendor := range []Space{Vendor4, Vendor6} {
		if n, ok := strings.CutPrefix(string(s), string(vendor)+"."); ok {
			return isNumber(n)
		}
	}
	return false
}

// of is t as the part of a record whose first field is an enterprise's number: its
// sub-options are those of the enterprise.
func (t *typ) of(enterprise uint32) *typ {
	switch {
	case t.kind == kTLV16 && t.space == Vendor6:
		c := *t
		c.space = EnterpriseSpace(enterprise)
		return &c
	case t.kind == kTLV8 && t.space == Vendor4:
		c := *t
		c.space = enterpriseSpace(Vendor4, enterprise)
		return &c
	case t.kind == kLen8:
		c := *t
		c.elem = t.elem.of(enterprise)
		return &c
	}
	return t
}

// ofEnterprise says that a record begins with the number of an enterprise.
func (t *typ) ofEnterprise() bool {
	return len(t.fields) > 1 && t.fields[0].name == "enterprise" && t.fields[0].typ.kind == kU32
}
