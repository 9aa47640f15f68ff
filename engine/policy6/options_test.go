// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"xdhcp/engine/policy"
)

func asked(codes ...uint16) *Asked {
	a := &Asked{}
	for _, c := range codes {
		a.Low.add(c)
		a.ORO = binary.BigEndian.AppendUint16(a.ORO, c)
	}
	return a
}

func encoded(opts ...Option) (out []byte) {
	for _, o := range opts {
		out = binary.BigEndian.AppendUint16(out, o.Code)
		out = binary.BigEndian.AppendUint16(out, uint16(len(o.Data)))
		out = append(out, o.Data...)
	}
	return out
}

// What a client asks for and what is always sent, in ascending order, each once; the refresh time in
// answers to Information-requests only; vendors apart; codes beyond the bitmap.
func TestSelect(t *testing.T) {
	ms, cable := option(17, "\x00\x00\x01\x37ms"), option(17, "\x00\x00\x11\x8bcable")
	always := Option{Code: 56, Data: []byte("ntp"), Always: true}
	far, farther := option(300, "far"), Option{Code: 40000, Data: []byte("farther"), Always: true}
	dns, refresh := option(23, "dns"), option(32, "\x00\x01\x51\x80")
	for _, high := range []bool{false, true} {
		p := build(t, func(s *Spec) {
			s.Options = []Option{always, cable, dns, ms}
			if high {
				s.Options = append(s.Options, far, farther)
			}
		})
		set := p.Subnets[0].Options
		with := func(o ...Option) []Option {
			if high {
				return append(o, farther)
			}
			return o
		}
		for name, c := range map[string]struct {
			a      *Asked
			skip   []uint16
			inform bool
			want   []Option
		}{
			"nothing":         {asked(), nil, false, with(always)},
			"dns":             {asked(23), nil, false, with(dns, always)},
			"vendors":         {asked(17, 99), nil, false, with(ms, cable, always)},
			"skip":            {asked(17, 23), []uint16{17, 56}, false, with(dns)},
			"refresh":         {asked(32), nil, false, with(always)},
			"refresh, inform": {asked(32), nil, true, with(refresh, always)},
		} {
			var room []byte
			if got := set.Select(c.a, c.skip, c.inform, &room); !bytes.Equal(got, encoded(c.want...)) {
				t.Errorf("%s, high %v: % x, want % x", name, high, got, encoded(c.want...))
			}
		}
		if high {
			var room []byte
			if got := set.Select(asked(300, 23), []uint16{40000}, false, &room); !bytes.Equal(got, encoded(dns, always, far)) {
				t.Errorf("% x", got)
			}
		}
	}
	var none *OptionSet
	if none.Select(asked(23), nil, false, new([]byte)) != nil || none.Has(23) || none.Len() != 0 {
		t.Error("a nil set is not empty")
	}
}

func TestAsked(t *testing.T) {
	if a := asked(23, 300); !a.Has(23) || !a.Has(300) || a.Has(24) || a.Has(301) || a.Only(23) || a.Only(300) {
		t.Error("23 and 300")
	}
	if a := asked(15); !a.Only(15) || a.Only(16) {
		t.Error("15 alone")
	}
	if a := asked(300); !a.Only(300) {
		t.Error("300 alone")
	}
	if a := (&Asked{ORO: []byte{1, 44, 1}}); !a.Has(300) || a.Has(256) {
		t.Error("half a code")
	}
}

func TestGet(t *testing.T) {
	p := build(t, func(s *Spec) {
		s.Options = []Option{option(24, "x"), option(17, "\x00\x00\x00\x01"), option(17, "\x00\x00\x00\x02"), option(300, "")}
	})
	set := p.Subnets[0].Options
	if set.Len() != 5 {
		t.Errorf("%d options", set.Len())
	}
	if v, ok := set.Get(17); !ok || string(v) != "\x00\x00\x00\x01" {
		t.Errorf("17 is %q", v)
	}
	if v, ok := set.Get(300); !ok || len(v) != 0 || set.Has(301) || set.Has(23) {
		t.Errorf("300 is %q, %v", v, ok)
	}
}

