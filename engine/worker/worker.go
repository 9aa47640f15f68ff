// SPDX-License-Identifier: Apache-2.0

// Package worker runs the data path of one receive queue: it takes frames from
// a socket in batches, has a Handler turn each into a reply where it lies, and
// transmits a reply no earlier than what it promises is durable.
//
// One worker owns one socket, one handler and one journal lane; it shares
// nothing else and takes no lock. The steps of one turn, in order:
//
//  1. Receive up to 64 frames.
//  2. Handle each. Drop frees the frame, Punt copies it to the slow path and
//     frees it, Reply queues it for transmission, Await parks it with the
//     ticket of the change that it acknowledges.
//  3. Append the batch's changes to the journal. This never waits for the disk.
//  4. Transmit the Reply frames.
//  5. Release, in order, the parked frames whose tickets are durable by now.
//  6. Flush: the socket kicks the kernel until its transmit ring is empty.
//  7. With nothing received, sleep until a frame or the journal wakes us.
//
// Invariants. A frame is in exactly one of: the socket, the batch, the parking
// lot. A parked frame is transmitted only after Journal.Durable says yes to its
// ticket. The lot is bounded in number and age, so a stalled disk costs replies
// but never memory: above half of the bound the handler sheds DISCOVERs, at the
// bound everything, and a frame parked for longer than a client waits is freed.
//
// Overload. What a full receive ring loses, it loses blindly: as many REQUESTs as
// DISCOVERs, and each lost REQUEST wastes the exchange before it. So when more frames
// wait in the ring than Backlog, the handler sheds DISCOVERs, which costs a part of
// what answering does, until fewer wait. The ring then holds a few milliseconds of
// work at any offered load, and nobody is answered who has given up long ago.
//
// Wake-ups are not lost: the journal publishes what is durable and then calls
// Wake; a Wake that comes between the worker's look at the lot and its Wait ends
// that Wait at once.
package worker

import (
	"context"
	"runtime"
	"time"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/internal/yield"
)

// BatchSize is how many frames a worker takes from its socket at a time.
const BatchSize = 64

// Pressure tells a handler how much to shed before it does any work.
type Pressure uint8

const (
	// Calm: everything is handled.
	Calm Pressure = iota
	// ShedNew: messages that begin an exchange (DISCOVER, SOLICIT) are dropped,
	// so that those which end one still find room.
	ShedNew
	// ShedAll: nothing more can be parked; only what needs no journal is handled.
	ShedAll
)

// Handler answers frames in place. It belongs to one worker.
type Handler interface {
	// Begin opens a batch: the handler loads the policy in force and keeps now
	// as the time of every decision in the batch.
	Begin(now time.Time, p Pressure)
	// Prepare announces the batch's frames, in the order in which Handle will be
	// called for them: a handler may look ahead. They stay as they are until then.
	Prepare(fs []frame.Frame)
	// Handle decides on one frame and, for Reply and Await, rewrites f.Data.
	// Changes go to b. For Await, wait is the ticket that must be durable.
	Handle(f *frame.Frame, b *lease.Batch) (v frame.Verdict, why frame.Reason, wait lease.Ticket)
}

// Journal makes changes durable. Append and Durable are called on the hot path.
type Journal interface {
	// Append takes a copy of the batch's changes. It does not wait for the disk.
	Append(b *lease.Batch)
	// Durable reports whether the batch of ticket t is on disk. Ticket 0 always is.
	Durable(t lease.Ticket) bool
	// Err is not nil once the journal has failed for good.
	Err() error
	// Notify has fn called after the durable point of any lane moved; nil ends
	// it. fn must not block. When Notify returns, the previous fn of the lane
	// is no longer running and will not be called again.
	Notify(lane uint8, fn func())
}

// Socket is where frames come from and go to. Its methods but Wake are called
// by the worker alone.
type Socket interface {
	// Recv fills fs with received frames and returns how many; it never waits.
	Recv(fs []frame.Frame) int
	// Waiting is how many received frames Recv has not taken yet.
	Waiting() int
	// Send takes frames for transmission and returns how many it took.
	Send(fs []frame.Frame) int
	// Free takes back frames that are not transmitted.
	Free(fs []frame.Frame)
	// Flush gets the kernel to transmit what Send took.
	Flush() error
	// Wait sleeps until there is something to receive, Wake is called or the
	// timeout passes.
	Wait(timeout time.Duration) error
	// Wake ends a Wait, now or the next one. Any goroutine may call it, also
	// when the socket is closed.
	Wake()
}

