// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/lease"
)

// FuzzBulk gives the codec of bulk leasequery arbitrary messages, with leases in the
// table. Whatever it answers is framed, parses with another library, is about one
// address at most once, and ends with one DHCPLEASEQUERYDONE.
func FuzzBulk(f *testing.F) {
	query := func(options ...byte) []byte {
		m := with(message(append([]byte{53, 1, 14}, options...)...), 28, make([]byte, 16)...)
		m[1], m[2] = 0, 0
		return m
	}
	f.Add(query())
	f.Add(query(55, 7, 51, 61, 82, 91, 152, 153, 156))
	f.Add(query(61, 2, 0, 11))
	f.Add(query(82, 4, 2, 2, 'd', 's'))
	f.Add(query(154, 4, 0, 0, 0, 1, 155, 4, 255, 255, 255, 255, 221, 1, 254))
	f.Add(query(154, 1, 0))
	f.Add(with(query(), atCiaddr, 1))
	f.Add(message(53, 1, 1))
	s := newQueries(f)
	s.lease(11, opt(2, []byte("ds"))...)
	s.lease(12)
	c := NewBulkCodec(s.server)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > MaxBulk {
			return
		}
		seen := map[string]bool{}
		done := 0
		usable := c.Answer(s.policy, b, lease.IP4From(serverIP), func() lease.Time { return now + 5 }, func(answer []byte) bool {
			if int(binary.BigEndian.Uint16(answer)) != len(answer)-2 {
				t.Fatalf("framed as %d bytes, has %d", binary.BigEndian.Uint16(answer), len(answer)-2)
			}
			m, err := dhcpv4.FromBytes(answer[2:])
			if err != nil {
				t.Fatalf("%v\n%x", err, answer)
			}
			if done > 0 || string(m.TransactionID[:]) != string(b[4:8]) {
				t.Fatalf("behind the end, or of another transaction: %s", m.Summary())
			}
			switch m.MessageType() {
			case 15:
				done++
			case leaseActive, leaseUnassigned:
				if a := m.ClientIPAddr.String(); seen[a] {
					t.Fatalf("%s twice", a)
				} else {
					seen[a] = true
				}
			default:
				t.Fatalf("%s", m.Summary())
			}
			return true
		})
		if usable != (done == 1) {
			t.Fatalf("usable %v, %d ends", usable, done)
		}
	})
}
