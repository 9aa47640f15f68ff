// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"xdhcp/engine/journal"
	"xdhcp/engine/lease"
	"xdhcp/internal/config"
)

type leasesImportCmd struct {
	stateDir
	Config string `short:"c" required:"" help:"Configuration that the leases will be served with." placeholder:"FILE"`
	File   string `arg:"" help:"Kea's lease file, kea-leases4.csv."`
}

// Run takes over the leases of Kea's memfile. The state directory must not be
// in use; what it holds already wins where it is newer.
func (c *leasesImportCmd) Run(e *env) error {
	cfg, err := loadConfig(e.stderr, c.Config)
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	leases, err := readKeaLeases(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	n, err := c.store(e, cfg, leases)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%s of %d in the file\n", count(n, "lease")+" imported", len(leases))
	return nil
}

// keaLease is the newest row of one address.
type keaLease struct {
	line     int
	addr     netip.Addr
	mac      []byte
	clientID []byte
	host     string
	state    string
	valid    uint64
	expire   int64
}

// Kea's lease states (its manual, "lease database").
const (
	keaBound    = "0"
	keaDeclined = "1"
)

// readKeaLeases reads a lease file. It is a log: the last row of an address
// counts. Commas in text are written as &#x2c.
func readKeaLeases(r io.Reader) (map[netip.Addr]keaLease, error) {
	rows := csv.NewReader(r)
	rows.FieldsPerRecord = -1 // newer versions have more columns
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	column := map[string]int{}
	for i, name := range head {
		column[name] = i
	}
	for _, name := range []string{"address", "hwaddr", "client_id", "valid_lifetime", "expire", "hostname", "state"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("no column %q: not a lease file of Kea's DHCPv4 server", name)
		}
	}
	leases := map[netip.Addr]keaLease{}
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
		l := keaLease{line: line, host: field("hostname"), state: field("state")}
		var errs [5]error
		l.addr, errs[0] = netip.ParseAddr(field("address"))
		l.mac, errs[1] = unhex(field("hwaddr"))
		l.clientID, errs[2] = unhex(field("client_id"))
		l.valid, errs[3] = strconv.ParseUint(field("valid_lifetime"), 10, 32)
		l.expire, errs[4] = strconv.ParseInt(field("expire"), 10, 64)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if !l.addr.Is4() {
			return nil, fmt.Errorf("line %d: %v is not an IPv4 address", line, l.addr)
		}
		leases[l.addr] = l
	}
}

// unhex reads bytes in hexadecimal with colons.
func unhex(s string) ([]byte, error) { return hex.DecodeString(strings.ReplaceAll(s, ":", "")) }

// store writes the leases to the journal of the state directory.
func (c *leasesImportCmd) store(e *env, cfg *config.Config, leases map[netip.Addr]keaLease) (n int, err error) {
	pol, err := compile(cfg, nil)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.Config, err)
	}
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return 0, fmt.Errorf("state directory: %w", err)
	}
	table, err := lease.New(lease.Options{})
	if err != nil {
		return 0, err
	}
	if err := table.Reconfigure(pol.Layout); err != nil {
		return 0, err
	}
	log := slog.New(slog.NewTextHandler(e.stderr, nil))
	j, _, err := journal.Open(c.State, table, journal.Options{Log: log})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(e.ctx)
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-done, j.Err())
	}()

	const batchOf = 1000
	batch := lease.NewBatch(0)
	now := j.Clock().Now()
	notTaken := map[string]left{}
	var id [lease.MaxID]byte
	for _, l := range leases {
		change, why := l.change(now)
		if change.Full {
			cl, identity := lease.Client{HType: change.HType, HW: change.HW, ClientID: change.ClientID}, pol.Identity
			if s := pol.SubnetOf(change.Addr); s != nil {
				identity = s.Identity
			}
			identity.Identify(&cl, id[:])
			change.Kind, change.ID = cl.Kind, cl.ID
		}
		subnet := pol.SubnetOf(change.Addr)
		if subnet == nil {
			why = "no subnet of " + c.Config + " holds it"
		}
		var old lease.Entry
		if table.Lookup(change.Addr, &old) {
			if old.Version > 0 && old.CLTT >= change.At {
				why = "the state directory has a newer record of it"
			}
			change.Version = old.Version + 1
		}
		if why != "" {
			x := notTaken[why]
			if x.n++; x.line == 0 || l.line < x.line {
				x.line, x.addr = l.line, l.addr
			}
			notTaken[why] = x
			continue
		}
		change.Scope = subnet.Scope
		batch.Add(&change)
		if n++; batch.Len() == batchOf {
			j.Append(batch)
			batch.Reset()
		}
	}
	j.Append(batch)
	for _, why := range slices.Sorted(maps.Keys(notTaken)) {
		x := notTaken[why]
		fmt.Fprintf(e.stderr, "%s not imported: %s (first %s:%d: %v)\n", count(x.n, "lease"), why, c.File, x.line, x.addr)
	}
	return n, nil
}

// left is the leases that were not imported for one reason.
type left struct {
	n    int
	line int // of the first
	addr netip.Addr
}

// change is the lease as a change of the table, or why there is none.
func (l *keaLease) change(now lease.Time) (lease.Change, string) {
	c := lease.Change{
		Op: lease.OpGrant, Addr: lease.IP4From(l.addr.AsSlice()), Version: 1, Full: true,
		HType: 1, HW: l.mac, ClientID: l.clientID, Host: []byte(l.host),
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
	switch {
	case len(l.host) > lease.MaxHost:
		c.Host = c.Host[:lease.MaxHost]
	case len(l.mac) > lease.MaxHW || len(l.clientID) > lease.MaxID:
		return c, "its client's identifier is too long"
	}
	switch l.state {
	case keaBound:
	case keaDeclined:
		c.Op, c.Full = lease.OpDecline, false
		return c, ""
	default:
		return c, "its state is " + l.state + " (neither assigned nor declined)"
	}
	if len(l.clientID) == 0 && len(l.mac) == 0 {
		return c, "it names no client"
	}
	return c, ""
}
