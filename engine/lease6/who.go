// SPDX-License-Identifier: Apache-2.0

package lease6

import "xdhcp/engine/lease"

// Who is a client made ready for the table: its hash, where its IAs are, and what is kept of
// it in the form in which a record has it. A message with several IAs is several decisions
// about one client, each of which would do this again.
//
// It is large: keep one, and Meet every client with it.
type Who struct {
	hash   uint64
	ok     bool // the table takes such a client
	made   bool // what follows spot is the client's
	spots  uint8
	spot   [MaxExpect]spot // where IAs are looked for ahead, see Expect
	lens   [numParts]uint8
	n      int    // of room
	digest uint64 // of room, if it does not fit in a record
	room   [maxParts]byte
}

// spot is where the records of an IA are.
type spot struct {
	ia    IA
	scope lease.ScopeID
	tag   uint32
	// Once Fetch has seen it: the first record, whether it is the only one with that tag,
	// and the generation of the shard's index that this is true of.
	at   ref
	rec  *record
	only bool
	gen  uint32
}

// Meet makes w the client with a DUID.
func (t *Table) Meet(w *Who, duid []byte) {
	w.made, w.spots = false, 0
	if w.ok = len(duid) > 0 && len(duid) <= MaxDUID; w.ok {
		w.hash = t.hash(duid)
	}
}

// tag is what an IA of the client is found by in its shard.
func (w *Who) tag(scope lease.ScopeID, ia IA) uint32 {
	for i := range w.spot[:w.spots] {
		if s := &w.spot[i]; s.ia == ia && s.scope == scope {
			return s.tag
		}
	}
	return tagOf(w.hash, scope, ia)
}

// who is the client of a request, which has one. Of two requests only Peer may differ, in
// its length.
func (t *Table) who(r *Request) *Who {
	w := r.Who
	if !w.made || int(w.lens[partPeer]) != len(r.Client.Peer) {
		w.n, w.made = pack(&w.room, &w.lens, &r.Client), true
		if w.n > roomLen {
			w.digest = t.digest(w.image())
		}
	}
	return w
}

// image is what a record keeps of the client.
func (w *Who) image() []byte { return w.room[:w.n] }

// pack writes what is kept of a client as a record has it, and says how long it is. What
// is too long is left out.
func pack(room *[maxParts]byte, lens *[numParts]uint8, c *Client) int {
	*lens = [numParts]uint8{}
	n := put(room, 0, lens, partDUID, c.DUID, MaxDUID)
	n = put(room, n, lens, partLinkLayer, c.LinkLayer, MaxLinkLayer)
	if len(c.Peer) == lenPeer { // as nearly always
		*(*[lenPeer]byte)(room[n:]) = [lenPeer]byte(c.Peer)
		lens[partPeer] = lenPeer
		n += lenPeer
	} else if len(c.Peer) == LenPath {
		n = put(room, n, lens, partPeer, c.Peer, LenPath)
	}
	n = put(room, n, lens, partInterfaceID, c.InterfaceID, MaxOther)
	n = put(room, n, lens, partRemoteID, c.RemoteID, MaxOther)
	n = put(room, n, lens, partSubscriberID, c.SubscriberID, MaxOther)
	n = put(room, n, lens, partRelayID, c.RelayID, MaxOther)
	return put(room, n, lens, partHost, c.Host[:min(len(c.Host), MaxHost)], MaxHost)
}

func put(room *[maxParts]byte, n int, lens *[numParts]uint8, part int, p []byte, most int) int {
	if len(p) == 0 || len(p) > most {
		return n
	}
	lens[part] = uint8(len(p))
	return n + copy(room[n:], p)
}

// spotted is the IA's record of a prefix, 0 unless Fetch has seen that the IA has just this
// one, and the record has all that the message says of its client, who is then the same.
// So one comparison is enough, and no search.
func (s *shard) spotted(r *Request, w *Who, p Prefix) (ref, *record) {
	for i := range w.spot[:w.spots] {
		sp := &w.spot[i]
		if sp.ia != r.IA || sp.scope != r.Scope {
			continue
		}
		if !sp.only || sp.gen != s.gen {
			break
		}
		rec := sp.rec
		if rec.prefix != p.IP6 || rec.len != p.Len || rec.iaid != r.IA.ID || rec.ia != r.IA.Type ||
			rec.scope != r.Scope || rec.lens != w.lens || !s.knows(rec, w) {
			break
		}
		return sp.at, rec
	}
	return 0, nil
}

// bad reports whether a request is about nobody whom the table knows.
func (r *Request) bad() bool { return !r.Who.ok || r.IA.Type < NA || r.IA.Type > PD }

// alone makes a request without Who one with w.
func (t *Table) alone(r *Request, w *Who) Request {
	t.Meet(w, r.Client.DUID)
	own := *r
	own.Who = w
	return own
}

func (t *Table) offerAlone(r *Request, hold uint32, now lease.Time) (Prefix, lease.Outcome) {
	var w Who
	own := t.alone(r, &w)
	p, out := t.offer(&own, hold, now)
	r.Had, r.Others = own.Had, own.Others
	return p, out
}

func (t *Table) commitAlone(r *Request, p Prefix, preferred, valid uint32, now lease.Time, b *lease.Batch) (Grant, lease.Outcome) {
	var w Who
	own := t.alone(r, &w)
	g, out := t.commit(&own, p, preferred, valid, now, b)
	r.Had, r.Others = own.Had, own.Others
	return g, out
}
