// SPDX-License-Identifier: Apache-2.0

package bulk

import (
	"net/netip"
	"time"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/slowpath"
)

// A Session answers the queries of one connection, one after the other.
type Session interface {
	// Answer answers a query that was sent to the address local. send is called
	// with each answer, framed; once it has returned false nothing more is sent.
	// Answer returns false where the connection is of no use.
	Answer(msg []byte, local netip.Addr, send func([]byte) bool) bool
	// Terminated is the answer that ends the answers to msg, the last query, before
	// their time.
	Terminated(msg []byte, text string) []byte
}

// Serve4 are the options of a server of RFC 6926.
func Serve4(x slowpath.BulkDecider, p func() *policy.Policy, clock func() time.Time) Options {
	return Options{
		Port: dhcp4.ServerPort,
		Allowed: func(a netip.Addr) bool {
			if !a.Is4() {
				return false
			}
			b := a.As4()
			return p().MayQuery(lease.IP4From(b[:]))
		},
		Session: func() Session { return &session4{slowpath.NewBulkCodec(x), p, clock} },
	}
}

// session4 is a Session of RFC 6926.
type session4 struct {
	codec  *slowpath.BulkCodec
	policy func() *policy.Policy
	clock  func() time.Time
}

func (s *session4) Answer(msg []byte, local netip.Addr, send func([]byte) bool) bool {
	var server lease.IP4
	if local.Is4() {
		b := local.As4()
		server = lease.IP4From(b[:])
	}
	return s.codec.Answer(s.policy(), msg, server, leaseTime(s.clock), send)
}

func (s *session4) Terminated(msg []byte, text string) []byte { return s.codec.Terminated(msg, text) }

// Serve6 are the options of a server of RFC 5460. p may return nil: nothing is
// served then.
func Serve6(x slowpath.BulkDecider6, p func() *policy6.Policy, clock func() time.Time) Options {
	return Options{
		Port: dhcp6.ServerPort, V6: true,
		Allowed: func(a netip.Addr) bool {
			b := a.As16()
			now := p()
			return now != nil && a.Is6() && now.MayQuery(lease6.IP6From(b[:]))
		},
		Session: func() Session { return &session6{codec: slowpath.NewBulkCodec6(x), policy: p, clock: clock} },
	}
}

// session6 is a Session of RFC 5460.
type session6 struct {
	codec  *slowpath.BulkCodec6
	policy func() *policy6.Policy
	clock  func() time.Time
	now    *policy6.Policy // of the last query
}

func (s *session6) Answer(msg []byte, _ netip.Addr, send func([]byte) bool) bool {
	s.now = s.policy()
	return s.codec.Answer(s.now, msg, leaseTime(s.clock), send)
}

func (s *session6) Terminated(_ []byte, text string) []byte { return s.codec.Terminated(s.now, text) }

func leaseTime(clock func() time.Time) func() lease.Time {
	return func() lease.Time { return lease.Time(clock().Unix()) }
}
