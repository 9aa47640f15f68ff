// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// What of an encoded lease.Change or lease6.Change has a fixed place, for those who need
// no more of it.

// nextRecord splits the first record off b, with all that has a fixed place.
func nextRecord(b []byte) (rec, rest []byte, err error) {
	rec, rest, err = lease.Next(b)
	if err == nil && isV6(rec) && len(rec) < lease6.MinChange {
		err = lease.ErrCorrupt
	}
	return rec, rest, err
}

// isV6 tells a record of DHCPv6.
func isV6(rec []byte) bool { return lease.Op(rec[2])&lease.OpV6 != 0 }

// recOp is the operation of either family.
func recOp(rec []byte) lease.Op    { return lease.Op(rec[2]) &^ lease.OpV6 }
func recAddr(rec []byte) lease.IP4 { return lease.IP4(le.Uint32(rec[4:])) }
func recVersion(rec []byte) uint32 { return le.Uint32(rec[8:]) }
func recAt(rec []byte) lease.Time  { return lease.Time(le.Uint32(rec[12:])) }

// recStart is of a Grant or a Renew of IPv4.
func recStart(rec []byte) lease.Time { return lease.Time(le.Uint32(rec[20:])) }

func recPrefix(rec []byte) lease6.Prefix {
	return lease6.Prefix{IP6: lease6.IP6From(rec[16:]), Len: rec[4]}
}

func recExpires(rec []byte) lease.Time {
	at := 16
	if isV6(rec) {
		at = 32
	}
	if len(rec) < at+4 {
		return 0
	}
	return lease.Time(le.Uint32(rec[at:]))
}

// recPlace is a number that all records of an address or a prefix have in common.
func recPlace(rec []byte) uint32 {
	if !isV6(rec) {
		return uint32(recAddr(rec))
	}
	p := recPrefix(rec)
	h := (p.Hi ^ p.Lo ^ uint64(p.Len)) * 0x9e3779b97f4a7c15
	return uint32(h >> 32)
}

func recName(rec []byte) string {
	if isV6(rec) {
		return recPrefix(rec).String()
	}
	return recAddr(rec).String()
}
