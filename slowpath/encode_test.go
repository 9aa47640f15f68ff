// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/policy"
)

// RFC 2132 §9.10: "The minimum legal value is 576 octets." RFC 2131 §2 counts
// the IP and UDP headers: 28 bytes.
func TestRFC2132_9_10_MaximumMessageSize(t *testing.T) {
	// Four options of 250 bytes need 1008 bytes beside what is always there.
	var options []policy.Option
	for c := range 4 {
		options = append(options, policy.Option{Code: uint8(200 + c), Data: pattern(250), Always: true})
	}
	p := testPolicy(t, options...)
	for _, tt := range []struct {
		size  []byte // of option 57
		limit int
	}{
		{nil, 548},
		{[]byte{0, 0}, 548},
		{[]byte{2, 63}, 548}, // 575
		{[]byte{2, 64}, 548}, // 576
		{[]byte{2, 65}, 549},
		{[]byte{4, 0}, 996},
		{[]byte{5, 220}, 1472},   // 1500
		{[]byte{255, 255}, 1472}, // what the link carries
	} {
		t.Run(fmt.Sprint(tt.size), func(t *testing.T) {
			r := newRig(t, p)
			m := discover()
			if tt.size != nil {
				m = discover(opt(57, tt.size)...)
			}
			reply := r.payload(m)
			a := read(t, reply.Message)
			if len(a.raw) > tt.limit {
				t.Errorf("%d bytes, the limit is %d", len(a.raw), tt.limit)
			}
			carried := 0
			for c := range 4 {
				if v := a.Options[uint8(200+c)]; v != nil {
					carried++
					a.want(t, uint8(200+c), pattern(250))
				}
			}
			if 4-carried != int(reply.Overflow.Options) {
				t.Errorf("%d options are there, %d counted as left out", carried, reply.Overflow.Options)
			}
			if tt.limit == 1472 && (carried != 4 || a.Options[52] != nil) {
				t.Errorf("%d options, overload %x: there is room for all", carried, a.Options[52])
			}
			// 308 bytes of options, 28 of them always there, and 189 in the fields.
			if tt.limit == 548 && carried != 1 {
				t.Errorf("%d options, there is room for one", carried)
			}
		})
	}
}

// RFC 2132 §9.3: "A DHCP server inserts this option if the returned parameters
// will exceed the usual space allotted for options."
func TestRFC2132_9_3_Overload(t *testing.T) {
	for _, tt := range []struct {
		name    string
		lengths []int // of options 200, 201, …
		bootFileName,
		serverName string
		over byte // value of option 52; 0: absent
		file []uint8
		sn   []uint8
		lost int
	}{
		// 240 + 3+6+18 (53 54 51 58 59) + 6 (mask) + END leaves 274 of 548.
		{name: "fits to the byte", lengths: []int{250, 20}},
		{name: "one byte more", lengths: []int{250, 21}, over: 1, file: []uint8{201}},
		{name: "into file", lengths: []int{250, 100}, over: 1, file: []uint8{201}},
		{name: "into file and sname", lengths: []int{250, 100, 50}, over: 3, file: []uint8{201}, sn: []uint8{202}},
		{name: "first fit", lengths: []int{250, 100, 10}, over: 1, file: []uint8{201}},
		{name: "sname only, file is taken", lengths: []int{250, 50}, bootFileName: "pxelinux.0", over: 2, sn: []uint8{201}},
		{name: "file only, sname is taken", lengths: []int{250, 50}, serverName: "boot", over: 1, file: []uint8{201}},
		{name: "both are taken", lengths: []int{250, 50}, serverName: "boot", bootFileName: "x", lost: 1},
		{name: "nothing fits anywhere", lengths: []int{250, 100, 61, 60}, over: 3, file: []uint8{201}, sn: []uint8{202}, lost: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := policy.SubnetSpec{BootFile: tt.bootFileName, ServerName: tt.serverName}
			for i, n := range tt.lengths {
				s.Options = append(s.Options, policy.Option{Code: uint8(200 + i), Data: pattern(n)})
			}
			r := newRig(t, buildPolicy(t, s))
			reply := r.payload(discover())
			a := read(t, reply.Message)
			if len(a.raw) > 548 {
				t.Errorf("%d bytes", len(a.raw))
			}
			if tt.over == 0 {
				a.want(t, 52, nil)
			} else {
				a.want(t, 52, []byte{tt.over})
			}
			if tt.over&1 != 0 {
				checkField(t, a.raw[atFile:236], tt.file)
			} else if a.BootFileName != tt.bootFileName {
				t.Errorf("file %q", a.BootFileName)
			}
			if tt.over&2 != 0 {
				checkField(t, a.raw[atSName:atFile], tt.sn)
			} else if a.ServerHostName != tt.serverName {
				t.Errorf("sname %q", a.ServerHostName)
			}
			lost := 0
			for i, n := range tt.lengths {
				code := uint8(200 + i)
				if _, ok := a.Options[code]; !ok {
					lost++
					continue
				}
				a.want(t, code, pattern(n))
			}
			if lost != tt.lost || int(reply.Overflow.Options) != lost {
				t.Errorf("%d options are missing, %d counted, want %d", lost, reply.Overflow.Options, tt.lost)
			}
			// What the protocol needs is in the options field, in its place.
			if got := codes(a.raw[240:])[:5]; !bytes.Equal(got, []byte{53, 54, 51, 58, 59}) {
				t.Errorf("the options field begins with %v", got)
			}
		})
	}
}

