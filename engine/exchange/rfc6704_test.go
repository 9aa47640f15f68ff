// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"encoding/binary"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// newNonceBench is a bench that gives out nonces; count is its counter.
func newNonceBench(t testing.TB, edit ...func(*policy.Spec)) (b *bench, count *uint64) {
	b = newBench(t, append([]func(*policy.Spec){func(s *policy.Spec) { s.ForceRenew = true }}, edit...)...)
	count = new(uint64)
	b.server.Nonces = &Nonces{Key: [32]byte{1, 2, 3}, Since: b.now, Next: func() (uint64, bool) {
		*count++
		return *count, true
	}}
	return b, count
}

// able makes a message that of a client with option 145.
func able(q *Query) { q.Options = given{145: {1}} }

// tell sends a query and returns the answer's own options.
func (b *bench) tell(q Query) (Answer, map[uint8][]byte) {
	b.Helper()
	var a Answer
	b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
	own := map[uint8][]byte{}
	for e := a.Own.Encoded(); len(e) > 0; e = e[2+e[1]:] {
		own[e[0]] = bytes.Clone(e[2 : 2+e[1]])
	}
	return a, own
}

func with(q Query, edit func(*Query)) Query {
	edit(&q)
	return q
}

// nonceOf reads option 90 by the letter of §3.1.2.
func nonceOf(t testing.TB, v []byte, typ byte) (replay uint64, value []byte) {
	t.Helper()
	if len(v) != 28 || v[0] != 3 || v[1] != 1 || v[2] != 0 || v[11] != typ {
		t.Fatalf("option 90 = %x, want protocol 3, algorithm 1, RDM 0, type %d and 16 octets", v, typ)
	}
	return binary.BigEndian.Uint64(v[3:]), v[12:]
}

// §3.1.3: "The server indicates its support … by including the DHCP
// FORCERENEW_NONCE_CAPABLE (145) option in the DHCPOFFER. The server SHOULD NOT
// include this option unless the client has indicated its capability".
func TestRFC6704_3_1_3_Offer(t *testing.T) {
	b, _ := newNonceBench(t)
	if _, own := b.tell(with(discover(1), able)); !bytes.Equal(own[145], []byte{1}) || own[90] != nil {
		t.Errorf("to a capable client: %v", own)
	}
	if _, own := b.tell(discover(1)); own[145] != nil {
		t.Errorf("to another: %v", own)
	}
	if _, own := b.tell(with(discover(1), func(q *Query) { q.Options = given{145: {2, 3}} })); own[145] != nil {
		t.Errorf("to a client of other algorithms: %v", own)
	}
	b, _ = newNonceBench(t, func(s *policy.Spec) { s.ForceRenew = false })
	if _, own := b.tell(with(discover(1), able)); own[145] != nil {
		t.Errorf("where it is off: %v", own)
	}
}

// §3.1.3: the server "MUST generate a nonce and include it in the ACK"; "The absence
// of the … (145) option …; thus, the server MUST NOT include a Forcerenew Nonce
// Protocol Authentication option in the DHCP ACK."
func TestRFC6704_3_1_3_Ack(t *testing.T) {
	b, _ := newNonceBench(t, func(s *policy.Spec) { s.Subnets[0].RapidCommit = true })
	mine := b.send(discover(1)).Yiaddr.String()
	a, own := b.tell(with(selecting(1, mine, ours0), able))
	b.wantAck(a, mine)
	replay, nonce := nonceOf(t, own[90], 1)
	if replay == 0 || bytes.Equal(nonce, make([]byte, 16)) {
		t.Errorf("replay %d, nonce %x", replay, nonce)
	}
	if own[145] != nil {
		t.Error("option 145 in an ACK")
	}
	for name, q := range map[string]Query{"rebooting": rebooting(1, mine), "rebinding": rebinding(1, mine)} {
		_, own := b.tell(with(q, able))
		if again, n := nonceOf(t, own[90], 1); again <= replay || !bytes.Equal(n, nonce) {
			t.Errorf("%s: replay %d, nonce %x", name, again, n)
		}
	}
	if _, own := b.tell(rebooting(1, mine)); own[90] != nil {
		t.Error("a client without option 145 gets a nonce")
	}
	_, own = b.tell(with(discover(3), func(q *Query) { q.RapidCommit = true; able(q) }))
	nonceOf(t, own[90], 1)
	// Two clients have two nonces, and another key gives others.
	other := b.send(discover(2)).Yiaddr.String()
	_, own = b.tell(with(selecting(2, other, ours0), able))
	if _, n := nonceOf(t, own[90], 1); bytes.Equal(n, nonce) {
		t.Error("two clients have the same nonce")
	}
	b.server.Nonces.Key[31] = 9
	_, own = b.tell(with(rebooting(1, mine), able))
	if _, n := nonceOf(t, own[90], 1); bytes.Equal(n, nonce) {
		t.Error("the nonce does not depend on the key")
	}
}

