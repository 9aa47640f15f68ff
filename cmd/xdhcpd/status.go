// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"xdhcp/engine/control"
)

type statusCmd struct {
	stateDir
	JSON bool `help:"The whole status as JSON."`
}

// Run prints the running server's status; without a server it fails.
func (c *statusCmd) Run(e *env) error {
	st, err := control.FetchStatus(e.ctx, c.State)
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(st)
	}
	return printStatus(e.stdout, &st, time.Now())
}

func printStatus(out io.Writer, st *control.Status, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "xdhcpd %s, pid %d, up %s\n", st.Version, st.PID, now.Sub(st.Started).Truncate(time.Second))
	fmt.Fprintf(w, "configuration\t%s, loaded %s\n", st.Config, st.ConfigLoaded.Local().Format(time.DateTime))
	if st.ReloadError != "" {
		fmt.Fprintf(w, "\ta newer one was refused: %s\n", st.ReloadError)
	}
	j := &st.Journal
	fmt.Fprintf(w, "journal\t%s, %d changes in %d groups, sync p50 %v p99 %v max %v, log %d MiB, history %d MiB\n",
		j.Durability, j.Changes, j.Groups, j.SyncP50, j.SyncP99, j.SyncMax, j.LogBytes>>20, j.HistoryBytes>>20)
	if j.Error != "" {
		fmt.Fprintf(w, "\tNOTHING IS ACKNOWLEDGED: %s\n", j.Error)
	}
	if j.Warning != "" {
		fmt.Fprintf(w, "\twarning: %s\n", j.Warning)
	}
	if j.ClockHeld != 0 {
		fmt.Fprintf(w, "\tthe clock was set: leases end %v later\n", j.ClockHeld)
	}
	for _, i := range st.Interfaces {
		fmt.Fprintf(w, "\ninterface %s\t%s, xdp %s\n", i.Name, i.State, i.Mode)
		if i.Why != "" {
			fmt.Fprintf(w, "\t%s\n", i.Why)
		}
		for _, q := range i.Queues {
			how := "zero-copy"
			if !q.ZeroCopy {
				how = "copy: " + q.Why
			}
			fmt.Fprintf(w, "  queue %d\t%s\n", q.ID, how)
			printLosses(w, &q.Rings)
		}
		for _, name := range slices.Sorted(maps.Keys(i.Steering)) {
			if n := i.Steering[name]; n > 0 {
				fmt.Fprintf(w, "  xdp %s\t%d\n", name, n)
			}
		}
	}
	if st.DHCPv6 == nil {
		printPath(w, "fast path", &st.Fast, nil)
		printPath(w, "slow path", &st.Slow, nil)
	} else {
		printPath(w, "fast path", &st.Fast, &st.DHCPv6.Fast)
		printPath(w, "slow path", &st.Slow, &st.DHCPv6.Slow)
	}
	fast, slow := answered(&st.Fast), answered(&st.Slow)
	if all := fast + slow; all > 0 {
		fmt.Fprintf(w, "\nanswered\t%d in place (%.1f %%), %d by the slow path\n", fast, 100*float64(fast)/float64(all), slow)
	}
	if d := st.DDNS; d != nil {
		fmt.Fprintf(w, "\ndns updates\twaiting %d  added %d  removed %d  conflicts %d  no zone %d  failures %d  given up %d\n",
			d.Waiting, d.Added, d.Removed, d.Conflicts, d.NoZone, d.Failures, d.GivenUp)
	}
	printBulk(w, "bulk leasequery", st.BulkLeaseQuery)
	fmt.Fprintln(w, "\npool\tsize\tbound\toffered\tdeclined\tfree")
	for _, p := range st.Pools {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", p.Name, p.Size, p.Bound, p.Offered, p.Declined, p.Free)
	}
	if d := st.DHCPv6; d != nil {
		status6(w, d)
	}
	return w.Flush()
}

func printBulk(w io.Writer, name string, b *control.BulkLeaseQuery) {
	if b != nil {
		fmt.Fprintf(w, "\n%s\topen %d  accepted %d  refused %d  full %d  queries %d  answers %d  broken %d\n",
			name, b.Open, b.Accepted, b.Refused, b.Full, b.Queries, b.Messages, b.Broken)
	}
}

// printPath prints what a path did, and in a column of its own what of that was DHCPv6.
func printPath(w io.Writer, name string, all, v6 *control.Path) {
	line := func(what string, p *control.Path, less map[string]uint64) {
		fmt.Fprintf(w, "%s\t", what)
		for _, v := range []string{"reply", "await", "punt", "drop"} {
			fmt.Fprintf(w, "%s %d  ", v, p.Verdicts[v]-less[v])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	if v6 == nil {
		line(name, all, nil)
		for _, r := range all.Reasons {
			fmt.Fprintf(w, "  %s\t%d\t%s\n", r.Name, r.Count, r.Sentence)
		}
		return
	}
	line(name+", DHCPv4", all, v6.Verdicts)
	line(name+", DHCPv6", v6, nil)
	six := map[string]uint64{}
	for _, r := range v6.Reasons {
		six[r.Name] = r.Count
	}
	if len(all.Reasons) > 0 {
		fmt.Fprintln(w, "  \tDHCPv4\tDHCPv6")
	}
	for _, r := range all.Reasons {
		fmt.Fprintf(w, "  %s\t%d\t%d\t%s\n", r.Name, r.Count-six[r.Name], six[r.Name], r.Sentence)
	}
}

// answered is how many frames a path has answered.
func answered(p *control.Path) uint64 { return p.Verdicts["reply"] + p.Verdicts["await"] }

func status6(w io.Writer, d *control.DHCPv6) {
	fmt.Fprintf(w, "\nDHCPv6\tserver %s, %s delegated\n", d.DUID, prefixes(d.Delegated))
	if r := d.Routes; r != nil {
		fmt.Fprintf(w, "routes\t%d installed\n", r.Installed)
		if r.Error != "" {
			fmt.Fprintf(w, "\t%s\n", r.Error)
		}
	}
	printBulk(w, "bulk leasequery, DHCPv6", d.BulkLeaseQuery)
	if d.Reconfigures > 0 {
		fmt.Fprintf(w, "reconfigures\tsent %d  repeated %d  obeyed %d  ignored %d\n", d.Reconfigures, d.ReconfiguresRepeated, d.ReconfiguresObeyed, d.ReconfiguresIgnored)
	}
	fmt.Fprintln(w, "\npool\tgives\tsize\tbound\toffered\tdeclined\tfree")
	for _, p := range d.Pools {
		fmt.Fprintf(w, "%s\t/%d\t%s\t%d\t%d\t%d\t%s\n", p.Name, p.Length, many(p.Size), p.Bound, p.Offered, p.Declined, many(p.Free))
	}
}

func prefixes(n uint64) string {
	if n == 1 {
		return "1 prefix"
	}
	return many(n) + " prefixes"
}

// many is a number, unless it is too large to tell anything.
func many(n uint64) string {
	if n >= 1<<62 {
		return "2^62+"
	}
	return strconv.FormatUint(n, 10)
}
