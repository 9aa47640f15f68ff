// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/netip"
	"os"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"xdhcp/engine/control"
	"xdhcp/engine/ddns"
	"xdhcp/engine/exchange"
	"xdhcp/engine/exchange6"
	"xdhcp/engine/journal"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
	"xdhcp/engine/port"
	"xdhcp/engine/worker"
	"xdhcp/fastpath"
	"xdhcp/internal/config"
	"xdhcp/internal/routes"
	"xdhcp/slowpath"
	"xdhcp/slowpath/bulk"
)

// Journal lanes. Workers have those from firstWorkerLane on.
const (
	slowLane = iota
	reaperLane
	firstWorkerLane
)

// server is everything that runs, put together.
type server struct {
	log     *slog.Logger
	started time.Time
	file    string // of the configuration

	policy  atomic.Pointer[policy.Policy]
	table   *lease.Table
	brain   *exchange.Server
	journal *journal.Journal
	slow    *slowpath.Server
	ports   []*port.Port
	control *control.Server
	bulk    *bulk.Server  // nil: bulk leasequery is not served
	bulk6   *bulk.Server  // likewise, of DHCPv6
	ddns    *ddns.Updater // nil: names are not put into the DNS

	policy6 atomic.Pointer[policy6.Policy] // nil: DHCPv6 is not served
	table6  *lease6.Table
	brain6  *exchange6.Server
	routes  *routes.Keeper // nil: none are kept
	relink  chan struct{}  // an interface has changed, and routes by it may be gone
	// reconfigure is what clients' keys are made from; nil: they get none.
	reconfigure []byte

	lanes atomic.Int32 // handed out to workers

	lastLoad atomic.Pointer[reloaded]

	mu    sync.Mutex // serialises changes of the policy
	cfg   *config.Config
	facts map[int]port.Facts
}

// reloaded is when the configuration in force was loaded, and why a newer one was
// not. It is read while a file is being loaded.
type reloaded struct {
	at  time.Time
	err string
}

// newServer puts a server together and reads the leases of the state directory;
// it attaches and starts nothing. The caller closes it or runs it.
func newServer(cfg *config.Config, file string, log *slog.Logger) (s *server, err error) {
	s = &server{log: log, started: time.Now(), file: file, facts: map[int]port.Facts{}, relink: make(chan struct{}, 1)}
	durable := func(t lease.Ticket) bool { return s.journal.OnDisk(t) }
	failed := func() bool { return s.journal.Err() != nil }
	if s.table, err = lease.New(lease.Options{Durable: durable}); err != nil {
		return nil, err
	}
	if s.table6, err = lease6.New(lease6.Options{Durable: durable}); err != nil {
		return nil, err
	}
	s.brain = &exchange.Server{Table: s.table, Failed: failed}
	s.brain6 = &exchange6.Server{Table: s.table6, Failed: failed, Durable: durable}
	if queries(cfg) {
		s.brain.Clients = exchange.NewClients(s.table)
	}
	if err := s.install(cfg, s.facts); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s.lastLoad.Store(&reloaded{at: s.started})
	if err := s.recover(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.journal.Close())
		}
	}()

	if err = s.openSecret(cfg); err != nil {
		return nil, err
	}
	clock := leaseClock(s.journal.Clock())
	s.slow = slowpath.New(slowpath.Options{
		Exchange: s.brain, Policy: s.policy.Load, Journal: s.journal, Log: log, Lane: slowLane, Clock: clock, Interfaces: slowInterfaces(cfg),
		Exchange6: s.brain6, Policy6: s.policy6.Load, Families: s.families,
	})
	for i := range cfg.Interfaces {
		ifc := &cfg.Interfaces[i]
		s.ports = append(s.ports, port.New(port.Options{
			Name: ifc.Name, Index: uint16(i), Off: ifc.XDP == config.XDPOff, Mode: attachMode(ifc.XDP),
			VLANs: ifc.VLANs, Busy: ifc.Wait == config.WaitBusy,
			Batch: s.workerBatch,
			Handler: func() worker.Handler {
				h := fastpath.New(s.brain, &s.policy)
				h.Serve6(s.brain6, &s.policy6)
				return h
			},
			Families: s.families,
			Journal:  s.journal, Punter: s.slow.Queue(), Clock: clock,
			Steer:   func(f port.Facts) []netip.Prefix { return steered(ifc, f) },
			Changed: func(f port.Facts) { s.changed(i, f) },
			Log:     log,
		}))
	}
	s.ddns = s.newDDNS(cfg)
	if s.bulk, s.bulk6, err = s.newBulk(cfg, clock); err != nil {
		return nil, err
	}
	if err = s.openRoutes(cfg); err != nil {
		return nil, err
	}
	if s.control, err = control.Listen(cfg.State, s); err != nil {
		return nil, err
	}
	return s, nil
}