// §3.1.3: "The server SHOULD NOT include the nonce in an ACK when responding to a
// renew unless a new nonce was generated."
func TestRFC6704_3_1_3_Renew(t *testing.T) {
	b, _ := newNonceBench(t)
	mine := b.lease(1, able).String()
	if _, own := b.tell(with(renewing(1, mine), able)); own[90] != nil {
		t.Error("the nonce is sent again")
	}
	// "and the server has no previous nonce recorded": a lease from before.
	b.server.Nonces.Since = b.now + 1
	b.wait(1)
	_, own := b.tell(with(renewing(1, mine), able))
	nonceOf(t, own[90], 1)
}

// RFC 3203 §4 and RFC 6704 §3.1.3: type 9, to the client's address, with the digest's
// place. The nonce is the one of the ACK; the replay value is larger.
func TestRFC3203_4_ForceRenew(t *testing.T) {
	b, count := newNonceBench(t)
	id := func(q *Query) { q.Client.ClientID = []byte("\x00id"); able(q) }
	mine := b.send(with(discover(1), id)).Yiaddr
	_, own := b.tell(with(selecting(1, mine.String(), ours0), id))
	replay, nonce := nonceOf(t, own[90], 1)

	var q Query
	var a Answer
	key, out := b.server.ForceRenew(b.policy, &q, 0, mine, b.now, &a)
	if out != RenewalMade || a.Type != 9 || a.Ciaddr != mine || a.DestIP != mine || a.To != ToCiaddr || a.ServerID != ip(ours0) || a.Source != ip(ours0) {
		t.Fatalf("%d: %+v", out, a)
	}
	if !bytes.Equal(key[:], nonce) {
		t.Errorf("signed with %x, the client has %x", key, nonce)
	}
	opts := told(a, q)
	again, digest := nonceOf(t, opts[90], 2)
	if again <= replay || !bytes.Equal(digest, make([]byte, 16)) || string(opts[61]) != "\x00id" {
		t.Errorf("replay %d after %d, digest %x, id %q", again, replay, digest, opts[61])
	}
	if a.Lease == nil || !bytes.Equal(a.Lease.HW, hw(1)) {
		t.Errorf("about %+v", a.Lease)
	}

	was := *count
	for name, c := range map[string]struct {
		addr string
		want Renewal
	}{"free": {"192.0.2.15", RenewalNoLease}, "not ours": {"198.51.100.1", RenewalNoLease}} {
		if _, out := b.server.ForceRenew(b.policy, &q, 0, ip(c.addr), b.now, &a); out != c.want || a.Type != 0 {
			t.Errorf("%s: %d, type %d", name, out, a.Type)
		}
	}
	if _, out := b.server.ForceRenew(b.policy, &q, 0, mine, b.now+lease.Time(hour), &a); out != RenewalNoLease {
		t.Errorf("run out: %d", out)
	}
	if *count != was {
		t.Error("a message that was not made has used up a number")
	}
	b.server.Nonces.Next = func() (uint64, bool) { return 0, false }
	if _, out := b.server.ForceRenew(b.policy, &q, 0, mine, b.now, &a); out != RenewalNoReplay || a.Type != 0 {
		t.Errorf("without a counter: %d", out)
	}
	if a, own := b.tell(with(rebooting(1, mine.String()), id)); a.Type != Ack || own[90] != nil {
		t.Errorf("an ACK without a counter: type %d, %v", a.Type, own)
	}
	b.server.Nonces = nil
	if _, out := b.server.ForceRenew(b.policy, &q, 0, mine, b.now, &a); out != RenewalOff {
		t.Errorf("switched off: %d", out)
	}
}

// Behind a relay agent with RFC 5107 the client knows the server by the relay
// agent's name for it, and its nonce is by the stored identity.
func TestForceRenewBehindARelay(t *testing.T) {
	b, _ := newNonceBench(t, func(s *policy.Spec) { s.Identity = policy.IdentityCircuit })
	edit := func(q *Query) {
		*q = via(relay1, *q)
		q.Client.Relay = append(sub(1, 'c'), sub(11, four(relay1)...)...)
		q.ServerOverride = ip(relay1)
		able(q)
	}
	o := b.send(with(discover(1), edit))
	_, own := b.tell(with(selecting(1, o.Yiaddr.String(), relay1), edit))
	_, nonce := nonceOf(t, own[90], 1)
	var q Query
	var a Answer
	key, out := b.server.ForceRenew(b.policy, &q, 1, o.Yiaddr, b.now, &a)
	if out != RenewalMade || !bytes.Equal(key[:], nonce) || a.ServerID != ip(relay1) || a.Source != ip(ours1) {
		t.Errorf("%d: as %v from %v, key %x, nonce %x", out, a.ServerID, a.Source, key, nonce)
	}
}
