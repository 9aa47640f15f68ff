// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"bytes"
	"encoding/binary"
	"slices"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// Message types of leasequery (RFC 5007 §4.1.1).
const (
	LeaseQuery      = 14
	LeaseQueryReply = 15
)

// Status codes of leasequery (RFC 5007 §4.1.3).
const (
	UnknownQueryType = 7
	MalformedQuery   = 8
	NotConfigured    = 9
	NotAllowed       = 10
)

// Query types (RFC 5007 §4.1.2.1) and the options of queries and answers.
const (
	queryByAddress  = 1
	queryByClientID = 2
	lenLQQuery      = 17 // of option 44 without query-options: type and link-address

	optORO        = 6
	optIAAddr     = 5
	optIAPrefix   = 26
	optClientData = 45
	optCLTTime    = 46
	optClientLink = 48
	// 47, the last relayed message, is never sent: "It MUST NOT be returned if …
	// the server did not retain such information".

	// mostQueried bounds the leases, and the links, of one answer: what a UDP
	// datagram takes with room to spare.
	mostQueried = 1000
)

// Data is encoded options. Unlike Own it has room for all that a client has; what a
// leasequery asks for is not on the path of those who want addresses.
type Data struct{ b []byte }

// Encoded are the options as they are sent.
func (o *Data) Encoded() []byte {
	if o == nil {
		return nil
	}
	return o.b
}

// leaseQuery is RFC 5007 §4.4. Who may ask is on the access list; the others hear
// nothing ("the server MAY discard the LEASEQUERY message"), and nor does, unless the
// configuration says so, anybody through a relay agent (§5: "servers MAY be configured
// to discard relayed LEASEQUERY messages").
func (d *decision) leaseQuery() {
	q, p, a := d.q, d.p, d.a
	why := d.validQuery()
	switch {
	case p.Ours(q.Src):
		why = frame.FromServer
	case !d.mayQuery():
		why = frame.NotAllowed
	}
	if why != frame.OK {
		d.silent(why)
		return
	}
	if a.Source = p.Source(q.Port, q.Dst, q.Src); a.Source.IsZero() {
		d.silent(frame.NoServerAddr)
		return
	}
	a.Type = LeaseQueryReply
	if code, text := d.lookUp(); code != Success {
		a.Status = Status{true, code, text}
	}
}

// validQuery is RFC 5007 §4.2.1.
func (d *decision) validQuery() frame.Reason {
	q := d.q
	switch {
	case len(q.Client.DUID) == 0:
		return frame.NoClientID
	case len(q.Client.DUID) > lease6.MaxDUID:
		return frame.BadDUID
	case q.HasServerID && !bytes.Equal(q.ServerID, d.p.ServerID):
		return frame.OtherServer
	case q.LeaseQuery == nil:
		return frame.BadRequest
	}
	return frame.OK
}

// mayQuery says whether all that is known of who asks is on the access list.
func (d *decision) mayQuery() bool {
	q, p := d.q, d.p
	if !p.MayQuery(q.Src) {
		return false
	}
	return q.Relays == 0 || p.MayQueryThrough() && len(q.Client.Peer) == 16 && p.MayQuery(lease6.IP6From(q.Client.Peer))
}

// lookup is what option 44 says.
type lookup struct {
	typ     byte
	scope   lease.ScopeID // of its link-address; 0: that is 0
	options []byte        // well-formed
}

// readQuery reads option 44.
func (d *decision) readQuery() (q lookup, code uint16, text string) {
	v := d.q.LeaseQuery
	if len(v) < lenLQQuery {
		return q, MalformedQuery, "the query is cut off"
	}
	if q = (lookup{typ: v[0], options: v[lenLQQuery:]}); !wellFormed(q.options) {
		return q, MalformedQuery, "an option of the query runs past its end"
	}
	if link := lease6.IP6From(v[1:]); !link.IsZero() {
		at := d.p.Select(&policy6.Selector{Relayed: true, Link: link})
		if at == nil {
			return q, NotConfigured, "no such link"
		}
		q.scope = at.Scope
	}
	return q, Success, ""
}

// lookUp carries out the query of option 44; Success: with or without a result.
func (d *decision) lookUp() (code uint16, text string) {
	q, code, text := d.readQuery()
	if code != Success {
		return code, text
	}
	if q.typ != queryByAddress && q.typ != queryByClientID {
		return UnknownQueryType, "queries are by address or by client identifier"
	}
	duid, code, text := d.whose(&q)
	if code != Success || duid == nil {
		return code, text
	}
	d.tell(duid, q.scope, subOption(q.options, optORO))
	return Success, ""
}

// whose is the client that a query by address or by client identifier is about; nil:
// nobody, or the query is not understood. A query by address gets the scope of the
// address.
func (d *decision) whose(q *lookup) (duid []byte, code uint16, text string) {
	if q.typ == queryByClientID {
		if duid = subOption(q.options, optClientID); len(duid) == 0 {
			return nil, MalformedQuery, "no client identifier to query by"
		}
		return duid, Success, ""
	}
	addr := subOption(q.options, optIAAddr)
	if len(addr) < 24 { // RFC 8415 §21.6
		return nil, MalformedQuery, "no address to query by"
	}
	var e lease6.Entry
	ip := lease6.IP6From(addr)
	held := d.Table.Find(ip, &e)
	if q.scope == 0 {
		// "the server uses the address from the OPTION_IAADDR option to find the
		// appropriate link for the client". A delegated prefix may lie outside of all
		// links.
		switch at := d.p.SubnetOf(ip); {
		case held && d.p.ScopeSubnet(e.Scope) != nil:
			q.scope = e.Scope
		case at != nil:
			q.scope = at.Scope
		default:
			return nil, NotConfigured, "no link has the address"
		}
	}
	if !held || e.Scope != q.scope || !leased(&e, d.now) {
		return nil, Success, ""
	}
	return e.DUID, Success, ""
}

