// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/hex"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/lease"
)

// Clock is the time by which leases are granted and end. The rule:
//
// A lease is a promise of a length of time, and the client measures it with a
// clock of its own. Expiries are written as wall-clock seconds, so a wall clock
// that is stepped would move all of them. Therefore:
//
//   - Now never goes back. While the wall clock is behind it (somebody set it
//     back), Now goes on at half speed until the wall clock has caught up: leases
//     end late, never early.
//   - When the wall clock jumps forwards against the machine's own count of
//     seconds (CLOCK_BOOTTIME), Now follows, since what is recorded must bear the
//     right time; but what had been granted before is not over sooner for that:
//     Expiry, by which leases are ended, stays behind by the size of the jump until
//     everything granted before it has run its course.
//   - At the start, the last recorded time takes the part of the clock before. On
//     the same boot of the machine the seconds between are known, and the two rules
//     above apply as they stand. After a reboot they are not: the wall clock is
//     believed if it is not before the last recorded time, nor more than MaxGap
//     (24 h) after it; else as above, the whole gap counting as a jump.
//
// So no live lease ends early, unless after a reboot the wall clock is wrong by
// less than MaxGap, which no program can know.
type Clock struct {
	src ClockSource

	mu      sync.Mutex
	now     time.Duration // since 1970
	boot    time.Duration // by src.Boot, when now was worked out
	held    time.Duration // how far Expiry is behind Now
	horizon time.Duration // Expiry at which nothing granted before the last jump is left
	longest time.Duration // a lease that is granted now ends within this
	jumps   uint64
}

// ClockSource is where a Clock reads; a nil field is the system's.
type ClockSource struct {
	Wall   func() time.Time
	Boot   func() time.Duration // since the machine started, sleep included
	BootID func() [16]byte      // tells two starts of the machine apart
}

const (
	// MaxGap is the longest absence after a reboot that is believed.
	MaxGap = 24 * time.Hour
	// slack is what two clocks may differ by without one of them being wrong:
	// recorded times are cut to seconds, twice.
	slack = 3 * time.Second
)

func (s ClockSource) orSystem() ClockSource {
	if s.Wall == nil {
		s.Wall = time.Now
	}
	if s.Boot == nil {
		s.Boot = bootTime
	}
	if s.BootID == nil {
		s.BootID = bootID
	}
	return s
}

func bootTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return time.Since(processStart) // no such clock: seconds asleep are missed, which makes leases longer
	}
	return time.Duration(ts.Nano())
}

var processStart = time.Now()

func bootID() (id [16]byte) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err == nil {
		hex.Decode(id[:], []byte(strings.ReplaceAll(strings.TrimSpace(string(b)), "-", "")))
	}
	return id // all zero is equal to no recorded id, see newClock
}

// last is what the log says about the time before this start.
type last struct {
	time    lease.Time // of the newest group or change
	boot    uint32     // seconds since the boot, of the newest group
	bootID  [16]byte
	expires lease.Time // latest finite expiry on record
}

func seconds(t lease.Time) time.Duration { return time.Duration(t) * time.Second }

func newClock(src ClockSource, l last, longest time.Duration) *Clock {
	c := &Clock{src: src.orSystem(), longest: longest}
	wall := c.wall()
	c.now, c.boot = wall, c.src.Boot()
	if l.time == 0 {
		return c
	}
	c.horizon = seconds(l.expires)
	expect, believed := seconds(l.time), MaxGap
	if id := c.src.BootID(); id == l.bootID && id != ([16]byte{}) {
		expect += max(0, c.boot-time.Duration(l.boot)*time.Second)
		believed = slack
	}
	switch gap := wall - expect; {
	case gap < 0:
		c.now = expect
	case gap > believed:
		c.jump(gap)
	}
	return c
}

func (c *Clock) wall() time.Duration { return time.Duration(c.src.Wall().UnixNano()) }

// jump notes that now has moved by d without time having passed.
func (c *Clock) jump(d time.Duration) {
	c.held += d
	c.jumps++
}

// Now is the time for grants and records.
func (c *Clock) Now() lease.Time {
	now, _ := c.read()
	return now
}

// Expiry is the time for Table.Expire; it is never later than Now.
func (c *Clock) Expiry() lease.Time {
	_, expiry := c.read()
	return expiry
}

// Held is how far Expiry is behind Now, and Jumps how many jumps there were.
func (c *Clock) Held() (held time.Duration, jumps uint64) {
	c.read()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held, c.jumps
}

func (c *Clock) read() (now, expiry lease.Time) {
	boot, wall := c.src.Boot(), c.wall()
	c.mu.Lock()
	defer c.mu.Unlock()
	passed := max(0, boot-c.boot) // two readers may come in the wrong order
	c.boot += passed
	switch ahead := wall - (c.now + passed); {
	case ahead > slack:
		c.horizon = max(c.horizon, c.now+c.longest)
		c.jump(ahead)
		c.now = wall
	case ahead < -slack:
		c.now += passed / 2
	default:
		c.now = max(c.now, wall)
	}
	if c.held > 0 && c.now-c.held >= c.horizon {
		c.held = 0
	}
	return lease.Time(c.now / time.Second), lease.Time((c.now - c.held) / time.Second)
}

// stamp is what goes into a group's header.
func (c *Clock) stamp() (now lease.Time, boot uint32) {
	return c.Now(), uint32(c.src.Boot() / time.Second)
}

// mono measures how long something takes.
func (c *Clock) mono() time.Duration { return time.Since(processStart) }
