// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"time"

	"xdhcp/engine/frame"
)

// handle takes one batch of received frames through steps 2 to 4.
func (w *Worker) handle(rx []frame.Frame, now time.Time) {
	w.o.Handler.Begin(now, w.pressure(now, len(rx)))
	w.o.Handler.Prepare(rx)
	nTx, nFree := 0, 0
	for i := range rx {
		f := &rx[i]
		v, why, wait := w.o.Handler.Handle(f, w.batch)
		switch v {
		case frame.Reply:
			w.tx[nTx] = *f
			nTx++
		case frame.Await:
			if !w.lot.push(parked{f: *f, wait: wait, since: now}) {
				v, why = frame.Drop, frame.ParkFull
				w.free[nFree] = *f
				nFree++
			}
		case frame.Punt:
			if !w.o.Punter.Punt(f, why) {
				v, why = frame.Drop, frame.QueueFull
			}
			w.free[nFree] = *f
			nFree++
		default:
			w.free[nFree] = *f
			nFree++
		}
		w.Counters.add(f, v, why)
	}
	if w.batch.Len() > 0 {
		w.o.Journal.Append(w.batch)
		w.batch.Reset()
	}
	if nFree > 0 {
		w.o.Socket.Free(w.free[:nFree])
	}
	if nTx > 0 {
		w.send(w.tx[:nTx])
	}
}

// pressure is how much the parking lot and the frames behind a batch of n let us
// take on.
func (w *Worker) pressure(now time.Time, n int) Pressure {
	parked := w.lot.len()
	switch {
	case parked > 0 && parked+BatchSize > w.o.ParkFrames:
		return ShedAll
	case parked > w.o.ParkFrames/2, parked > 0 && now.Sub(w.lot.head().since) > w.o.ParkAge,
		n == BatchSize && w.o.Socket.Waiting() > w.o.Backlog: // a batch that is not full was all there was
		return ShedNew
	}
	return Calm
}

// release transmits the parked frames that are durable and frees those that
// nobody waits for any more. Tickets of a lane become durable in order, so the
// head decides; a frame behind a slower lane's waits a little longer with it.
func (w *Worker) release(now time.Time) int {
	released := 0
	for w.lot.len() > 0 {
		nTx, nFree := 0, 0
		for w.lot.len() > 0 && nTx < BatchSize && nFree < BatchSize {
			p := w.lot.head()
			if w.o.Journal.Durable(p.wait) {
				w.tx[nTx] = p.f
				nTx++
			} else if why := w.hopeless(p, now); why != frame.OK {
				w.free[nFree] = p.f
				nFree++
				w.Counters.add(&p.f, frame.Drop, why)
			} else {
				break
			}
			w.lot.pop()
		}
		if nTx+nFree == 0 {
			break
		}
		released += nTx + nFree
		if nTx > 0 {
			w.send(w.tx[:nTx])
		}
		if nFree > 0 {
			w.o.Socket.Free(w.free[:nFree])
		}
	}
	return released
}

// hopeless says why a parked frame will not be transmitted any more; OK: it may
// yet be.
func (w *Worker) hopeless(p *parked, now time.Time) frame.Reason {
	switch {
	case w.o.Journal.Err() != nil:
		return frame.NotDurable
	case now.Sub(p.since) > staleAfter:
		return frame.ParkStale
	}
	return frame.OK
}

// send transmits fs; what the socket has no room for even after a flush is
// dropped and counted, as a full link would.
func (w *Worker) send(fs []frame.Frame) {
	n := w.o.Socket.Send(fs)
	if n == len(fs) {
		return
	}
	// A flush error is met again, and returned, by the flush that ends the turn.
	_ = w.o.Socket.Flush()
	fs = fs[n:]
	n = w.o.Socket.Send(fs)
	for i := range fs[n:] {
		w.Counters.add(&fs[n+i], frame.Drop, frame.TxFull)
	}
	if n < len(fs) {
		w.o.Socket.Free(fs[n:])
	}
}

// freeLot gives back what is still parked when the worker ends.
func (w *Worker) freeLot() {
	for w.lot.len() > 0 {
		w.free[0] = w.lot.head().f
		w.lot.pop()
		w.Counters.add(&w.free[0], frame.Drop, frame.ParkStale)
		w.o.Socket.Free(w.free[:1])
	}
	w.Counters.publish()
}
