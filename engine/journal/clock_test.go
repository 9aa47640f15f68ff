// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"testing"
	"time"

	"xdhcp/engine/lease"
)

// hands is a machine whose clocks a test turns.
type hands struct {
	wall time.Time
	boot time.Duration
	id   [16]byte
}

func (h *hands) source() ClockSource {
	return ClockSource{
		Wall:   func() time.Time { return h.wall },
		Boot:   func() time.Duration { return h.boot },
		BootID: func() [16]byte { return h.id },
	}
}

// pass lets time go by on both clocks.
func (h *hands) pass(d time.Duration) {
	h.wall = h.wall.Add(d)
	h.boot += d
}

const epoch0 = 1_800_000_000

func newHands() *hands {
	return &hands{wall: time.Unix(epoch0, 0), boot: time.Hour, id: [16]byte{1}}
}

// Whatever is done to the wall clock, a lease of an hour that was granted just
// before ends no sooner than an hour of real time later, and not much later than
// the rule says; and Now never goes back.
func TestNoStepOfTheWallClockEndsALeaseEarly(t *testing.T) {
	for _, step := range []time.Duration{0, time.Second, 2 * time.Second, time.Minute, time.Hour, 400 * 24 * time.Hour,
		-time.Second, -time.Minute, -time.Hour, -400 * 24 * time.Hour} {
		h := newHands()
		c := newClock(h.source(), last{}, 2*time.Hour)
		h.pass(time.Minute)
		granted := c.Now()
		ends := granted + 3600
		h.wall = h.wall.Add(step)
		passed := time.Duration(0)
		now := granted
		for c.Expiry() < ends {
			h.pass(10 * time.Second)
			passed += 10 * time.Second
			if n := c.Now(); n < now {
				t.Fatalf("step %v: Now went from %d back to %d", step, now, n)
			} else {
				now = n
			}
			if passed > 3*time.Hour {
				t.Fatalf("step %v: the lease has not ended after %v", step, passed)
			}
		}
		if passed < time.Hour-slack {
			t.Errorf("step %v: the lease of an hour ended after %v", step, passed)
		}
		if step >= 0 && passed > time.Hour+20*time.Second {
			t.Errorf("step %v: the lease of an hour ended only after %v", step, passed)
		}
	}
}

// After a jump, what is recorded bears the new time at once, and when all that was
// granted before is over, Expiry has caught up.
func TestAJumpForwardsIsFollowedAndForgotten(t *testing.T) {
	h := newHands()
	c := newClock(h.source(), last{}, time.Hour)
	h.wall = h.wall.Add(48 * time.Hour)
	if got, want := c.Now(), lease.Time(epoch0+48*3600); got != want {
		t.Errorf("Now is %d after the jump, want %d", got, want)
	}
	if held, jumps := c.Held(); held != 48*time.Hour || jumps != 1 {
		t.Errorf("held %v, %d jumps", held, jumps)
	}
	h.pass(time.Hour + time.Second)
	if c.Expiry() != c.Now() {
		t.Errorf("Expiry is still %d behind", c.Now()-c.Expiry())
	}
}

func TestClockAtTheStart(t *testing.T) {
	const day = 24 * time.Hour
	sameBoot := [16]byte{1}
	for _, x := range []struct {
		name    string
		last    last
		wall    time.Duration // of the machine at the start, from epoch0
		now     time.Duration // from epoch0
		expiry  time.Duration
		horizon time.Duration // real time after which Expiry is Now
	}{
		{name: "nothing on record"},
		{name: "an hour of absence, same boot: known",
			last: last{time: epoch0 - 3600, boot: 0, bootID: sameBoot, expires: epoch0}, expiry: 0},
		{name: "the wall clock ran ahead by a day while we were gone for an hour",
			last: last{time: epoch0 - 3600, boot: 0, bootID: sameBoot, expires: epoch0 + 600},
			wall: day, now: day, expiry: 0, horizon: 600 * time.Second},
		{name: "the wall clock was set back by a day while we were gone for an hour",
			last: last{time: epoch0 - 3600, boot: 0, bootID: sameBoot, expires: epoch0 + 600}, wall: -day},
		{name: "a reboot, three hours on: believed",
			last: last{time: epoch0, boot: 900, bootID: [16]byte{2}, expires: epoch0 + 600},
			wall: 3 * time.Hour, now: 3 * time.Hour, expiry: 3 * time.Hour},
		{name: "a reboot, two days on: not believed for what is on record",
			last: last{time: epoch0, boot: 900, bootID: [16]byte{2}, expires: epoch0 + 600},
			wall: 2 * day, now: 2 * day, expiry: 0, horizon: 600 * time.Second},
		{name: "a reboot with the clock of 1970",
			last: last{time: epoch0, boot: 900, bootID: [16]byte{2}, expires: epoch0 + 600},
			wall: -time.Duration(epoch0) * time.Second},
		{name: "machines without a boot id are treated like a reboot",
			last: last{time: epoch0, boot: 900, expires: epoch0 + 600}, wall: 2 * day, now: 2 * day, expiry: 0, horizon: 600 * time.Second},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := newHands()
			h.wall = h.wall.Add(x.wall)
			c := newClock(h.source(), x.last, time.Hour)
			if got, want := c.Now(), lease.Time(epoch0+x.now/time.Second); got != want {
				t.Errorf("Now %d, want %d", got, want)
			}
			if got, want := c.Expiry(), lease.Time(epoch0+x.expiry/time.Second); got != want {
				t.Errorf("Expiry %d, want %d", got, want)
			}
			h.pass(x.horizon + time.Second)
			if c.Expiry() != c.Now() {
				t.Errorf("Expiry is %d behind after %v", c.Now()-c.Expiry(), x.horizon)
			}
		})
	}
}

// The system's own clocks give sense.
func TestSystemClock(t *testing.T) {
	c := newClock(ClockSource{}, last{}, time.Hour)
	if now, want := c.Now(), time.Now().Unix(); int64(now) < want-5 || int64(now) > want+5 {
		t.Errorf("Now is %d, time.Now %d", now, want)
	}
	if bootTime() <= 0 || bootID() == ([16]byte{}) {
		t.Errorf("boot time %v, boot id %x", bootTime(), bootID())
	}
}
