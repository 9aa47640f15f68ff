// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"bytes"

	"xdhcp/engine/frame"
)

// need is what a message type demands of an identifier (RFC 8415 §16).
type need uint8

const (
	must    need = iota + 1 // there
	mustNot                 // not there
	may
)

// rules is RFC 8415 §16.2 to §16.12 for a server. A server identifier that is
// there must be ours, whether it must be there or only may.
var rules = [256]struct {
	client, server need
	noIA           bool
}{
	Solicit:            {client: must, server: mustNot},        // §16.2
	Request:            {client: must, server: must},           // §16.4
	Confirm:            {client: must, server: mustNot},        // §16.5
	Renew:              {client: must, server: must},           // §16.6
	Rebind:             {client: must, server: mustNot},        // §16.7
	Decline:            {client: must, server: must},           // §16.8
	Release:            {client: must, server: must},           // §16.9
	InformationRequest: {client: may, server: may, noIA: true}, // §16.12
}

// Check applies RFC 8415 §16 to m, which has passed CheckType and Scan; ours is
// the server's DUID. It returns OK, or the Reason to discard the message:
// NoClientID, NoServerID, OtherServer, or BadRequest for a server identifier or
// an IA where there may be none.
func (o *Options) Check(m Msg, ours []byte) frame.Reason {
	rule := &rules[m.Type()]
	if rule.client == must && !o.Has(OptClientID) {
		return frame.NoClientID
	}
	id, there := o.Get(m, OptServerID)
	switch {
	case there && rule.server == mustNot:
		return frame.BadRequest
	case !there && rule.server == must:
		return frame.NoServerID
	case there && !bytes.Equal(id, ours):
		return frame.OtherServer
	}
	if rule.noIA && o.nIA > 0 {
		return frame.BadRequest
	}
	return frame.OK
}

// CheckUnicast is for a message that came straight from a client to an address
// of the server: Unicast6 for the types that RFC 8415 §16 discards then. The
// others (Request, Renew, Release, Decline) are the server's policy: §18.4 of
// RFC 8415 answers them with UseMulticast, RFC 9915 does not accept them.
func CheckUnicast(typ uint8) frame.Reason {
	switch typ {
	case Solicit, Confirm, Rebind, InformationRequest:
		return frame.Unicast6
	}
	return frame.OK
}
