// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"context"
	"errors"
	"sync"
	"time"

	"xdhcp/engine/lease6"
)

// Times of RFC 8415 §7.6.
const (
	recTimeout = 2 * time.Second // REC_TIMEOUT
	recMaxRC   = 8               // REC_MAX_RC
)

const (
	// maxRepeats bounds the clients that are waited for. The message to one more is
	// sent once.
	maxRepeats = 1 << 16
	// together is the time within which repetitions that are due are sent at once.
	together = 50 * time.Millisecond
)

// pendingNotices are the clients that have been sent a Reconfigure message and may have to be
// sent it again. RFC 8415 §18.3.11: "If the server does not receive a Renew, Rebind, or
// Information-request message from the client before the RT elapses, the server
// retransmits the Reconfigure message, doubles the RT value, and waits again. The server
// continues this process until REC_MAX_RC unsuccessful attempts have been made".
//
// Each message is made anew, with the next value of the replay counter, and only as long
// as the client has the lease and takes such messages. A restart forgets them: whoever
// gave the order sees in the status how many clients have obeyed, and in a lease when
// its client was last heard of.
type pendingNotices struct {
	mu    sync.Mutex
	of    map[string]repeat // by client
	stir  chan struct{}     // capacity 1: something is due earlier
	limit int
}

type repeat struct {
	what   lease6.Prefix
	msg    uint8
	client string
	due    time.Time
	wait   time.Duration // RT
	sent   int
}

// add has a notice repeated from its wait on; the order before to the same client ends.
func (r *pendingNotices) add(x repeat) {
	x.due = time.Now().Add(x.wait)
	r.mu.Lock()
	if _, ok := r.of[x.client]; ok || len(r.of) < r.limit {
		r.of[x.client] = x
	}
	r.mu.Unlock()
	select {
	case r.stir <- struct{}{}:
	default:
	}
}

// due takes out what is due, and says for how long nothing else is.
func (r *pendingNotices) due(now time.Time) (due []repeat, pause time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pause = time.Hour
	for client, x := range r.of {
		if wait := x.due.Sub(now); wait > 0 {
			pause = min(pause, max(wait, together))
			continue
		}
		due = append(due, x)
		delete(r.of, client)
	}
	return due, pause
}

// repeat sends what is due until ctx ends.
func (s *Server) repeat(ctx context.Context) error {
	f, ok := s.o.Exchange6.(Notifier)
	if !ok {
		return nil
	}
	for {
		due, pause := s.repeats.due(time.Now())
		for _, x := range due {
			s.again(ctx, f, x)
		}
		if len(due) > 0 {
			continue // it took some time
		}
		timer := time.NewTimer(pause)
		select {
		case <-s.repeats.stir:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// again repeats a notice, unless the client has obeyed, or never will.
func (s *Server) again(ctx context.Context, f Notifier, x repeat) {
	c := &s.counters
	switch {
	case !f.Awaits(x.client):
		c.obeyed.Add(1)
		return
	case x.sent >= recMaxRC:
		f.GiveUp(x.client)
		c.ignored.Add(1)
		return
	}
	switch _, err := s.sendNotice(ctx, f, x.what, x.msg, x.client); {
	case ctx.Err() != nil:
		return
	case errors.Is(err, ErrNoLease), errors.Is(err, ErrRefused), errors.Is(err, ErrReconfigureOff):
		f.GiveUp(x.client)
		c.ignored.Add(1)
		return
	case err == nil:
		c.repeated.Add(1)
	}
	x.sent++
	x.wait *= 2
	s.repeats.add(x)
}
