// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// What a repair may conclude.
//
// Groups that cannot be read may have held a change of any address. A record that
// was made after them is the truth about its address nevertheless; what is older
// may have been overtaken. So, when L is the place of the last loss:
//
//   - An address whose newest record is behind L is accounted for and stays as it is;
//     but a renewal of a binding that is not there says only that somebody, unknown,
//     has the address until then: it goes on probation until then.
//   - An address that is leased by a record before L stays with that client, but is
//     not over before the hold: it may have been renewed in the lost part, or released
//     and given to another, who must not lose it to a third.
//   - An address that is free by a record before L goes on probation until the hold.
//   - An address without any record is reported, in ranges, to go on probation until
//     the hold as soon as the table exists: the journal does not know the pools. Of
//     DHCPv6 there are too many; until the hold its table gives none of them out of
//     pools in which it could be met.
//
// The hold is the time when everything granted in the lost part is over: when it was
// written, at the latest (the time of the next group that checks; now, if there is
// none), plus the longest lease that any record shows (at least a day). If infinite
// leases are in use that is never, and the operator must say how long the longest
// lease is.
//
// What results is written as a new snapshot, behind which the log begins anew;
// nothing is overwritten, and the damaged files are renamed, to be looked at. A repair
// that is cut short leaves a directory that must be repaired again, or is whole. Of the
// history, what was in a damaged segment and not yet in a run is lost.

// RepairOptions of Repair; the zero value is the default.
type RepairOptions struct {
	// Longest is the longest lease that may have been given; 0: the longest on record.
	Longest time.Duration
	Log     *slog.Logger
	Clock   ClockSource
}

// RepairReport says what was found and done.
type RepairReport struct {
	Damage    []DamageError // empty: nothing was done
	Accounted int           // addresses with a record that stays as it is
	Extended  int           // leases that last until HoldUntil now
	Probation int           // addresses that go on probation until then
	Orphans   int           // addresses leased to somebody unknown, on probation until that lease ends
	Holds     []Hold        // ranges of addresses without a record
	HoldUntil lease.Time
	Moved     []string // damaged files, by their new names
}