// More different requests than are kept ready get the same as the first ones.
func TestSelectionsBeyondThoseThatAreReady(t *testing.T) {
	p := build(t, func(s *Spec) {
		for c := uint16(21); c < 25; c++ {
			s.Options = append(s.Options, option(c, fmt.Sprint(c)))
		}
	})
	set := p.Subnets[0].Options
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var room []byte
			for n := range 64 {
				a, want := &Asked{}, []Option{}
				for i := range uint16(4) {
					if n>>i&1 != 0 {
						a.Low.add(21 + i)
						want = append(want, option(21+i, fmt.Sprint(21+i)))
					}
				}
				if got := set.Select(a, nil, false, &room); !bytes.Equal(got, encoded(want...)) {
					t.Errorf("%v: % x", want, got)
				}
			}
		})
	}
	wg.Wait()
	var room []byte
	a := asked(21, 22, 23, 24)
	set.Select(a, nil, false, &room)
	if n := testing.AllocsPerRun(100, func() { set.Select(a, nil, false, &room) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The order of the places, with a class and without, and what is never sent.
func TestOptionPlaces(t *testing.T) {
	const code = 24
	p := build(t, func(s *Spec) {
		s.Classes = []ClassSpec{
			{Name: "first", Match: user("1"), Options: []Option{option(code, "class first")}},
			{Name: "second", Match: user("2"), Options: []Option{option(code, "class second"), option(31, "second's")}},
			{Name: "none", Match: user("3")},
		}
		s.Options = []Option{option(code, "global"), {Code: code, Data: []byte("global of none"), Class: "none"}}
		f := &s.Subnets[0]
		f.Options = []Option{{Code: 23, Data: []byte("subnet of first"), Class: "first"}, option(23, "subnet")}
		f.Pools[0].Options = []Option{option(64, "pool")}
		f.Reservations = []ReservationSpec{{DUID: []byte{1}, Options: []Option{option(31, "reservation")}}}
	})
	s := &p.Subnets[0]
	set := func(base *OptionSet, names ...string) *OptionSet {
		var in policy.ClassSet
		for _, n := range names {
			in.Add(p.Class(n))
		}
		o := p.ForClasses(base, &in)
		if again := p.ForClasses(base, &in); again != o {
			t.Errorf("%v: a variant is made twice", names)
		}
		return o
	}
	want := func(o *OptionSet, code uint16, want string) {
		t.Helper()
		if v, _ := o.Get(code); string(v) != want {
			t.Errorf("option %d is %q, want %q", code, v, want)
		}
	}
	want(set(s.Options), code, "global")
	want(set(s.Options, "none"), code, "global of none")
	want(set(s.Options, "second"), code, "class second")
	want(set(s.Options, "second", "first"), code, "class first")
	want(set(s.Options, "second", "first"), 31, "second's")
	want(set(s.Options), 23, "subnet")
	want(set(s.Options, "first"), 23, "subnet of first")
	pool := p.pools[0].options
	want(set(pool, "first"), 64, "pool")
	want(set(pool, "first"), 23, "subnet of first")
	for _, t := range s.scope.reservations.tables {
		for _, r := range t.of {
			want(set(r.Options(pool), "second"), 31, "reservation")
			want(set(r.Options(pool), "second"), 64, "pool")
			want(set(r.Options(s.Options), "second"), code, "class second")
		}
	}
	if p.Class("nobody") != -1 {
		t.Error("a class that is none")
	}

	p = build(t, func(s *Spec) {
		s.Options = []Option{option(code, "global"), option(17, "\x00\x00\x00\x01"), option(17, "\x00\x00\x00\x02")}
		s.Subnets[0].Options = []Option{{Code: code, Never: true}, {Code: 17, Never: true}, {Code: 32, Never: true}}
	})
	if set := p.Subnets[0].Options; set.Len() != 0 {
		t.Errorf("%d options are left", set.Len())
	}
}

// Variants are bounded, and one that was pushed out is made again.
func TestManyVariants(t *testing.T) {
	p := build(t, func(s *Spec) {
		for i := range 12 {
			s.Classes = append(s.Classes, ClassSpec{Name: fmt.Sprint(i), Options: []Option{option(uint16(90+i), "x")}})
		}
	})
	base := p.Subnets[0].Options
	for round := range 2 {
		for n := range 1 << 12 {
			var in policy.ClassSet
			want := 1
			for i := range 12 {
				if n>>i&1 != 0 {
					in.Add(i)
					want++
				}
			}
			if got := p.ForClasses(base, &in).Len(); got != want {
				t.Fatalf("round %d, classes %012b: %d options, want %d", round, n, got, want)
			}
		}
	}
}
