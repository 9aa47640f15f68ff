// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/policy6"
)

func secret(s *policy6.Spec) { s.ReconfigureSecret = []byte("a secret of some length") }

// RFC 8415 §20.4.2: "The server selects a reconfigure key for a client during the Request/Reply,
// Solicit/Reply, or Information-request/Reply message exchange. The server … transmits that key to
// the client in an Authentication option in the Reply message." §18.3.2: "The server SHOULD include
// a Reconfigure Accept option if the server policy enables the reconfigure mechanism and the client
// supports it."
func TestReconfigureKey(t *testing.T) {
	b := newBench(t, secret, func(s *policy6.Spec) { first(s).RapidCommit = true })
	var keys [][]byte
	var last uint64
	for _, c := range []struct {
		q        *Query
		yes, key bool
	}{
		{from(1, Solicit, na(1), accepts), true, false},
		{from(1, Request, na(1), accepts), true, true},
		{from(1, Solicit, na(1), commitsAtOnce, accepts), true, true},
		{from(1, InformationRequest, accepts), true, true},
		{from(1, Renew, na(1), accepts), true, false},
		{from(1, Rebind, na(1), accepts), true, false},
		{from(1, Request, na(1)), false, false},
		{from(1, InformationRequest, accepts, noClient), false, false},
		{from(1, Release, na(1), accepts), false, false},
		{from(1, Confirm, na(1, "2001:db8:0:1::10"), accepts), false, false},
	} {
		a := b.send(c.q)
		if _, ok := option(a, c.q, 20); ok != c.yes {
			t.Errorf("message %d: Reconfigure Accept %v", c.q.Type, ok)
		}
		v, ok := option(a, c.q, 11)
		if ok != c.key {
			t.Errorf("message %d: key %v", c.q.Type, ok)
		}
		if !ok {
			continue
		}
		// §20.4.1: protocol 3, algorithm 1, RDM 0; then type 1 and 128 bits.
		if len(v) != 28 || !bytes.Equal(v[:3], []byte{3, 1, 0}) || v[11] != 1 {
			t.Fatalf("% x", v)
		}
		if r := binary.BigEndian.Uint64(v[3:]); r <= last {
			t.Errorf("replay detection %d after %d", r, last)
		} else {
			last = r
		}
		keys = append(keys, bytes.Clone(v[12:]))
	}
	for _, k := range keys {
		if !bytes.Equal(k, keys[0]) || bytes.Equal(k, make([]byte, 16)) {
			t.Errorf("keys % x", keys)
		}
	}
	q := from(2, Request, na(1), accepts)
	if v, _ := option(b.send(q), q, 11); len(v) != 28 || bytes.Equal(v[12:], keys[0]) {
		t.Error("two clients have one key")
	}
	b.reload()
	q = from(1, Request, na(1), accepts)
	if a := b.send(q); a.Own != nil {
		t.Errorf("without a secret: % x", a.Own.Encoded())
	}
}

// RFC 8415 §18.3.11: "The server sets the 'msg-type' field to RECONFIGURE and sets the
// 'transaction-id' field to 0. The server includes a Server Identifier option …, a Client Identifier
// option …. MUST use DHCP authentication …. MUST include a Reconfigure Message option". §20.4.2: "The
// server computes the HMAC-MD5 over the entire DHCP Reconfigure message, including the Authentication
// option; the HMAC-MD5 field in the Authentication option is set to 0". The decoder is another's.
func TestReconfigureMessage(t *testing.T) {
	b := newBench(t, secret)
	q := from(1, Request, na(1), accepts)
	sent, _ := option(b.send(q), q, 11)
	key := bytes.Clone(sent[12:])
	for _, msg := range []uint8{Renew, Rebind, InformationRequest} {
		raw, ok := AppendReconfigure([]byte("before"), b.policy, duid(1), msg, 77)
		raw, _ = bytes.CutPrefix(raw, []byte("before"))
		if !ok {
			t.Fatal("no message")
		}
		m, err := dhcpv6.MessageFromBytes(raw)
		if err != nil {
			t.Fatal(err)
		}
		if m.MessageType != dhcpv6.MessageTypeReconfigure || m.TransactionID != (dhcpv6.TransactionID{}) || len(m.Options.Options) != 4 {
			t.Errorf("%v", m)
		}
		if !bytes.Equal(m.Options.ClientID().ToBytes(), duid(1)) || !bytes.Equal(m.Options.ServerID().ToBytes(), serverID) {
			t.Errorf("client %v, server %v", m.Options.ClientID(), m.Options.ServerID())
		}
		if v := m.GetOneOption(dhcpv6.OptionReconfMessage); v == nil || !bytes.Equal(v.ToBytes(), []byte{msg}) {
			t.Errorf("message option %v", v)
		}
		auth := m.GetOneOption(dhcpv6.OptionAuth).ToBytes()
		if len(auth) != 28 || !bytes.Equal(auth[:3], []byte{3, 1, 0}) || binary.BigEndian.Uint64(auth[3:]) != 77 || auth[11] != 2 {
			t.Fatalf("authentication % x", auth)
		}
		at := bytes.Index(raw, auth) + 12
		zeroed := bytes.Clone(raw)
		clear(zeroed[at : at+16])
		h := hmac.New(md5.New, key)
		h.Write(zeroed)
		if !hmac.Equal(h.Sum(nil), auth[12:]) {
			t.Error("the client finds another digest")
		}
	}
	if _, ok := AppendReconfigure(nil, b.policy, duid(1), Solicit, 1); ok {
		t.Error("a Reconfigure for a Solicit")
	}
	b.reload()
	if _, ok := AppendReconfigure(nil, b.policy, duid(1), Renew, 1); ok {
		t.Error("a Reconfigure without a secret")
	}
}
