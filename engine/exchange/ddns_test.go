// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// The lease keeps the name that the client was told, also over renewals without it,
// and another when it says another.
func TestALeaseKeepsItsName(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.FQDN = policy.FQDNSpec{Updates: true, Record: true, HostNames: true, Suffix: "example.net"}
	})
	named := func(fqdn string) func(*Query) {
		return func(q *Query) { q.FQDN, q.Client.Host = []byte("\x01\x00\x00"+fqdn), []byte("other") }
	}
	mine := b.lease(1, named("pc"))
	host := func() string {
		var e lease.Entry
		b.server.Table.Lookup(mine, &e)
		return string(e.Host)
	}
	want := func(want string) {
		t.Helper()
		if got := host(); got != want {
			t.Errorf("the lease keeps %q, want %q", got, want)
		}
	}
	want("pc.example.net.")
	b.wantAck(b.send(renewing(1, mine.String())), mine.String())
	want("pc.example.net.")
	for _, c := range []struct {
		edit func(*Query)
		want string
	}{
		{named("laptop"), "laptop.example.net."},
		{func(q *Query) { q.FQDN = []byte("\x08\x00\x00laptop") }, "laptop"}, // N
		{func(q *Query) { q.FQDN = []byte("\x00\x00\x00laptop") }, "laptop.example.net"},
		{func(q *Query) { q.Client.Host = []byte("box") }, "box.example.net."},
	} {
		q := with(renewing(1, mine.String()), c.edit)
		b.wantAck(b.send(q), mine.String())
		want(c.want)
	}
	// [MS-DHCPE] §3.2.5: option 81 of a dial-in server is ignored.
	ras := b.lease(2, func(q *Query) {
		q.Client.ClientID, q.FQDN = []byte("RAS 1"), []byte("\x01\x00\x00dialin")
	})
	var e lease.Entry
	if b.server.Table.Lookup(ras, &e); len(e.Host) > 0 {
		t.Errorf("RAS: %q", e.Host)
	}
	// Without updates it is option 12, as it came.
	b = newBench(t)
	mine = b.lease(1, func(q *Query) { q.Client.Host = []byte("pc.example.org") })
	if b.server.Table.Lookup(mine, &e); string(e.Host) != "pc.example.org" {
		t.Errorf("%q", e.Host)
	}
}