// checkField checks an overloaded field. RFC 2131 §4.1: "The options in the
// 'sname' and 'file' fields … MUST begin with the first octet of the field,
// MUST be terminated by an 'end' option, and MUST be followed by 'pad' options
// to fill the remainder of the field."
func checkField(t *testing.T, f []byte, want []uint8) {
	t.Helper()
	if got := codes(f); !bytes.Equal(got, want) {
		t.Errorf("options %v in the field, want %v", got, want)
	}
	i := 0
	for i < len(f) && f[i] != 255 {
		i += 2 + int(f[i+1])
	}
	if i >= len(f) {
		t.Fatalf("no END in %x", f)
	}
	if rest := f[i+1:]; !bytes.Equal(rest, make([]byte, len(rest))) {
		t.Errorf("behind END: %x", rest)
	}
}

// RFC 2131 table 3: a NAK MUST NOT use 'file' and 'sname'.
func TestRFC2131_Table3_NakDoesNotOverload(t *testing.T) {
	r := newRig(t, testPolicy(t))
	r.brain.answer = nak
	// The identifier and the relay's information do not fit together.
	reply := r.payload(discover(cat(opt(61, pattern(255)), opt(82, opt(1, pattern(100))))...))
	a := read(t, reply.Message)
	a.want(t, 52, nil)
	if len(a.raw) > 548 || !bytes.Equal(a.raw[atSName:236], make([]byte, 192)) {
		t.Errorf("%d bytes; sname and file %x", len(a.raw), a.raw[atSName:236])
	}
	a.want(t, 53, []byte{dhcpNak})
	if !reply.Overflow.Relay && a.inOptions[82] == nil {
		t.Error("option 82 is missing and not counted")
	}
}

