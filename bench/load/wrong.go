// SPDX-License-Identifier: Apache-2.0

package load

// Wrong is what can be wrong with an answer. A wrong answer is counted and
// then ignored, as if it had not come.
type Wrong uint8

const (
	// right is an answer that a client accepts.
	right Wrong = iota
	// Unreadable is a frame to a DHCP port that is no DHCP reply: bad lengths,
	// checksums, cookie or options, or options in parts (overload, RFC 3396),
	// which these clients have given no cause for.
	Unreadable
	// Foreign is a reply to a hardware address that is none of the clients'.
	Foreign
	// WrongXID is a transaction that the client never had.
	WrongXID
	// WrongType is a type of message that does not answer what was asked.
	WrongType
	// WrongPlace is a reply that went elsewhere than where the client or its
	// relay listens: VLANs, MAC and IP address, port (RFC 2131 §4.1).
	WrongPlace
	// WrongRelay is a giaddr or an option 82 that is not the request's (RFC
	// 3046 §2.2).
	WrongRelay
	// MissingOption is a reply without message type, server identifier, lease
	// time, or one of Config.Require.
	MissingOption
	// WrongServer is a server identifier that is not the expected one.
	WrongServer
	// WrongAddress is an ACK for another address than the client asked for, or
	// any address outside the pools.
	WrongAddress
	// TakenAddress is an address that another client holds.
	TakenAddress
	nWrong
)

var wrongNames = [nWrong]string{
	"right", "unreadable", "foreign", "wrong-xid", "wrong-type", "wrong-place", "wrong-relay", "missing-option",
	"wrong-server", "wrong-address", "taken-address",
}

// String names the kind as results do.
func (w Wrong) String() string {
	if w < nWrong {
		return wrongNames[w]
	}
	return "invalid"
}
