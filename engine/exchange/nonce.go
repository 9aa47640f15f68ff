// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// ForceRenew is the type of a DHCPFORCERENEW (RFC 3203 §4). A server never
// receives one.
const ForceRenew = 9

// Options of RFC 6704.
const (
	optAuthentication = 90  // format of RFC 3118 §2
	optNonceCapable   = 145 // RFC 6704 §3.1.1

	authProtocol  = 3 // "Protocol: 3 (Reconfigure Key)"
	authAlgorithm = 1 // "Algorithm: 1 (HMAC-MD5)"
	authRDM       = 0 // a counter that only grows
	authNonce     = 1 // "Forcerenew nonce Value (used in ACK message)"
	authDigest    = 2 // "HMAC-MD5 digest of the message (Forcerenew message)"

	// LenNonce is the length of a nonce and of a digest; the digest is the end of
	// option 90.
	LenNonce = 16
)

// Nonces gives each client its Forcerenew nonce.
//
// RFC 6704 §3.1.3 has the server record the nonce that it has sent, and send it
// once. Ours is not recorded but made again when it is needed: it is HMAC-SHA-256
// of the client's identity under a key that only the server knows and that
// survives restarts. That is as good: "The Forcerenew nonce is 128 bits long, and
// it MUST be a cryptographically strong random or pseudo-random number that cannot
// easily be predicted", which a pseudo-random function under a random key of 256
// bits is; a client learns nothing of another's; and it is the same after a crash,
// where a recorded one would have to be in the lease's record on disk. What it costs:
// a client's nonce is never changed but with the key. §5: whoever saw the ACK can
// forge a FORCERENEW either way.
type Nonces struct {
	Key [32]byte
	// Since is when the key was made: clients whose binding is older have no
	// nonce yet.
	Since lease.Time
	// Next is the replay detection value: larger than any before. False: there is
	// none, and nothing may be sent that needs one.
	Next func() (uint64, bool)
}

// nonce is the one of a client.
func (n *Nonces) nonce(scope lease.ScopeID, kind lease.Kind, id []byte) (out [LenNonce]byte) {
	h := hmac.New(sha256.New, n.Key[:])
	h.Write([]byte("forcerenew nonce"))
	var b [5]byte
	binary.BigEndian.PutUint32(b[:], uint32(scope))
	b[4] = byte(kind)
	h.Write(b[:])
	h.Write(id)
	copy(out[:], h.Sum(nil))
	return out
}

// capable says whether the client takes part: "The DHCP Discovery or Request message
// from the client MUST contain the FORCERENEW_NONCE_CAPABLE (145) option if the
// Forcerenew Nonce Protocol is to be used". A codec without Options leaves messages
// with option 145 to one that has them.
func (d *decision) capable() bool {
	if !d.p.ForceRenew || d.Nonces == nil || d.q.Options == nil {
		return false
	}
	algorithms, _ := d.q.Options.Option(optNonceCapable)
	return bytes.IndexByte(algorithms, authAlgorithm) >= 0
}

// offerNonce says in an OFFER that there will be a nonce (§3.1.3).
func (d *decision) offerNonce() {
	if d.capable() {
		d.own(optNonceCapable, []byte{authAlgorithm})
	}
}

// giveNonce puts the client's nonce into an ACK. "The server SHOULD NOT include the
// nonce in an ACK when responding to a renew unless a new nonce was generated": to a
// client that renews it is new if its binding is older than the key.
func (d *decision) giveNonce(addr lease.IP4) {
	if !d.capable() {
		return
	}
	if q := d.q; q.Type == Request && q.Ciaddr != 0 && d.direct() {
		e := &q.record
		if d.Table.Lookup(addr, e) && e.Start >= d.Nonces.Since {
			return
		}
	}
	replay, ok := d.Nonces.Next()
	if !ok {
		return
	}
	c := &d.req.Client
	nonce := d.Nonces.nonce(d.req.Scope, c.Kind, c.ID)
	d.authenticate(replay, authNonce, nonce[:])
}

// authenticate adds option 90 (RFC 3118 §2 as RFC 6704 §3.1.2 uses it).
func (d *decision) authenticate(replay uint64, typ byte, value []byte) {
	var head [12]byte
	head[0], head[1], head[2] = authProtocol, authAlgorithm, authRDM
	binary.BigEndian.PutUint64(head[3:], replay)
	head[11] = typ
	d.own(optAuthentication, head[:], value)
}

// Renewal is what became of a wish to have a client renew its lease.
type Renewal uint8

const (
	RenewalMade      Renewal = iota
	RenewalOff               // not configured
	RenewalNoLease           // nobody has the address
	RenewalNoAddress         // the server has no address there
	RenewalNoReplay          // the counter cannot be moved on
)

// ForceRenew makes *a a DHCPFORCERENEW for the client that has leased addr (RFC
// 3203 §4), to be sent from a port. Its option 90 ends with LenNonce zeros: the codec
// puts the HMAC-MD5 of the whole message under key there. Room is in q.
//
// Whether the client can read it nobody records: to one that is not capable the
// message has no valid authentication, and "FORCERENEW messages failing the
// authentication should be silently discarded by the client" (RFC 3203 §6).
func (s *Server) ForceRenew(p *policy.Policy, q *Query, port uint16, addr lease.IP4, now lease.Time, a *Answer) (key [LenNonce]byte, out Renewal) {
	q.furnish()
	*a = Answer{}
	if !p.ForceRenew || s.Nonces == nil {
		return key, RenewalOff
	}
	e := &q.record
	d := decision{Server: s, p: p, q: q, now: now, a: a}
	at := p.SubnetOf(addr)
	if at == nil || !s.Table.Lookup(addr, e) || !d.active(e) {
		return key, RenewalNoLease
	}
	a.ServerID, a.Source = p.Server(port, at, 0)
	// RFC 5107 §4: to the client the server is who its relay agent said it is.
	if o := policy.SubOption(e.Relay, subServerOverride); len(o) == 6 {
		a.ServerID = lease.IP4From(o[2:])
	}
	if a.Source == 0 {
		return key, RenewalNoAddress
	}
	replay, ok := s.Nonces.Next()
	if !ok {
		return key, RenewalNoReplay
	}
	a.Type = ForceRenew
	a.Reason = frame.OK
	a.Ciaddr, a.To, a.DestIP = addr, ToCiaddr, addr
	a.Subnet, a.Lease, a.Wait = at, e, e.Pending
	if len(e.ClientID) > 0 && !p.NoEchoClientID {
		d.own(optClientID, e.ClientID)
	}
	var zeros [LenNonce]byte
	d.authenticate(replay, authDigest, zeros[:])
	return s.Nonces.nonce(e.Scope, e.Kind, e.ID), RenewalMade
}
