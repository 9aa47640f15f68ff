// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
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
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
	"xdhcp/internal/config"
)

type leasesImportCmd struct {
	stateDir
	Config string `short:"c" required:"" help:"Configuration that the leases will be served with." placeholder:"FILE"`
	File   string `arg:"" help:"Kea's lease file, kea-leases4.csv or kea-leases6.csv."`
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
	// The two files differ in their columns.
	in := bufio.NewReaderSize(f, 4096)
	head, _ := in.Peek(4096)
	line, _, _ := strings.Cut(string(head), "\n")
	var all int
	var put func(*importer) int
	if strings.Contains(line, ",duid,") && !strings.Contains(line, "client_id") {
		var leases map[netip.Prefix]keaLease6
		leases, err = readKeaLeases6(in)
		all, put = len(leases), func(i *importer) int { return i.import6(leases, c.Config) }
	} else {
		var leases map[netip.Addr]keaLease
		leases, err = readKeaLeases(in)
		all, put = len(leases), func(i *importer) int { return i.import4(leases, c.Config) }
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	n, err := c.store(e, cfg, put)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "%s of %d in the file\n", count(n, "lease")+" imported", all)
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

// batchOf is how many leases go to the journal at once.
const batchOf = 1000

// importer is an open state directory that leases are put into.
type importer struct {
	policy  *policy.Policy
	policy6 *policy6.Policy // nil: the configuration has no DHCPv6
	table   *lease.Table
	table6  *lease6.Table
	journal *journal.Journal
	batch   *lease.Batch
	left    map[string]left
}

// flush gives the batch to the journal if it has so many leases.
func (i *importer) flush(most int) {
	if i.batch.Len() >= most {
		i.journal.Append(i.batch)
		i.batch.Reset()
	}
}

// leave notes that a lease is not taken over.
func (i *importer) leave(why string, line int, what string) {
	x := i.left[why]
	if x.n++; x.line == 0 || line < x.line {
		x.line, x.what = line, what
	}
	i.left[why] = x
}

// left is the leases that were not imported for one reason.
type left struct {
	n    int
	line int // of the first
	what string
}

// store opens the state directory, puts leases into it and makes them durable.
func (c *leasesImportCmd) store(e *env, cfg *config.Config, put func(*importer) int) (n int, err error) {
	i := &importer{batch: lease.NewBatch(0), left: map[string]left{}}
	if i.policy, err = compile(cfg, nil); err == nil {
		i.policy6, err = compile6(cfg, nil, sampleDUID(cfg), nil)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.Config, err)
	}
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return 0, fmt.Errorf("state directory: %w", err)
	}
	if i.table, err = lease.New(lease.Options{}); err != nil {
		return 0, err
	}
	if i.table6, err = lease6.New(lease6.Options{}); err != nil {
		return 0, err
	}
	if err = i.table.Reconfigure(i.policy.Layout); err == nil && i.policy6 != nil {
		err = i.table6.Reconfigure(i.policy6.Layout)
	}
	if err != nil {
		return 0, err
	}
	log := slog.New(slog.NewTextHandler(e.stderr, nil))
	if i.journal, _, err = journal.Open(c.State, journal.Tables{Table: i.table, V6: i.table6}, journal.Options{Log: log}); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(e.ctx)
	done := make(chan error, 1)
	go func() { done <- i.journal.Run(ctx) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-done, i.journal.Err())
	}()
	n = put(i)
	i.flush(0)
	for _, why := range slices.Sorted(maps.Keys(i.left)) {
		x := i.left[why]
		fmt.Fprintf(e.stderr, "%s not imported: %s (first %s:%d: %s)\n", count(x.n, "lease"), why, c.File, x.line, x.what)
	}
	return n, nil
}

// import4 puts the leases of DHCPv4 into an open importer.
func (i *importer) import4(leases map[netip.Addr]keaLease, config string) (n int) {
	now := i.journal.Clock().Now()
	var id [lease.MaxID]byte
	for _, l := range leases {
		change, why := l.change(now)
		if change.Full {
			cl, identity := lease.Client{HType: change.HType, HW: change.HW, ClientID: change.ClientID}, i.policy.Identity
			if s := i.policy.SubnetOf(change.Addr); s != nil {
				identity = s.Identity
			}
			identity.Identify(&cl, id[:])
			change.Kind, change.ID = cl.Kind, cl.ID
		}
		subnet := i.policy.SubnetOf(change.Addr)
		if subnet == nil {
			why = "no subnet of " + config + " holds it"
		}
		var old lease.Entry
		if i.table.Lookup(change.Addr, &old) {
			if old.Version > 0 && old.CLTT >= change.At {
				why = "the state directory has a newer record of it"
			}
			change.Version = old.Version + 1
		}
		if why != "" {
			i.leave(why, l.line, l.addr.String())
			continue
		}
		change.Scope = subnet.Scope
		i.batch.Add(&change)
		n++
		i.flush(batchOf)
	}
	return n
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
