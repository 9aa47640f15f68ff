// SPDX-License-Identifier: Apache-2.0

package control

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// Events of both families say whose lease it was, and until when.
func TestEventOf(t *testing.T) {
	ip := func(s string) lease6.IP6 { a := netip.MustParseAddr(s).As16(); return lease6.IP6From(a[:]) }
	pd := lease6.Change{
		Op: lease6.OpGrant, Prefix: lease6.PrefixFrom(ip("2001:db8:1000::"), 56), IA: lease6.IA{Type: lease6.PD, ID: 7}, Version: 3, At: 1000, Expires: 4000,
		Full: true, Start: 900, Preferred: 3000, Scope: 1, Client: lease6.Client{
			DUID: []byte{0, 3, 0, 1, 2}, LinkLayer: []byte{0, 1, 2, 0, 0, 0, 0, 1}, Peer: netip.MustParseAddr("fe80::1").AsSlice(),
			InterfaceID: []byte("x"), RemoteID: []byte("\x00\x00\x00\x09r"), SubscriberID: []byte("s"), Host: []byte("h"),
		},
	}
	gone := lease6.Change{Op: lease6.OpExpire, Prefix: pd.Prefix, IA: pd.IA, Version: 4, At: 4000}
	v4 := lease.Change{
		Op: lease.OpGrant, Full: true, Addr: 0xc0000207, Version: 1, At: 1000, Start: 1000, Expires: lease.Never, Kind: lease.KindHW, HType: 1,
		HW: []byte{2, 0, 0, 0, 0, 9}, ID: []byte{1, 2, 0, 0, 0, 0, 9}, Relay: []byte("\x01\x02ab\x02\x01c"),
	}
	renew := lease.Change{Op: lease.OpRenew, Addr: v4.Addr, Version: 2, At: 1500, Start: 1000, Expires: 5000}
	known := Known{
		V4: func(a lease.IP4, version uint32) (Lease, bool) {
			return Lease{Address: "?", State: "bound", MAC: "02:00:00:00:00:09"}, a == v4.Addr && version == 2
		},
		V6: func(p lease6.Prefix, version uint32) (Lease, bool) {
			e := lease6.Entry{Prefix: p, IA: pd.IA, DUID: pd.Client.DUID, Status: lease.Expired, Expires: 4000, Preferred: 3000, CLTT: 1000}
			return LeaseOf6(&e), p == pd.Prefix && version == 4
		},
	}
	for _, tt := range []struct {
		rec  []byte
		want string
	}{
		{pd.AppendTo(nil), `{"seq":9,"event":"grant","at":"1970-01-01T00:16:40Z","address":"2001:db8:1000::/56","state":"","mac":"02:00:00:00:00:01","host":"h","start":"1970-01-01T00:15:00Z","expires":"1970-01-01T01:06:40Z","remote_id":"0000000972","type":"pd","duid":"0003000102","iaid":7,"preferred":"1970-01-01T00:50:00Z","via":"fe80::1","interface_id":"78","subscriber_id":"73"}`},
		{gone.AppendTo(nil), `{"seq":9,"event":"expire","at":"1970-01-01T01:06:40Z","address":"2001:db8:1000::/56","state":"","type":"pd","duid":"0003000102","iaid":7}`},
		{v4.AppendTo(nil), `{"seq":9,"event":"grant","at":"1970-01-01T00:16:40Z","address":"192.0.2.7","state":"","mac":"02:00:00:00:00:09","start":"1970-01-01T00:16:40Z","circuit_id":"6162","remote_id":"63"}`},
		{renew.AppendTo(nil), `{"seq":9,"event":"renew","at":"1970-01-01T00:25:00Z","address":"192.0.2.7","state":"","mac":"02:00:00:00:00:09","start":"1970-01-01T00:16:40Z","expires":"1970-01-01T01:23:20Z"}`},
	} {
		e, err := EventOf(9, tt.rec, known)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(e)
		if err != nil || string(b) != strings.Replace(tt.want, `"state":"",`, "", 1) {
			t.Errorf("%s, %v\nwant %s", b, err, tt.want)
		}
	}
	if _, err := EventOf(1, []byte{1, 2, 3}, known); err == nil {
		t.Error("taken")
	}
}
