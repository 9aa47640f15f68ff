// SPDX-License-Identifier: Apache-2.0

package frame

// Reason says why a frame met its verdict. It is also the label of the counter
// that counts it, so every Reason has a name and a sentence (reason_test.go).
type Reason uint8

const (
	// OK is the Reason of an answered frame.
	OK Reason = iota

	// Frames that are not well-formed.
	Truncated   // a header or a length field reaches past the frame
	BadEther    // not IPv4 or IPv6, or too many VLAN tags
	BadIP       // version, header length, total length
	BadChecksum // IPv4 or UDP checksum
	Fragment    // a part of an IP datagram
	NotDHCP     // other ports
	BadBootp    // op, hlen, hops out of range
	BadCookie   // no magic cookie
	BadOption   // an option runs past its field, or has an impossible length
	NoType      // no or unknown option 53 where one is needed
	BadDUID     // a DUID is empty, too long, or there twice (RFC 8415 §11.1)
	TooManyIAs  // more identity associations or leases than are looked at
	BadSource   // a source address that no answer can be sent to
	RelayDepth  // more DHCPv6 relay levels than are looked at

	// Messages that a server does not answer.
	FromServer    // a reply, or a packet from one of our own addresses
	NoSubnet      // no configured subnet for this link
	NoServerAddr  // the interface has no address to answer from
	OtherServer   // the client chose another server (RFC 2131 §4.3.2)
	UnknownClient // no record of this client, and not authoritative
	PoolFull      // no free address
	BadRequest    // fields that contradict the clause for its message type
	NoClientID    // DHCPv6 without the client identifier that its type needs (RFC 8415 §16)
	NoServerID    // likewise the server identifier
	Unicast6      // DHCPv6 sent to our own address where only multicast will do
	NotHolder     // RELEASE or DECLINE by somebody who does not hold the address
	Released      // RELEASE carried out; it has no answer
	Declined      // DECLINE carried out; it has no answer
	Filtered      // a class, filter or limit said drop
	NotAllowed    // a leasequery by somebody who may not ask (RFC 4388 §7)
	Unauthorized  // rogue detection says that this server may not answer ([MS-DHCPE] §3.2.5)
	NotDurable    // the journal has failed: nothing may be acknowledged
	Contended     // the lease table lost too many races for an address

	// Frames for the slow path.
	PuntOverload   // option 52: options in sname or file
	PuntSplit      // an option split as in RFC 3396
	PuntNoFit      // the reply does not fit in the frame or the client's limit
	PuntOption     // an option that the fast parser does not handle
	PuntBootp      // BOOTP, no option 53
	PuntAddressing // a link layer or address form that the fast path leaves alone
	PuntClass      // a class rule that only the slow path evaluates
	PuntType       // a message type that only the slow path answers

	// Overload.
	QueueFull  // the slow path's queue is full
	ParkFull   // too many frames wait for the journal
	ParkStale  // waited for the journal longer than the client waits for us
	TxFull     // the transmit ring stayed full
	TxFailed   // the kernel refused the reply: no link, no route
	Overloaded // shed before parsing

	// NumReasons is the number of Reasons; arrays of counters have this length.
	NumReasons
)