func slowInterfaces(cfg *config.Config) []slowpath.Interface {
	var out []slowpath.Interface
	for i, ifc := range cfg.Interfaces {
		out = append(out, slowpath.Interface{Name: ifc.Name, Port: uint16(i)})
	}
	return out
}

// recover opens the journal and replays it into the tables.
func (s *server) recover() error {
	h := s.cfg.History
	j, r, err := journal.Open(s.cfg.State, journal.Tables{Table: s.table, V6: s.table6}, journal.Options{
		Async:   s.cfg.Durability == config.Async,
		History: journal.HistoryOptions{Off: h.Off, Keep: time.Duration(h.Keep) * time.Second, MaxBytes: h.Size},
		Log:     s.log,
	})
	if err != nil {
		return err
	}
	s.journal = j
	s.table.Settle()
	s.table6.Settle()
	s.table6.HoldFresh(r.Hold6())
	s.brain.Seed(s.policy.Load())
	if p := s.policy6.Load(); p != nil {
		s.brain6.Seed(p)
	}
	giveBack() // before anybody waits for an answer
	var pools []lease.Range
	for _, p := range s.policy.Load().Layout.Pools {
		pools = append(pools, p.Ranges...)
	}
	if err := r.ApplyHolds(s.table, pools); err != nil {
		return errors.Join(err, j.Close())
	}
	if r.Cut != nil {
		s.log.Warn("the log ended in the middle of a group, as after a crash: the group was cut off, nobody had been told of it",
			"file", r.Cut.File, "offset", r.Cut.Offset)
	}
	if !r.Fresh {
		s.log.Info("leases are loaded", "bound", s.table.Stats().Bound+s.table6.Stats().Bound, "from_snapshot", r.Records, "from_log", r.Changes, "took", r.Took)
	}
	return nil
}

// leaseClock is the journal's clock as a time.Time for those who also measure
// how long a packet has waited.
func leaseClock(c *journal.Clock) func() time.Time {
	return func() time.Time {
		now := time.Now()
		// The monotonic reading goes along. The two clocks differ only after
		// somebody has set the machine's.
		if apart := int64(c.Now()) - now.Unix(); apart != 0 {
			now = now.Add(time.Duration(apart) * time.Second)
		}
		return now
	}
}

// run serves until ctx ends or one of the parts fails. It closes the server.
func (s *server) run(ctx context.Context) error {
	defer s.control.Close()
	// The journal ends last: it makes durable what the others wait for.
	journalCtx, endJournal := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- s.journal.Run(journalCtx) }()
	err := s.serve(ctx)
	endJournal()
	return errors.Join(err, <-done)
}

// serve runs everything but the journal.
func (s *server) serve(ctx context.Context) error {
	// The slow path ends after the workers, which punt to it, and takes what
	// they have left.
	slowCtx, endSlow := context.WithCancel(context.WithoutCancel(ctx))
	defer endSlow()
	rest, ctx := errgroup.WithContext(ctx)
	rest.Go(func() error {
		if err := s.slow.Run(slowCtx); err != nil {
			return fmt.Errorf("slow path: %w", err)
		}
		return nil
	})
	fast, fastCtx := errgroup.WithContext(ctx)
	for _, p := range s.ports {
		fast.Go(func() error {
			if err := p.Run(fastCtx); err != nil {
				return fmt.Errorf("%v: %w", p, err)
			}
			return nil
		})
	}
	rest.Go(func() error {
		defer endSlow()
		return fast.Wait()
	})
	rest.Go(func() error { return s.control.Run(ctx) })
	rest.Go(func() error { return s.reap(ctx) })
	if s.ddns != nil {
		rest.Go(func() error { s.followNames(ctx); return nil })
	}
	rest.Go(func() error { return s.keepRoutes(ctx) })
	if s.bulk != nil {
		rest.Go(func() error { return s.bulk.Run(ctx) })
	}
	if s.bulk6 != nil {
		rest.Go(func() error { return s.bulk6.Run(ctx) })
	}
	if s.brain.Clients != nil {
		rest.Go(func() error { s.followClients(ctx); return nil })
	}
	return rest.Wait()
}

