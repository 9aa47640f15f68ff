// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"testing"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// What classes, names and the rest of the protocol are decided by.
func TestQueryHasWhatIsSeldom(t *testing.T) {
	r := newRig(t, testPolicy(t))
	values := map[byte][]byte{
		43: {94, 0}, 77: {3, 'a', 'b', 'c'}, 93: {0, 7}, 81: {1, 0, 0, 'h'}, 97: {0, 9}, 116: {1},
		124: {0, 0, 1, 55, 1, 'x'}, 125: {0, 0, 1, 55, 2, 1, 0}, 221: {0, 'v'}, 80: {},
	}
	var options []byte
	for code, v := range values {
		options = append(options, opt(code, v)...)
	}
	var got map[byte][]byte
	rapid := false
	r.brain.answer = func(p *policy.Policy, q *exchange.Query, a *exchange.Answer) {
		got = map[byte][]byte{
			43: q.VendorOptions, 77: q.UserClass, 93: q.Arch, 81: q.FQDN, 97: q.UUID, 116: q.AutoConf,
			124: q.VendorIdent, 125: q.VendorInfo, 221: q.VSS,
		}
		rapid = q.RapidCommit
		if v, ok := q.Options.Option(53); !ok || !bytes.Equal(v, []byte{dhcpDiscover}) {
			t.Errorf("option 53 for expressions: %x, %v", v, ok)
		}
		if _, ok := q.Options.Option(1); ok {
			t.Error("an option for expressions that the message lacks")
		}
		offer(p, q, a)
	}
	mustAnswer(t, r.payload(discover(options...)))
	for code, v := range got {
		if !bytes.Equal(v, values[code]) {
			t.Errorf("option %d is %x, want %x", code, v, values[code])
		}
	}
	if !rapid {
		t.Error("rapid commit is not seen")
	}
	mustAnswer(t, r.payload(discover()))
	for code, v := range got {
		if v != nil {
			t.Errorf("option %d is left over", code)
		}
	}
	if rapid {
		t.Error("rapid commit is left over")
	}
}

// A type that is no client's is not asked about; one that is like exchange's
// number for BOOTP least of all.
func TestTypesThatAreNotAnswered(t *testing.T) {
	for typ := range 256 {
		r := newRig(t, testPolicy(t))
		reply := r.payload(message(53, 1, byte(typ)))
		want := frame.NoType
		switch typ {
		case 1, 3, 4, 7, 8, 10:
			want = frame.OK
		case 2, 5, 6:
			want = frame.FromServer
		}
		if reply.Reason != want {
			t.Errorf("type %d: %v, want %v", typ, reply.Reason, want)
		}
	}
	r := newRig(t, testPolicy(t))
	r.payload(message())
	if r.brain.query.Type != exchange.Bootp {
		t.Errorf("without option 53: type %d", r.brain.query.Type)
	}
}

// exchanged is a rig with the real exchange, since nobody else can put options of
// its own into an answer.
func exchanged(t *testing.T, s policy.SubnetSpec, options ...policy.Option) *rig {
	t.Helper()
	s.Options = append(s.Options, options...)
	p := buildPolicy(t, s)
	table, err := lease.New(lease.Options{Shards: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, p)
	r.c.server = &exchange.Server{Table: table}
	return r
}

// RFC 4702 §3, RFC 4039 §3: options that answer the message, instead of those of
// the configuration.
func TestOwnOptionsReplaceTheConfigured(t *testing.T) {
	r := exchanged(t, policy.SubnetSpec{RapidCommit: true}, policy.Option{Code: 81, Data: []byte("configured"), Always: true})
	reply := r.payload(discover(cat(opt(80, nil), opt(81, []byte{1, 0, 0, 'h', 'o', 's', 't'}))...))
	mustAnswer(t, reply)
	a := read(t, reply.Message)
	a.want(t, 53, []byte{5})
	a.want(t, 80, []byte{})
	if v := a.Options[81]; len(v) < 3 || bytes.Contains(v, []byte("configured")) {
		t.Errorf("option 81 is %q", v)
	}
}

// RFC 6607 §7.2.
func TestRFC6607_7_2_SubOptionsAreDropped(t *testing.T) {
	vss, control := opt(151, []byte{0, 'v'}), opt(152, nil)
	for _, tt := range []struct {
		name          string
		control, both bool
		relay, want   []byte
	}{
		{"neither", false, false, cat(opt(1, []byte{9}), vss, control), cat(opt(1, []byte{9}), vss, control)},
		{"control", true, false, cat(opt(1, []byte{9}), vss, control, opt(2, []byte{8})), cat(opt(1, []byte{9}), vss, opt(2, []byte{8}))},
		{"both", false, true, cat(vss, opt(1, []byte{9}), control), opt(1, []byte{9})},
		{"both, and nothing is left", false, true, cat(vss, control), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testPolicy(t))
			r.brain.answer = func(p *policy.Policy, q *exchange.Query, a *exchange.Answer) {
				offer(p, q, a)
				a.DropVSSControl, a.DropVSS = tt.control, tt.both
			}
			read(t, r.payload(discover(opt(82, tt.relay)...)).Message).want(t, 82, tt.want)
		})
	}
}
