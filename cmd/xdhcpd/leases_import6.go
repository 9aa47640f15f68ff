// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// keaLease6 is the newest row of one address or prefix in kea-leases6.csv.
type keaLease6 struct {
	line      int
	prefix    netip.Prefix
	duid      []byte
	mac       []byte
	iaid      uint32
	typ       string
	host      string
	state     string
	valid     uint64
	preferred uint64
	expire    int64
}

// Kea's types of leases.
var keaTypes = map[string]lease6.IAType{"0": lease6.NA, "1": lease6.TA, "2": lease6.PD}

// readKeaLeases6 is readKeaLeases for DHCPv6.
func readKeaLeases6(r io.Reader) (map[netip.Prefix]keaLease6, error) {
	rows := csv.NewReader(r)
	rows.FieldsPerRecord = -1
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	column := map[string]int{}
	for i, name := range head {
		column[name] = i
	}
	for _, name := range []string{"address", "duid", "valid_lifetime", "expire", "pref_lifetime", "lease_type", "iaid", "prefix_len", "hostname", "hwaddr", "state"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("no column %q: not a lease file of Kea's DHCPv6 server", name)
		}
	}
	leases := map[netip.Prefix]keaLease6{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return leases, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := rows.FieldPos(0)
		if len(row) < len(head) {
			return nil, fmt.Errorf("line %d: %d columns, the header has %d", line, len(row), len(head))
		}
		field := func(name string) string { return strings.ReplaceAll(row[column[name]], "&#x2c", ",") }
		l := keaLease6{line: line, host: field("hostname"), state: field("state"), typ: field("lease_type")}
		var errs [8]error
		var a netip.Addr
		var bits, iaid uint64
		a, errs[0] = netip.ParseAddr(field("address"))
		l.duid, errs[1] = unhex(field("duid"))
		l.mac, errs[2] = unhex(field("hwaddr"))
		l.valid, errs[3] = strconv.ParseUint(field("valid_lifetime"), 10, 32)
		l.preferred, errs[4] = strconv.ParseUint(field("pref_lifetime"), 10, 32)
		l.expire, errs[5] = strconv.ParseInt(field("expire"), 10, 64)
		iaid, errs[6] = strconv.ParseUint(field("iaid"), 10, 32)
		bits, errs[7] = strconv.ParseUint(field("prefix_len"), 10, 8)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if keaTypes[l.typ] != lease6.PD {
			bits = 128
		}
		l.iaid, l.prefix = uint32(iaid), netip.PrefixFrom(a, int(bits))
		if !l.prefix.IsValid() || !a.Is6() || l.prefix != l.prefix.Masked() {
			return nil, fmt.Errorf("line %d: %v is not an IPv6 address or prefix", line, l.prefix)
		}
		leases[l.prefix] = l
	}
}

// change is the lease as a change of the table, or why there is none.
func (l *keaLease6) change(now lease.Time) (lease6.Change, string) {
	a := l.prefix.Addr().As16()
	c := lease6.Change{
		Op: lease6.OpGrant, Full: true, Prefix: lease6.PrefixFrom(lease6.IP6From(a[:]), uint8(l.prefix.Bits())), IA: lease6.IA{ID: l.iaid},
		Client: lease6.Client{DUID: l.duid, Host: []byte(l.host)},
	}
	var known bool
	if c.IA.Type, known = keaTypes[l.typ]; !known {
		return c, "its type is " + l.typ + " (none of 0, 1, 2)"
	}
	granted := l.expire - int64(l.valid)
	switch {
	case l.valid == math.MaxUint32:
		c.Expires, granted = lease.Never, l.expire
	case l.expire <= int64(now):
		return c, "it has ended"
	default:
		c.Expires = lease.Time(min(l.expire, int64(lease.Never)-1))
	}
	c.Start = lease.Time(max(1, min(granted, int64(now))))
	c.At = c.Start
	c.Preferred = lease.Never
	if l.preferred != math.MaxUint32 {
		c.Preferred = lease.Time(min(granted+int64(l.preferred), int64(c.Expires)))
	}
	if len(l.mac) > 0 && len(l.mac) <= lease6.MaxLinkLayer-2 {
		c.Client.LinkLayer = append([]byte{0, 1}, l.mac...) // Kea says the type in a later version only: Ethernet
	}
	if len(c.Client.Host) > lease6.MaxHost {
		c.Client.Host = c.Client.Host[:lease6.MaxHost]
	}
	switch {
	case l.state == keaDeclined:
		c.Op, c.Full, c.IA, c.Client = lease6.OpDecline, false, lease6.IA{Type: c.IA.Type}, lease6.Client{}
	case l.state != keaBound:
		return c, "its state is " + l.state + " (neither assigned nor declined)"
	case len(l.duid) == 0 || len(l.duid) > lease6.MaxDUID:
		return c, "it names no client"
	}
	return c, ""
}

// scopeOf6 is the link whose pools or blocks a lease is of; false: of none.
func scopeOf6(p *policy6.Policy, l lease6.Prefix) (lease.ScopeID, bool) {
	for i := range p.Layout.Pools {
		pool := &p.Layout.Pools[i]
		if pool.Len != l.Len {
			continue
		}
		for _, r := range pool.Ranges {
			if !l.IP6.Less(r.First) && !r.Last.Less(l.IP6) {
				return pool.Scope, true
			}
		}
	}
	for _, r := range p.Layout.Reserved {
		if r.Prefix == l {
			return r.Scope, true
		}
	}
	if s := p.SubnetOf(l.IP6); s != nil && l.Len == 128 {
		return s.Scope, true
	}
	return 0, false
}

// import6 puts the leases of DHCPv6 into an open importer.
func (i *importer) import6(leases map[netip.Prefix]keaLease6, config string) (n int) {
	now := i.journal.Clock().Now()
	for _, l := range leases {
		change, why := l.change(now)
		scope, ok := lease.ScopeID(0), false
		if i.policy6 != nil {
			scope, ok = scopeOf6(i.policy6, change.Prefix)
		}
		if !ok {
			why = "no pool or block of " + config + " has it"
		}
		change.Version = uint32(now) + 1
		var old lease6.Entry
		if i.table6.Lookup(change.Prefix, &old) {
			if old.Version > 0 && old.CLTT >= change.At {
				why = "the state directory has a newer record of it"
			}
			change.Version = max(change.Version, old.Version+1)
		}
		if why != "" {
			i.leave(why, l.line, l.prefix.String())
			continue
		}
		change.Scope = scope
		rec := change.AppendTo(nil)
		copy(i.batch.Extend(len(rec)), rec)
		n++
		i.flush(batchOf)
	}
	return n
}