var reasons = [NumReasons]struct{ name, sentence string }{
	OK:             {"ok", "answered"},
	Truncated:      {"truncated", "a header or a length field reaches past the end of the frame"},
	BadEther:       {"bad_ether", "not IPv4 or IPv6 behind at most two VLAN tags"},
	BadIP:          {"bad_ip", "IP version, header length or total length is wrong"},
	BadChecksum:    {"bad_checksum", "the IPv4 header checksum or the UDP checksum is wrong"},
	Fragment:       {"fragment", "a fragment, which only the kernel can reassemble, came past the kernel"},
	NotDHCP:        {"not_dhcp", "not addressed to a DHCP server port"},
	BadBootp:       {"bad_bootp", "the BOOTP header has an impossible op, hlen or hops"},
	BadCookie:      {"bad_cookie", "no DHCP magic cookie"},
	BadOption:      {"bad_option", "an option runs past the end of its field or has an impossible length"},
	NoType:         {"no_type", "no DHCP message type, or one that a server does not receive"},
	BadDUID:        {"bad_duid", "a client or server identifier is empty, longer than 130 bytes or there twice"},
	TooManyIAs:     {"too_many_ias", "more identity associations, or addresses and prefixes in one, than are looked at"},
	BadSource:      {"bad_source", "the IPv6 source address is unspecified or a group: no answer can go there"},
	RelayDepth:     {"relay_depth", "came through more relays than are looked at, perhaps a loop"},
	FromServer:     {"from_server", "a server's message or a packet from one of our own addresses"},
	NoSubnet:       {"no_subnet", "no subnet is configured for the link that the client is on"},
	NoServerAddr:   {"no_server_address", "the interface has no address to answer from"},
	OtherServer:    {"other_server", "the client chose another server; any offer to it was taken back"},
	UnknownClient:  {"unknown_client", "no record of the client, and the server is not authoritative"},
	PoolFull:       {"pool_full", "no free address in any pool that the client may use"},
	BadRequest:     {"bad_request", "the message's fields contradict each other (RFC 2131 section 4.3, RFC 8415 section 16)"},
	NoClientID:     {"no_client_id", "no client identifier in a DHCPv6 message that needs one"},
	NoServerID:     {"no_server_id", "no server identifier in a DHCPv6 message that needs one"},
	Unicast6:       {"unicast6", "a DHCPv6 message sent to a server's own address that must be multicast"},
	NotHolder:      {"not_holder", "RELEASE or DECLINE from a client that does not hold the address"},
	Released:       {"released", "the client gave its address back"},
	Declined:       {"declined", "the client found its address in use; it is on probation"},
	Filtered:       {"filtered", "a class, a filter or a limit of the configuration says no"},
	NotAllowed:     {"not_allowed", "a leasequery from an address that is not on its access list"},
	Unauthorized:   {"unauthorized", "this server is not authorized by rogue detection and answers nothing"},
	NotDurable:     {"not_durable", "the journal has failed, so nothing may be acknowledged"},
	Contended:      {"contended", "too many others took the same addresses at the same moment; the client will ask again"},
	PuntOverload:   {"punt_overload", "option overload (52): read by the slow path"},
	PuntSplit:      {"punt_split", "an option in several parts (RFC 3396): read by the slow path"},
	PuntNoFit:      {"punt_no_fit", "the reply does not fit in place: built by the slow path"},
	PuntOption:     {"punt_option", "an option that only the slow path handles"},
	PuntBootp:      {"punt_bootp", "BOOTP without a message type: answered by the slow path"},
	PuntAddressing: {"punt_addressing", "a link layer or an address form that only the slow path handles"},
	PuntClass:      {"punt_class", "a class rule that only the slow path evaluates"},
	PuntType:       {"punt_type", "a message type that only the slow path answers"},
	QueueFull:      {"queue_full", "the slow path's queue was full"},
	ParkFull:       {"park_full", "too many replies were waiting for the journal"},
	ParkStale:      {"park_stale", "the reply waited so long for the journal that the client has retried"},
	TxFull:         {"tx_full", "the transmit ring stayed full"},
	TxFailed:       {"tx_failed", "the kernel could not send the reply: no link or no route"},
	Overloaded:     {"overloaded", "shed under overload before it was parsed"},
}

// String is the name that counters and logs use.
func (r Reason) String() string {
	if r >= NumReasons {
		return "invalid"
	}
	return reasons[r].name
}

// Sentence explains the reason to an operator.
func (r Reason) Sentence() string {
	if r >= NumReasons {
		return "not a reason"
	}
	return reasons[r].sentence
}

// ReasonNamed finds a Reason by the name that String gives it.
func ReasonNamed(name string) (Reason, bool) {
	for r := range NumReasons {
		if reasons[r].name == name {
			return r, true
		}
	}
	return 0, false
}