// Repair makes a damaged state directory one that a server starts on. It takes the
// lock. It needs some 300 bytes of memory for each address on record.
func Repair(dir string, o RepairOptions) (*RepairReport, error) {
	fs, err := vfs.NewOS(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return repairFS(fs, dir, o)
}

func repairFS(fs vfs.FS, dir string, o RepairOptions) (_ *RepairReport, err error) {
	var lock io.Closer
	if lock, err = fs.Lock(lockName); err != nil {
		return nil, fmt.Errorf("journal: state directory %s: %w", dir, err)
	}
	defer lock.Close()
	ks := ledger{m: map[lease.IP4]*known{}, m6: map[lease6.Prefix]*known6{}}
	sv, err := takeSurvey(fs, ks.note)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	r := &RepairReport{}
	for _, l := range sv.losses {
		r.Damage = append(r.Damage, l.DamageError)
	}
	if n := ks.orphans(); n > 0 {
		r.Damage = append(r.Damage, orphanage(n))
	}
	if len(r.Damage) == 0 {
		return r, nil
	}
	w := &rewriter{fs: fs, sv: sv, ledger: &ks, report: r, opt: o}
	if err := w.run(); err != nil {
		return nil, fmt.Errorf("journal: repair: %w", err)
	}
	return r, nil
}

// known is the newest that is on record about an address.
type known struct {
	c      lease.Change // Full, if the client is known
	group  uint64
	orphan bool // a renewal of a binding that is not there
}

// ledger is a table without rules.
type ledger struct {
	m        map[lease.IP4]*known
	m6       map[lease6.Prefix]*known6
	longest  uint32
	infinite bool
}

func (ks *ledger) note(group uint64, rec []byte) {
	if isV6(rec) {
		ks.note6(group, rec)
		return
	}
	c, err := lease.ParseChange(rec)
	if err != nil {
		return // takeSurvey has noted it as a loss
	}
	if c.Op == lease.OpGrant || c.Op == lease.OpRenew {
		ks.lasts(c.At, c.Expires)
	}
	k := ks.m[c.Addr]
	switch {
	case k == nil:
		k = &known{}
		ks.m[c.Addr] = k
	case c.Version <= k.c.Version:
		return
	}
	k.group = group
	switch {
	case c.Full:
		own := slices.Clone(rec)
		k.c, _ = lease.ParseChange(own)
		k.orphan = false
		return
	case c.Op == lease.OpRenew:
		if k.orphan || k.c.Op != lease.OpGrant || k.c.Start != c.Start {
			k.orphan = true
			k.c = c
			return
		}
		k.c.Expires = c.Expires
	case c.Op == lease.OpDecline:
		k.c.Op, k.c.Expires, k.orphan = c.Op, c.Expires, false
	default:
		k.c.Op, k.orphan = c.Op, false
	}
	k.c.Addr, k.c.Version, k.c.At = c.Addr, c.Version, c.At
}

// lasts notes how long a lease was given for.
func (ks *ledger) lasts(at, expires lease.Time) {
	if expires == lease.Never {
		ks.infinite = true
	} else if expires > at {
		ks.longest = max(ks.longest, uint32(expires-at))
	}
}

func (ks *ledger) orphans() (n int) {
	for _, k := range ks.m {
		if k.orphan {
			n++
		}
	}
	return n
}

// rewriter puts the conclusions on disk.
type rewriter struct {
	fs     vfs.FS
	sv     *survey
	ledger *ledger
	report *RepairReport
	opt    RepairOptions
	j      Journal
}

func (w *rewriter) run() error {
	if err := w.newLog(); err != nil {
		return err
	}
	if err := w.newSnapshot(); err != nil {
		return err
	}
	return w.moveDamaged()
}

// newLog begins a segment behind the newest one, with the group behind the newest
// known.
func (w *rewriter) newLog() error {
	sv, j := w.sv, &w.j
	last := last{time: sv.seq.time, boot: sv.seq.boot, bootID: sv.seq.tail.bootID}
	for _, k := range w.ledger.m {
		last.time = max(last.time, k.c.At)
		if k.c.Expires != lease.Never {
			last.expires = max(last.expires, k.c.Expires)
		}
	}
	for _, k := range w.ledger.m6 {
		last.time = max(last.time, k.c.At)
		if k.c.Expires != lease.Never {
			last.expires = max(last.expires, k.c.Expires)
		}
	}
	if sv.snap != nil {
		last.time = max(last.time, sv.snap.time)
	}
	j.opt = Options{Log: w.opt.Log}.orDefault()
	j.fs, j.id, j.log = w.fs, sv.id, j.opt.Log
	j.clock = newClock(w.opt.Clock, last, j.opt.LongestLease)
	if j.id == 0 {
		var b [8]byte
		rand.Read(b[:])
		j.id = le.Uint64(b[:]) | 1
	}
	c, k := &j.committer, &j.keeper
	*k = keeper{j: j, starting: true, following: 1}
	if n := len(sv.segs); n > 0 {
		k.following = sv.segs[n-1].index + 1
		j.opt.SegmentSize = max(minSegment, vfs.RoundUp(sv.segs[n-1].size))
	}
	newest := sv.seq.seq
	if sv.snap != nil {
		newest = max(newest, sv.snap.covered)
	}
	*c = committer{j: j, buf: vfs.Buffer(page), seq: newest + 1, epoch: sv.seq.epoch + 1}
	s, err := k.prepare(context.Background())
	if err != nil {
		return fmt.Errorf("begin a new log: %w", err)
	}
	defer s.file.Close()
	c.enter(s, page)
	return c.beginEpoch()
}

// newSnapshot writes what is known and what is to be assumed.
func (w *rewriter) newSnapshot() error {
	r, now := w.report, w.j.clock.Now()
	var lastLost uint64
	var before lease.Time
	for _, l := range w.sv.losses {
		lastLost = max(lastLost, l.last)
		if l.before == 0 && l.last > 0 {
			l.before = now
		}
		before = max(before, l.before)
	}
	if before != 0 {
		r.HoldUntil = w.hold(before)
	}
	var addrs []lease.IP4
	for a := range w.ledger.m {
		addrs = append(addrs, a)
	}
	slices.Sort(addrs)
	holds := slices.Clone(w.sv.holds)
	if r.HoldUntil > now {
		r.Holds = append(gaps(addrs, r.HoldUntil), Hold{Until: r.HoldUntil, V6: true})
		holds = append(holds, r.Holds...)
	}
	head := snapshot{log: w.j.id, covered: w.j.committer.seq - 1, time: now}
	s := &snapshotter{fs: w.fs, pace: &pacer{}, head: head}
	return s.writeAll(context.Background(), holds, func(emit func([]byte) error) error {
		var b []byte
		for _, a := range addrs {
			b = w.conclude(w.ledger.m[a], lastLost, now).AppendTo(b[:0])
			if err := emit(b); err != nil {
				return err
			}
		}
		for _, k := range w.ledger.m6 {
			b = w.conclude6(k, lastLost, now).AppendTo(b[:0])
			if err := emit(b); err != nil {
				return err
			}
		}
		return nil
	})
}

const atLeast = 24 * 60 * 60

func (w *rewriter) hold(before lease.Time) lease.Time {
	d := uint64(max(w.ledger.longest, atLeast))
	switch {
	case w.opt.Longest > 0:
		d = uint64(w.opt.Longest / time.Second)
	case w.ledger.infinite:
		return lease.Never
	}
	return lease.Time(min(uint64(before)+d, uint64(lease.Never)-1))
}

// conclude is what becomes of an address; see above.
func (w *rewriter) conclude(k *known, lastLost uint64, now lease.Time) *lease.Change {
	c, r := k.c, w.report
	accounted := k.group > lastLost
	if accounted && !k.orphan {
		r.Accounted++
		return &c
	}
	until := r.HoldUntil
	if accounted {
		until = 0
	}
	c.Version++
	c.At = now
	switch {
	case k.orphan:
		r.Orphans++
		c = lease.Change{Op: lease.OpDecline, Addr: c.Addr, Version: c.Version, At: now, Expires: max(c.Expires, until)}
	case c.Op == lease.OpGrant:
		r.Extended++
		c.Expires = max(c.Expires, until)
	case c.Op == lease.OpDecline:
		r.Probation++
		c.Expires = max(c.Expires, until)
	default:
		r.Probation++
		c.Op, c.Expires = lease.OpDecline, until
	}
	return &c
}

// gaps are the ranges between addresses that are in order.
func gaps(addrs []lease.IP4, until lease.Time) []Hold {
	var hs []Hold
	next := uint64(0)
	for _, a := range addrs {
		if uint64(a) > next {
			hs = append(hs, Hold{First: lease.IP4(next), Last: a - 1, Until: until})
		}
		next = uint64(a) + 1
	}
	if next <= 1<<32-1 {
		hs = append(hs, Hold{First: lease.IP4(next), Last: 1<<32 - 1, Until: until})
	}
	return hs
}

// moveDamaged renames the files in which damage was found: the new snapshot has made
// them superfluous.
func (w *rewriter) moveDamaged() error {
	for _, l := range w.sv.losses {
		if l.File == logDir || slices.Contains(w.report.Moved, l.File+".damaged") {
			continue
		}
		if err := w.fs.Rename(l.File, l.File+".damaged"); err != nil {
			return fmt.Errorf("set damaged file aside: %w", err)
		}
		w.report.Moved = append(w.report.Moved, l.File+".damaged")
	}
	return w.fs.SyncDir(logDir)
}