// workerBatch gives out the journal lanes of workers.
func (s *server) workerBatch() (*lease.Batch, error) {
	n := firstWorkerLane + s.lanes.Add(1) - 1
	if n > math.MaxUint8 {
		return nil, fmt.Errorf("more than %d receive queues in all", math.MaxUint8-firstWorkerLane+1)
	}
	return lease.NewBatch(uint8(n)), nil
}

const (
	// reapEvery is the unit of lease times. A busier ticker costs an idle server
	// more than all the rest.
	reapEvery = time.Second
	// reapBudget is how many records one call handles before the journal takes
	// the changes.
	reapBudget = 10_000
	// heapEvery is in ticks: how often the collector's setting follows the table.
	heapEvery = 30
)

// reap ends leases, offers and probations whose time is over.
func (s *server) reap(ctx context.Context) error {
	batch := lease.NewBatch(reaperLane)
	tick := time.NewTicker(reapEvery)
	defer tick.Stop()
	var heap heapBound
	for n := 0; ; n++ {
		if n%heapEvery == 0 {
			heap.adjust()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, expire := range []func(lease.Time, int, *lease.Batch) int{s.table.Expire, s.table6.Expire} {
			for n := reapBudget; n == reapBudget && ctx.Err() == nil; {
				n = expire(s.journal.Clock().Expiry(), reapBudget, batch)
				if batch.Len() > 0 {
					s.journal.Append(batch)
					batch.Reset()
				}
			}
		}
	}
}

// install compiles cfg and puts it in force. The caller holds mu, or is alone.
func (s *server) install(cfg *config.Config, facts map[int]port.Facts) error {
	p, err := compile(cfg, facts)
	if err != nil {
		return err
	}
	p6, err := s.policyOf6(cfg, facts)
	if err != nil {
		return err
	}
	layout6 := lease6.Layout{}
	if p6 != nil {
		layout6 = p6.Layout
	}
	if err := errors.Join(s.table.Reconfigure(p.Layout), s.table6.Reconfigure(layout6)); err != nil {
		return err
	}
	if s.journal != nil { // else the tables are still empty
		// Counted here, so that no packet waits for it.
		s.brain.Seed(p)
		if p6 != nil {
			s.brain6.Seed(p6)
		}
	}
	s.policy.Store(p)
	s.policy6.Store(p6)
	s.cfg, s.facts = cfg, facts
	return nil
}

// changed takes note of how an interface looks now.
func (s *server) changed(i int, f port.Facts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	facts := maps.Clone(s.facts)
	facts[i] = f
	if err := s.install(s.cfg, facts); err != nil {
		s.log.Error("addresses of the interface are not taken over", "interface", s.cfg.Interfaces[i].Name, "why", err)
	}
	select {
	case s.relink <- struct{}{}:
	default:
	}
}

// reload loads the configuration file again. A file with mistakes, or with
// other interfaces, leaves the one in force.
func (s *server) reload(stderr io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.load(stderr)
	if err != nil {
		s.lastLoad.Store(&reloaded{s.lastLoad.Load().at, err.Error()})
		s.log.Error("configuration is not loaded, the old one stays in force", "file", s.file, "why", err)
		return
	}
	giveBack()
	s.lastLoad.Store(&reloaded{at: time.Now()})
	s.log.Info("configuration is loaded", "file", s.file)
}

func (s *server) load(stderr io.Writer) error {
	cfg, err := loadConfig(stderr, s.file)
	if err != nil {
		return err
	}
	if why := needsRestart(s.cfg, cfg); why != "" {
		return errors.New(why + " changed: that takes a restart")
	}
	cfg.State = s.cfg.State
	return s.install(cfg, s.facts)
}

// needsRestart names what of b cannot replace a's while the server runs.
func needsRestart(a, b *config.Config) string {
	if len(a.Interfaces) != len(b.Interfaces) {
		return "interfaces"
	}
	for i := range a.Interfaces {
		x, y := a.Interfaces[i], b.Interfaces[i]
		x.At, y.At = config.Place{}, config.Place{}
		if x != y {
			return "interface " + y.Name
		}
	}
	if a.Durability != b.Durability {
		return "durability"
	}
	if a.History != b.History {
		return "history"
	}
	if !reflect.DeepEqual(a.DDNS, b.DDNS) {
		return "ddns"
	}
	if a.DHCP6.Routes != b.DHCP6.Routes {
		return "dhcpv6.routes"
	}
	if a.DHCP6.Reconfigure != b.DHCP6.Reconfigure {
		return "dhcpv6.reconfigure"
	}
	if a.ForceRenew != b.ForceRenew {
		return "forcerenew"
	}
	if queries(a) != queries(b) || !sameBulk(&a.LeaseQuery, &b.LeaseQuery) {
		return "leasequery"
	}
	return ""
}

// Status is what `xdhcpd status` shows.
func (s *server) Status() control.Status {
	r := s.lastLoad.Load()
	st := control.Status{
		Version: version, PID: os.Getpid(), Started: s.started,
		Config: s.file, ConfigLoaded: r.at, ReloadError: r.err,
	}
	st.Journal = s.journalStatus()
	var fast []control.CounterSource
	for _, p := range s.ports {
		st.Interfaces = append(st.Interfaces, p.Info())
		fast = append(fast, p.Counters())
	}
	var fast6, slow6 control.Path
	st.Fast, fast6 = control.Sum(fast...)
	st.Slow, slow6 = control.Sum(s.slow.Counters())
	for _, p := range s.table.PoolStats() {
		st.Pools = append(st.Pools, control.Pool{
			Name: p.Name, Size: p.Size, Bound: p.Bound, Offered: p.Offered, Declined: p.Declined, Free: p.Free,
		})
	}
	if s.ddns != nil {
		d := control.DDNS(s.ddns.Stats())
		st.DDNS = &d
	}
	st.ForceRenews = s.slow.Counters().Forced()
	st.BulkLeaseQuery = bulkStatus(s.bulk)
	if st.DHCPv6 = s.status6(); st.DHCPv6 != nil {
		st.DHCPv6.Fast, st.DHCPv6.Slow = fast6, slow6
	}
	return st
}

func (s *server) journalStatus() control.Journal {
	j := s.journal.Stats()
	st := control.Journal{
		Durability: "sync", Direct: j.Direct, Changes: j.Changes, Groups: j.Groups, Bytes: j.Bytes, Written: j.Written,
		SyncP50: j.SyncP50, SyncP99: j.SyncP99, SyncMax: j.SyncMax,
		Segments: j.Segments, LogBytes: j.LogBytes, HistoryBytes: j.HistoryBytes,
		SnapshotRecords: j.Snapshot.Records, SnapshotBytes: j.Snapshot.Bytes, SnapshotRunning: j.Snapshot.Running,
		ClockHeld: j.ClockHeld, Warning: j.Warning,
	}
	if j.Async {
		st.Durability = "async"
	}
	if j.Err != nil {
		st.Error = j.Err.Error()
	}
	return st
}

// Leases lists the tables.
func (s *server) Leases(yield func(control.Lease) bool) { leasesOf(s.table, s.table6, yield) }

func leasesOf(t *lease.Table, t6 *lease6.Table, yield func(control.Lease) bool) {
	more := true
	t.Each(func(e *lease.Entry) bool {
		more = yield(control.LeaseOf(e))
		return more
	})
	if more {
		t6.Each(func(e *lease6.Entry) bool { return yield(control.LeaseOf6(e)) })
	}
}
