// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// [MS-DHCPE] §2.2.9: an option 250 is the data that did not fit into the option
// right before it.
func TestMSDHCPE_2_2_9_ContinuedOptionsAreJoined(t *testing.T) {
	msft := opt(60, []byte("MSFT 5.0"))
	long := pattern(600)
	three := cat(opt(61, long[:255]), opt(250, long[255:510]), opt(250, long[510:]))
	for _, tt := range []struct {
		name    string
		options []byte
		id      []byte
		left    []byte // option 250 as such
		why     frame.Reason
	}{
		{"three parts", cat(msft, three), long, nil, frame.OK},
		{"the class comes later", cat(three, msft), long, nil, frame.OK},
		{"an Xbox", cat(opt(60, []byte("MSFT 5.0 XBOX")), three), long, nil, frame.OK},
		{"padding between", cat(msft, opt(61, long[:255]), []byte{0, 0}, opt(250, long[255:300])), long[:300], nil, frame.OK},
		{"and split as in RFC 3396", cat(msft, opt(61, long[:255]), opt(12, []byte("h")), opt(61, long[255:510]), opt(250, long[510:])), long, nil, frame.OK},
		{"of another vendor", cat(opt(60, []byte("MSFT 5.1")), three), long[:255], long[255:], frame.OK},
		{"of no vendor", three, long[:255], long[255:], frame.OK},
		{"of an option that is as long as it may be", cat(msft, opt(54, serverIP), opt(250, []byte{1})), nil, nil, frame.BadOption},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testPolicy(t))
			reply := r.payload(discover(tt.options...))
			if reply.Reason != tt.why {
				t.Fatalf("%v, want %v", reply.Reason, tt.why)
			}
			if tt.why != frame.OK {
				return
			}
			if got := r.brain.query.Client.ClientID; !bytes.Equal(got, tt.id) {
				t.Errorf("an identifier of %d bytes, want %d", len(got), len(tt.id))
			}
			if got, _ := r.c.opts.get(250); !bytes.Equal(got, tt.left) {
				t.Errorf("option 250 of %d bytes, want %d", len(got), len(tt.left))
			}
		})
	}
	t.Run("nothing before it", func(t *testing.T) {
		r := newRig(t, testPolicy(t))
		mustAnswer(t, r.payload(message(cat(opt(250, []byte{9}), []byte{53, 1, 1}, msft)...)))
	})
}

// §3.2.5.2: values of more than 255 bytes MUST be continued by option 250. The
// example of §2.2.9: 600 bytes of X are X(255), 250(255), 250(90).
func TestMSDHCPE_3_2_5_2_LongOptionsAreContinued(t *testing.T) {
	value := pattern(600)
	p := testPolicy(t, policy.Option{Code: 200, Data: value}, ntp)
	big := opt(57, []byte{5, 220})
	for _, tt := range []struct {
		name  string
		class string
		want  []byte
	}{
		{"MSFT 5.0", "MSFT 5.0", cat(opt(200, value[:255]), opt(250, value[255:510]), opt(250, value[510:]))},
		{"MSFT 98", "MSFT 98", cat(opt(200, value[:255]), opt(250, value[255:510]), opt(250, value[510:]))},
		{"another", "dhcpcd", opt(200, value)}, // RFC 3396 §5
	} {
		t.Run(tt.name, func(t *testing.T) {
			reply := newRig(t, p).payload(discover(cat(big, opt(60, []byte(tt.class)), opt(55, []byte{42, 200}))...))
			mustAnswer(t, reply)
			if !bytes.Contains(reply.Message, tt.want) || reply.Overflow != (Overflow{}) {
				t.Errorf("not in % x", reply.Message[240:])
			}
		})
	}
	// No part of it goes into another field: what "right before" means there is
	// not said. It is left out whole, and the rest is sent.
	t.Run("no room", func(t *testing.T) {
		reply := newRig(t, p).payload(discover(opt(60, []byte("MSFT 5.0"))...))
		mustAnswer(t, reply)
		a := read(t, reply.Message)
		a.want(t, 200, nil)
		a.want(t, 250, nil)
		a.want(t, 42, ntp.Data)
		if reply.Overflow.Options != 1 {
			t.Errorf("%+v", reply.Overflow)
		}
	})
	// What fits a field whole goes there all the same.
	t.Run("overload", func(t *testing.T) {
		q := testPolicy(t, policy.Option{Code: 200, Data: value[:250]}, policy.Option{Code: 201, Data: value[:100]})
		a := read(t, newRig(t, q).payload(discover(opt(60, []byte("MSFT 5.0"))...)).Message)
		a.want(t, 200, value[:250])
		a.want(t, 201, value[:100])
		a.want(t, 52, []byte{1})
	})
}