// Punter takes copies of frames for the slow path.
type Punter interface {
	// Punt copies f and returns true, or returns false when there is no room.
	Punt(f *frame.Frame, why frame.Reason) bool
}

// Options configure a worker; all fields but the bounds are required.
type Options struct {
	// Batch carries the changes to the journal. Its lane is this worker's alone;
	// a worker that takes a queue over from another takes over its Batch, so
	// that the lane's numbers go on.
	Batch   *lease.Batch
	Socket  Socket
	Handler Handler
	Journal Journal
	Punter  Punter
	// Busy keeps the worker polling instead of sleeping when idle.
	Busy bool
	// ParkFrames bounds the parked frames; 0 means 4096. Keep it below the
	// number of frames of the socket, or receiving stops when the disk does.
	ParkFrames int
	// ParkAge is the age of the oldest parked frame from which new exchanges
	// are shed; 0 means one second, when a reply has lost half of its time.
	ParkAge time.Duration
	// Backlog is how many frames may wait behind a batch before new exchanges are
	// shed; 0 means 2048. Well below the number of frames of the socket.
	Backlog int
	// Clock returns the time; nil means time.Now.
	Clock func() time.Time
}

const (
	defaultParkFrames = 4096
	defaultBacklog    = 2048
	// staleAfter is when a client has given up on its request and sent another:
	// RFC 2131 §4.1 retransmits first after 4 s less a second of jitter, and
	// clients in the field after less.
	staleAfter = 2 * time.Second
	// idleWait bounds a sleep with nothing parked, stuckWait one with.
	idleWait  = time.Second
	stuckWait = 20 * time.Millisecond
)

// Worker serves one queue. Create it with New, then call Run.
type Worker struct {
	Counters Counters

	o     Options
	lane  uint8
	batch *lease.Batch
	lot   lot
	rx    [BatchSize]frame.Frame
	tx    [BatchSize]frame.Frame // Reply frames of the batch, then released ones
	free  [BatchSize]frame.Frame
}

// New makes a worker; it starts nothing.
func New(o Options) *Worker {
	if o.ParkFrames == 0 {
		o.ParkFrames = defaultParkFrames
	}
	if o.Backlog == 0 {
		o.Backlog = defaultBacklog
	}
	if o.ParkAge == 0 {
		o.ParkAge = staleAfter / 2
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Worker{o: o, lane: o.Batch.Ticket().Lane(), batch: o.Batch, lot: newLot(o.ParkFrames)}
}

// Run serves the queue until ctx ends or the socket fails; it returns nil or
// the socket's error. Frames that wait for the journal when ctx ends are still
// transmitted if they become durable before the client gives up. A worker runs
// once.
func (w *Worker) Run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	stop := context.AfterFunc(ctx, w.o.Socket.Wake)
	defer stop()
	w.o.Journal.Notify(w.lane, w.o.Socket.Wake)
	defer w.freeLot()
	defer w.o.Journal.Notify(w.lane, nil)

	var loop yield.Loop
	for ctx.Err() == nil {
		loop.Turn()
		n, err := w.turn(true)
		if err != nil {
			return err
		}
		if n == 0 {
			if err := w.sleep(); err != nil {
				return err
			}
		}
	}
	return w.drain()
}

// turn is one pass of the loop above; it returns how many frames it moved.
func (w *Worker) turn(receive bool) (moved int, err error) {
	now := w.o.Clock()
	n := 0
	if receive {
		n = w.o.Socket.Recv(w.rx[:])
	}
	if n > 0 {
		w.handle(w.rx[:n], now)
	}
	released := w.release(now)
	if n > 0 || released > 0 {
		w.Counters.publish()
		err = w.o.Socket.Flush()
	}
	return n + released, err
}

// sleep waits for frames or for the journal.
func (w *Worker) sleep() error {
	timeout := idleWait
	if w.lot.len() > 0 {
		timeout = stuckWait
	}
	if w.o.Busy {
		timeout = 0
	}
	if w.lot.len() > 0 && w.o.Journal.Durable(w.lot.head().wait) {
		return nil
	}
	return w.o.Socket.Wait(timeout)
}

// drain transmits what is parked as it becomes durable, for as long as the
// clients wait for it.
func (w *Worker) drain() error {
	for w.lot.len() > 0 && w.o.Journal.Err() == nil {
		moved, err := w.turn(false)
		if err != nil {
			return err
		}
		if moved == 0 && w.lot.len() > 0 {
			if err := w.sleep(); err != nil {
				return err
			}
		}
	}
	return nil
}