// tell puts what a client has on a link into the answer. Scope 0: on the only link
// that it is on; if it is on several, the list of them.
func (d *decision) tell(duid []byte, scope lease.ScopeID, oro []byte) {
	var leases []lease6.Entry
	var scopes []lease.ScopeID
	d.Table.EachOf(duid, func(e *lease6.Entry) bool {
		if !leased(e, d.now) || scope != 0 && e.Scope != scope || d.p.ScopeSubnet(e.Scope) == nil {
			return true
		}
		if !slices.Contains(scopes, e.Scope) {
			scopes = append(scopes, e.Scope)
		}
		leases = append(leases, copied(e))
		return len(leases) < mostQueried
	})
	switch {
	case len(scopes) == 0:
	case len(scopes) > 1:
		// "If the client is found on more than a single link, the server MUST
		// return the list of links …; the server MUST NOT return any client data."
		var links []byte
		for _, s := range scopes {
			b := d.p.ScopeSubnet(s).Prefix.As16()
			links = append(links, b[:]...)
		}
		d.a.Data = &Data{appendOption(nil, optClientLink, links)}
	default:
		d.clientData(duid, leases, oro)
	}
}

// copied is what is told of a lease, apart from the table's room for a walk.
func copied(e *lease6.Entry) lease6.Entry {
	c := *e
	c.DUID, c.LinkLayer, c.Host, c.Peer = bytes.Clone(e.DUID), bytes.Clone(e.LinkLayer), nil, nil
	c.InterfaceID, c.RemoteID = bytes.Clone(e.InterfaceID), bytes.Clone(e.RemoteID)
	c.SubscriberID, c.RelayID = bytes.Clone(e.SubscriberID), bytes.Clone(e.RelayID)
	return c
}

// clientData is RFC 5007 §4.4.2. The reply waits until the newest change is on disk.
func (d *decision) clientData(duid []byte, leases []lease6.Entry, oro []byte) {
	slices.SortFunc(leases, func(a, b lease6.Entry) int { return a.Prefix.Compare(b.Prefix) })
	data := appendOption(nil, optClientID, duid)
	newest := &leases[0]
	for i := range leases {
		e := &leases[i]
		if e.CLTT > newest.CLTT {
			newest = e
		}
		d.wait(e.Pending)
		addr := e.Prefix.As16()
		preferred, valid := remaining(e.Preferred, d.now), remaining(e.Expires, d.now)
		var v []byte
		code := uint16(optIAAddr)
		if e.IA.Type == lease6.PD {
			code = optIAPrefix
			v = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(v, preferred), valid)
			v = append(append(v, e.Prefix.Len), addr[:]...)
		} else {
			v = append(v, addr[:]...)
			v = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(v, preferred), valid)
		}
		data = appendOption(data, code, v)
	}
	data = appendOption(data, optCLTTime, binary.BigEndian.AppendUint32(nil, uint32(d.now-min(newest.CLTT, d.now))))
	data = d.requested(data, duid, newest, oro)
	d.a.Data = &Data{appendOption(nil, optClientData, data)}
}

// requested adds the options of the configuration that the query asks for: "other
// options specific to the client and requested by the requestor".
func (d *decision) requested(data, duid []byte, e *lease6.Entry, oro []byte) []byte {
	if len(oro) == 0 || !d.p.TellsOptions() {
		return data
	}
	at := d.p.ScopeSubnet(e.Scope)
	client := lease6.Client{DUID: duid, LinkLayer: e.LinkLayer, InterfaceID: e.InterfaceID, RemoteID: e.RemoteID,
		SubscriberID: e.SubscriberID, RelayID: e.RelayID}
	res := at.Reservation(&client)
	room := &d.q.room
	room.class.Clear()
	if d.p.HasClasses() {
		room.facts = policy6.Facts{Client: &client, Reservation: res}
		d.p.Classify(&room.facts, &room.class)
	}
	d.p.Place(&d.place, at, e.Prefix, res, d.in())
	set := d.p.ForClasses(res.Options(d.place.Options), d.in())
	var asked policy6.Asked
	asked.ORO = oro
	for v := oro; len(v) >= 2; v = v[2:] {
		if c := binary.BigEndian.Uint16(v); c < 256 {
			asked.Low[c>>6] |= 1 << (c & 63)
		}
	}
	var buf []byte
	for o := set.Select(&asked, nil, false, &buf); len(o) >= 4; {
		n := 4 + int(binary.BigEndian.Uint16(o[2:]))
		if asked.Has(binary.BigEndian.Uint16(o)) { // and not what is always sent
			data = append(data, o[:n]...)
		}
		o = o[n:]
	}
	return data
}

func remaining(t, now lease.Time) uint32 {
	if t == lease.Never {
		return lease.Infinite
	}
	return uint32(t - min(t, now))
}

func appendOption(b []byte, code uint16, v []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, code)
	b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
	return append(b, v...)
}

func wellFormed(o []byte) bool {
	for len(o) > 0 {
		if len(o) < 4 || len(o) < 4+int(binary.BigEndian.Uint16(o[2:])) {
			return false
		}
		o = o[4+int(binary.BigEndian.Uint16(o[2:])):]
	}
	return true
}

// subOption is the value of the first option with a code among well-formed ones.
func subOption(o []byte, code uint16) []byte {
	for len(o) >= 4 {
		n := 4 + int(binary.BigEndian.Uint16(o[2:]))
		if binary.BigEndian.Uint16(o) == code {
			return o[4:n]
		}
		o = o[n:]
	}
	return nil
}
