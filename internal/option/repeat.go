// SPDX-License-Identifier: Apache-2.0

package option

// Repeats reports whether a message may hold the option more than once: what
// DHCPv6 says in the column "Singleton" of RFC 8415 §24's table.
func (d *Def) Repeats() bool { return d.repeats }

// EncodeEach is Encode for options that may be there more than once: a list of
// values is as many options. Without a list, and for all others, it is one.
func (r *Registry) EncodeEach(d *Def, v any) ([][]byte, error) {
	list := d.each(v)
	if list == nil {
		b, err := r.Encode(d, v)
		if err != nil {
			return nil, err
		}
		return [][]byte{b}, nil
	}
	out := make([][]byte, len(list))
	for i, el := range list {
		b, err := r.Encode(d, el)
		if err != nil {
			return nil, err.(*Error).at(i)
		}
		out[i] = b
	}
	return out, nil
}

// each is the list that v is if it is a list of whole options, else nil. What
// is a list or a record itself is one option as long as its elements are plain.
func (d *Def) each(v any) []any {
	list, ok := v.([]any)
	if !ok || !d.repeats || len(list) == 0 {
		return nil
	}
	switch d.typ.kind {
	case kArray, kRec:
		for _, el := range list {
			switch el.(type) {
			case []any:
			case Map:
				if d.typ.kind == kArray && d.typ.elem.kind == kRec {
					return nil
				}
			default:
				return nil
			}
		}
	}
	return list
}