// RFC 3396 §5 and §6.
func TestRFC3396_LongOptionsAreSplit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		n      int
		size   []byte // option 57
		areas  int    // fields with a part
		others int    // bytes of an option before it
	}{
		{"255 in one piece", 255, []byte{5, 220}, 1, 0},
		{"256 in two", 256, []byte{5, 220}, 1, 0},
		{"1000 in four", 1000, []byte{5, 220}, 1, 0},
		{"over options and file", 300, nil, 2, 0},
		{"over all three fields", 400, nil, 3, 0},
		{"a short one that no field takes whole", 150, nil, 2, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testPolicy(t,
				policy.Option{Code: 2, Data: pattern(max(tt.others, 1))},
				policy.Option{Code: 119, Data: pattern(tt.n)},
			))
			m := discover()
			if tt.size != nil {
				m = discover(opt(57, tt.size)...)
			}
			reply := r.payload(m)
			a := read(t, reply.Message)
			// "The split portions of the option MUST be stored in the aggregate
			// option buffer in sequential order": the other library joins them
			// in the order options, file, sname.
			a.want(t, 119, pattern(tt.n))
			if reply.Overflow != (Overflow{}) {
				t.Errorf("%+v", reply.Overflow)
			}
			areas := 0
			for _, f := range [][]byte{a.raw[240:], a.raw[atFile:236], a.raw[atSName:atFile]} {
				if bytes.IndexByte(codes(f), 119) >= 0 {
					areas++
				}
			}
			if areas != tt.areas {
				t.Errorf("parts in %d fields, want %d", areas, tt.areas)
			}
			limit := 548
			if tt.size != nil {
				limit = 1472
			}
			if len(a.raw) > limit {
				t.Errorf("%d bytes", len(a.raw))
			}
		})
	}
}

// RFC 3396 §4: "In this case, the encoding agent MUST either use this algorithm
// or not send the option at all."
func TestRFC3396_4_WholeOrNotAtAll(t *testing.T) {
	for n := 1; n < 700; n++ {
		p := testPolicy(t, policy.Option{Code: 119, Data: pattern(n)}, ntp)
		r := newRig(t, p)
		reply := r.payload(discover())
		a := read(t, reply.Message)
		a.want(t, 42, ntp.Data)
		if v := a.Options[119]; v == nil {
			if reply.Overflow.Options != 1 {
				t.Fatalf("%d bytes: missing and not counted", n)
			}
			// 269 + 125 + 61 bytes of data fit in the three fields, less NTP
			// servers (6), option 52 (3), and the header of a second piece.
			if n <= 269+125+61-6-3-2 {
				t.Fatalf("%d bytes are left out", n)
			}
		} else if !bytes.Equal(v, pattern(n)) {
			t.Fatalf("%d bytes: %d arrive", n, len(v))
		}
		if len(a.raw) > 548 {
			t.Fatalf("%d bytes: a message of %d", n, len(a.raw))
		}
	}
}

// RFC 6842 §3: the client identifier goes back as it came, in every reply.
func TestRFC6842_3_ClientIdentifierIsEchoed(t *testing.T) {
	id := pattern(200)
	for name, answer := range map[string]deciderFunc{"OFFER": offer, "NAK": nak} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, testPolicy(t, policy.Option{Code: 119, Data: pattern(250)}))
			r.brain.answer = answer
			a := read(t, r.payload(discover(opt(61, id)...)).Message)
			a.want(t, 61, id)
			b := read(t, r.payload(discover()).Message)
			b.want(t, 61, nil)
			// In parts, and longer than one option.
			c := read(t, r.payload(discover(cat(opt(61, pattern(255)), opt(61, []byte{1, 2}), opt(57, []byte{5, 220}))...)).Message)
			c.want(t, 61, append(pattern(255), 1, 2))
		})
	}
}

