// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/policy"
)

// look does all that can be done before a decision.
func (b *bench) look(q *Query) {
	b.server.Locate(b.policy, q)
	b.server.Expect(q)
	b.server.Seek(q)
	b.server.Recognize(b.policy, q)
}

// What was looked up in one policy is nothing to a decision by the next one, and is
// nothing to the next message.
func TestWhatWasLookedUpIsForgotten(t *testing.T) {
	b := newBench(t)
	old := b.policy
	q := discover(1)
	b.look(&q)
	if q.look.by != old || q.look.subnet != &old.Subnets[2] || !q.look.recognized {
		t.Fatalf("looked up: %+v", q.look)
	}
	b.reload(func(s *policy.Spec) { s.Subnets[0].Options = []policy.Option{{Code: 3, Data: []byte{9, 9, 9, 9}}} })
	var a Answer
	b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
	if a.Subnet != &b.policy.Subnets[2] {
		t.Error("the answer is in a subnet of the old policy")
	}
	if v, _ := a.Options.Get(3); string(v) != "\x09\x09\x09\x09" {
		t.Errorf("router %v", v)
	}
	if q.look.by != nil || q.look.subnet != nil || q.look.res != nil {
		t.Error("what was looked up is kept")
	}
}

// A client that writes to us directly is in the classes that its relay agent's words put
// it into, which only the lease still has, however much was looked up without them.
func TestLookingAheadKnowsNoLease(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{{
			Name: "port7", Match: &policy.Match{By: policy.MatchCircuit, Value: []byte("port7")},
			Options: []policy.Option{{Code: 15, Data: []byte("port7")}},
		}}
	})
	line := func(q Query) Query {
		q = via(relay1, q)
		q.Client.Relay = append([]byte{1, 5}, "port7"...)
		return q
	}
	offer := b.send(line(discover(1)))
	if ack := b.send(line(selecting(1, offer.Yiaddr.String(), ours1))); ack.Type != Ack {
		t.Fatalf("%+v, %+v", offer, ack)
	}
	renew := from(1, Request)
	renew.Port, renew.Ciaddr, renew.Src, renew.Dst = 1, offer.Yiaddr, offer.Yiaddr, ip(ours1)
	for _, ahead := range []bool{false, true} {
		q := renew
		if ahead {
			b.look(&q)
			if !q.look.recognized || !q.look.in.Empty() {
				t.Fatalf("looked up: %+v", q.look)
			}
		}
		var a Answer
		b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
		if a.Type != Ack {
			t.Fatalf("ahead %v: %+v", ahead, a)
		}
		if v, _ := a.Options.Get(15); string(v) != "port7" {
			t.Errorf("ahead %v: domain %q", ahead, v)
		}
	}
}

// A codec with a cache is told the parts, and they make the same whole.
func TestUnmerged(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{{Name: "a", VendorClass: []byte("a"), Options: []policy.Option{{Code: 15, Data: []byte("a")}}}}
		s.EchoHostName = true
	})
	q := discover(1)
	q.VendorClass = []byte("a")
	q.Client.Host = []byte("me")
	merged := b.send(q)
	q.Room, q.Unmerged = nil, true
	var a Answer
	b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
	if merged.Classes != nil || a.Classes == nil {
		t.Fatalf("classes %v, %v", merged.Classes, a.Classes)
	}
	if o := b.policy.ForClasses(a.Options, a.Classes); o != merged.Options || o == a.Options {
		t.Error("other options")
	}
	if string(a.Own.Encoded()) != string(merged.Own.Encoded()) || len(a.Own.Encoded()) == 0 {
		t.Errorf("own options % x, % x", a.Own.Encoded(), merged.Own.Encoded())
	}
}
