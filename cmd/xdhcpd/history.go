// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"

	"xdhcp/engine/journal"
	"xdhcp/engine/journal/history"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

type historyCmd struct {
	stateDir
	clientFlags
	Address string `arg:"" optional:"" help:"Who had this address, or something in this IPv6 prefix. Without it, say which client."`
	At      string `help:"At this moment (2026-01-31T12:00:00Z, or 2026-01-31 12:00:00 in local time)." xor:"when" placeholder:"TIME"`
	From    string `help:"From this moment on." placeholder:"TIME"`
	To      string `help:"Up to this moment." placeholder:"TIME"`
	JSON    bool   `help:"One JSON object per line."`
}

// historyEntry is one line of the JSON output.
type historyEntry struct {
	Address  string    `json:"address"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to,omitzero"`     // zero: never
	Ended    string    `json:"ended,omitempty"` // release, decline, expire, grant (to another); empty: it has not
	Last     time.Time `json:"last"`            // newest grant or renewal
	MAC      string    `json:"mac,omitempty"`
	ClientID string    `json:"client_id,omitempty"`
	Host     string    `json:"host,omitempty"`
	Circuit  string    `json:"circuit_id,omitempty"`
	Remote   string    `json:"remote_id,omitempty"`
	DUID     string    `json:"duid,omitempty"`
	IA       string    `json:"ia,omitempty"` // of DHCPv6: IA_NA, IA_TA or IA_PD
	IAID     *uint32   `json:"iaid,omitempty"`
	// Known is false where the grant is older than the history that is kept.
	Known bool `json:"known"`
}

// Run answers from the state directory, whether or not a server runs.
func (c *historyCmd) Run(e *env) error {
	is, err := c.parse()
	if err != nil {
		return err
	}
	from, to, err := c.window()
	if err != nil {
		return err
	}
	byClient := len(is.mac)+len(is.clientID)+len(is.circuit)+len(is.remote)+len(is.duid)+len(is.interfaceID) > 0
	if byClient == (c.Address != "") {
		return &exitError{2, "xdhcpd: history takes an address or prefix, or one or more of --mac, --client-id, --circuit, --remote, --duid and --interface-id"}
	}
	view, err := journal.OpenHistory(c.State)
	if err != nil {
		return err
	}
	defer view.Close()
	var records []history.Record
	if byClient {
		records, err = view.ByClient(history.Query{
			HW: is.mac, ClientID: is.clientID, Circuit: is.circuit, Remote: is.remote, DUID: is.duid, InterfaceID: is.interfaceID}, from, to)
	} else {
		records, err = byAddress(view, c.Address, from, to)
	}
	if err != nil {
		return err
	}
	if c.At != "" {
		records = onlyAt(records, from)
	}
	return c.print(e, records)
}

// byAddress asks for an IPv4 address, or an IPv6 address or prefix.
func byAddress(view *history.View, s string, from, to lease.Time) ([]history.Record, error) {
	if p, err := netip.ParsePrefix(s); err == nil && p.Addr().Is6() {
		return view.ByPrefix(lease6.PrefixFrom(lease6.IP6From(p.Addr().AsSlice()), uint8(p.Bits())), from, to)
	}
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil || a.Zone() != "":
		return nil, &exitError{2, fmt.Sprintf("xdhcpd: %q is not an address, and not an IPv6 prefix", s)}
	case a.Is4():
		return view.ByAddress(lease.IP4From(a.AsSlice()), from, to)
	}
	return view.ByPrefix(lease6.AddrPrefix(lease6.IP6From(a.AsSlice())), from, to)
}

// placeOf is what a record is about.
func placeOf(r *history.Record) string {
	if r.Prefix.IsNone() {
		return r.Addr.String()
	}
	return r.Prefix.String()
}

// onlyAt keeps, of each address, the one that had it at a moment: at the second
// of a change both its neighbours touch it, and the later one counts.
func onlyAt(records []history.Record, at lease.Time) []history.Record {
	last := map[string]history.Record{}
	for _, r := range records {
		if r.To > at || r.Ended == 0 && r.To >= at {
			last[placeOf(&r)] = r
		}
	}
	kept := records[:0]
	for _, r := range records {
		if l, ok := last[placeOf(&r)]; ok && l.From == r.From {
			kept = append(kept, l)
			delete(last, placeOf(&r))
		}
	}
	return kept
}

// window is the span of time that is asked for.
func (c *historyCmd) window() (from, to lease.Time, err error) {
	if c.At != "" {
		if c.From != "" || c.To != "" {
			return 0, 0, &exitError{2, "xdhcpd: --at is one moment, --from and --to are two"}
		}
		at, err := moment("--at", c.At)
		return at, at, err
	}
	to = lease.Never
	if c.From != "" {
		if from, err = moment("--from", c.From); err != nil {
			return 0, 0, err
		}
	}
	if c.To != "" {
		to, err = moment("--to", c.To)
	}
	return from, to, err
}

func moment(flag, s string) (lease.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t, err = time.ParseInLocation(time.DateTime, strings.Replace(s, "T", " ", 1), time.Local)
	}
	if err != nil || t.Unix() < 0 || t.Unix() >= int64(lease.Never) {
		return 0, &exitError{2, fmt.Sprintf("xdhcpd: %s %q: want a time such as 2026-01-31T12:00:00Z or \"2026-01-31 12:00:00\"", flag, s)}
	}
	return lease.Time(t.Unix()), nil
}

func (c *historyCmd) print(e *env, records []history.Record) error {
	if c.JSON {
		enc := json.NewEncoder(e.stdout)
		for i := range records {
			if err := enc.Encode(entryOf(&records[i])); err != nil {
				return err
			}
		}
		return nil
	}
	if len(records) == 0 {
		return errors.New("nothing is on record")
	}
	w := tabwriter.NewWriter(e.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ADDRESS\tFROM\tTO\tENDED\tMAC\tCLIENT-ID\tCIRCUIT-ID\tREMOTE-ID")
	for i := range records {
		h := entryOf(&records[i])
		to := "never"
		if !h.To.IsZero() {
			to = h.To.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.Address, h.From.Local().Format(time.DateTime), to,
			dash(h.Ended), dash(h.MAC), dash(h.ClientID), dash(h.Circuit), dash(h.Remote))
	}
	return w.Flush()
}

func entryOf(r *history.Record) historyEntry {
	at := func(t lease.Time) time.Time {
		if t == lease.Never {
			return time.Time{}
		}
		return time.Unix(int64(t), 0).UTC()
	}
	h := historyEntry{
		Address: placeOf(r), From: at(r.From), To: at(r.To), Last: at(r.Last), Known: r.Known,
		MAC: net.HardwareAddr(r.Client.HW).String(), ClientID: hex.EncodeToString(r.Client.ClientID),
		Host:    strings.ToValidUTF8(string(r.Client.Host), "\uFFFD"),
		Circuit: hex.EncodeToString(r.Client.Circuit()), Remote: hex.EncodeToString(r.Client.Remote()),
	}
	if r.Client.IA.Type != 0 {
		h.IA, h.IAID = r.Client.IA.Type.String(), &r.Client.IA.ID
		h.DUID, h.Remote = hex.EncodeToString(r.Client.DUID), hex.EncodeToString(r.Client.RemoteID)
	}
	if r.Ended != 0 {
		h.Ended = r.Ended.String()
	}
	return h
}