// RFC 3046 §2.2: "SHALL echo the entire contents … in all replies. Servers
// SHOULD copy the Relay Agent Information option as the last DHCP option in the
// response. Servers SHALL NOT place the echoed Relay Agent Information option
// in the overloaded sname or file fields."
func TestRFC3046_2_2_RelayInformationIsEchoed(t *testing.T) {
	info := cat(opt(1, []byte("eth 0/7")), opt(2, []byte("olt-12")), opt(200, pattern(20)))
	for _, tt := range []struct {
		name   string
		answer deciderFunc
		option policy.Option
		info   []byte
		lost   bool
	}{
		{"OFFER", offer, ntp, info, false},
		{"NAK", nak, ntp, info, false},
		{"OFFER with overload", offer, policy.Option{Code: 119, Data: pattern(255)}, info, false},
		{"OFFER with overload, long", offer, policy.Option{Code: 119, Data: pattern(150)}, opt(1, pattern(250)), false},
		{"OFFER with no room at all", offer, policy.Option{Code: 119, Data: pattern(450)}, opt(1, pattern(250)), false},
		{"in parts", offer, ntp, cat(opt(1, pattern(130)), opt(2, pattern(123))), false},
		// "If a server is unable to copy a full Relay Agent Information field
		// into a response, it SHALL send the response without the Relay
		// Information Field, and SHOULD increment an error counter".
		{"too long", offer, ntp, cat(opt(1, pattern(250)), opt(2, pattern(250))), true},
		{"too long for a NAK", nak, ntp, cat(opt(1, pattern(250)), opt(2, pattern(250))), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testPolicy(t, tt.option))
			r.brain.answer = tt.answer
			reply := r.payload(with(discover(opt(82, tt.info)...), atGiaddr, relayIP...))
			a := read(t, reply.Message)
			if len(a.raw) > 548 {
				t.Errorf("%d bytes", len(a.raw))
			}
			if reply.Overflow.Relay != tt.lost {
				t.Errorf("counted as lost: %v", reply.Overflow.Relay)
			}
			if tt.lost {
				a.want(t, 82, nil)
				return
			}
			if !bytes.Equal(a.inOptions[82], tt.info) {
				t.Errorf("option 82 = %x, want %x", a.inOptions[82], tt.info)
			}
			if c := codes(a.raw[240:]); c[len(c)-1] != 82 {
				t.Errorf("the last of %v is not 82", c)
			}
		})
	}
}

// RFC 951 §3, RFC 1542 §2.1: 300 bytes.
func TestRFC1542_2_1_Padding(t *testing.T) {
	r := newRig(t, testPolicy(t))
	r.brain.answer = nak
	m := r.payload(discover()).Message
	if len(m) != 300 {
		t.Errorf("%d bytes", len(m))
	}
	if i := bytes.LastIndexByte(m, 255); !bytes.Equal(m[i+1:], make([]byte, 299-i)) {
		t.Errorf("padding %x", m[i+1:])
	}
}

// Whatever the lengths, the reply is within its limit, each option arrives whole
// or is counted, and what the protocol needs is there.
func TestEveryMixOfLengths(t *testing.T) {
	lengths := []int{0, 1, 60, 61, 62, 124, 125, 126, 127, 200, 253, 255, 256, 300}
	for _, x := range lengths {
		for _, y := range lengths {
			var options []policy.Option
			for i, n := range []int{x, y} {
				if n > 0 {
					options = append(options, policy.Option{Code: uint8(200 + i), Data: pattern(n)})
				}
			}
			p := testPolicy(t, options...)
			for _, id := range []int{0, 2, 100, 255} {
				for _, info := range []int{0, 10, 100, 253} {
					var extra []byte
					if id > 0 {
						extra = append(extra, opt(61, pattern(id))...)
					}
					if info > 0 {
						extra = append(extra, opt(82, opt(1, pattern(info)))...)
					}
					r := newRig(t, p)
					reply := r.payload(discover(extra...))
					a := read(t, reply.Message)
					missing := 0
					check := func(code uint8, want []byte) {
						if len(want) == 0 {
							return
						}
						if got, ok := a.Options[code]; !ok {
							missing++
						} else if !bytes.Equal(got, want) {
							t.Fatalf("%d %d %d %d: option %d = %x", x, y, id, info, code, got)
						}
					}
					check(200, pattern(x))
					check(201, pattern(y))
					check(61, pattern(id))
					if info > 0 {
						check(82, opt(1, pattern(info)))
					}
					check(1, []byte{255, 255, 255, 0})
					if missing != int(reply.Overflow.Options) || len(a.raw) > 548 {
						t.Fatalf("%d %d %d %d: %d missing, %+v, %d bytes", x, y, id, info, missing, reply.Overflow, len(a.raw))
					}
					for _, code := range []uint8{53, 54, 51, 58, 59} {
						if a.inOptions.Get(dhcpv4.GenericOptionCode(code)) == nil {
							t.Fatalf("%d %d %d %d: option %d is missing", x, y, id, info, code)
						}
					}
				}
			}
		}
	}
}
