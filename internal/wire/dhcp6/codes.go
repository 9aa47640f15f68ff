// SPDX-License-Identifier: Apache-2.0

package dhcp6

// Message types (RFC 8415 §7.3 and the RFC at the line).
const (
	Solicit            = 1
	Advertise          = 2
	Request            = 3
	Confirm            = 4
	Renew              = 5
	Rebind             = 6
	Reply              = 7
	Release            = 8
	Decline            = 9
	Reconfigure        = 10
	InformationRequest = 11
	RelayForw          = 12
	RelayRepl          = 13
	LeaseQuery         = 14 // RFC 5007
	LeaseQueryReply    = 15 // RFC 5007
	LeaseQueryDone     = 16 // RFC 5460
	LeaseQueryData     = 17 // RFC 5460
	ReconfigureRequest = 18 // RFC 6977
	ReconfigureReply   = 19 // RFC 6977
	DHCPv4Query        = 20 // RFC 7341
	DHCPv4Response     = 21 // RFC 7341
	ActiveLeaseQuery   = 22 // RFC 7653
	StartTLS           = 23 // RFC 7653
	AddrRegInform      = 36 // RFC 9686
	AddrRegReply       = 37 // RFC 9686
)

// Option codes (RFC 8415 §21 and the RFC at the line).
const (
	OptClientID      = 1
	OptServerID      = 2
	OptIANA          = 3
	OptIATA          = 4
	OptIAAddr        = 5
	OptORO           = 6
	OptPreference    = 7
	OptElapsedTime   = 8
	OptRelayMsg      = 9
	OptAuth          = 11
	OptUnicast       = 12
	OptStatusCode    = 13
	OptRapidCommit   = 14
	OptUserClass     = 15
	OptVendorClass   = 16
	OptVendorOpts    = 17
	OptInterfaceID   = 18
	OptReconfMsg     = 19
	OptReconfAccept  = 20
	OptDNSServers    = 23 // RFC 3646
	OptDomainList    = 24 // RFC 3646
	OptIAPD          = 25
	OptIAPrefix      = 26
	OptSNTPServers   = 31 // RFC 4075
	OptRefreshTime   = 32
	OptRemoteID      = 37 // RFC 4649
	OptSubscriberID  = 38 // RFC 4580
	OptClientFQDN    = 39 // RFC 4704
	OptERO           = 43 // RFC 4994
	OptLQQuery       = 44 // RFC 5007
	OptClientData    = 45 // RFC 5007
	OptCLTTime       = 46 // RFC 5007
	OptLQRelayData   = 47 // RFC 5007
	OptLQClientLink  = 48 // RFC 5007
	OptRelayID       = 53 // RFC 5460
	OptNTPServer     = 56 // RFC 5908
	OptBootfileURL   = 59 // RFC 5970
	OptBootfileParam = 60 // RFC 5970
	OptClientArch    = 61 // RFC 5970
	OptNII           = 62 // RFC 5970
	OptAFTRName      = 64 // RFC 6334
	OptRSOO          = 66 // RFC 6422
	OptPDExclude     = 67 // RFC 6603
	OptVSS           = 68 // RFC 6607
	OptLinkLayer     = 79 // RFC 6939
	OptLinkAddress   = 80 // RFC 6977
	OptSolMaxRT      = 82
	OptInfMaxRT      = 83
	OptS46ContMapE   = 94  // RFC 7598
	OptS46ContMapT   = 95  // RFC 7598
	OptS46ContLW     = 96  // RFC 7598
	OptCaptivePortal = 103 // RFC 8910
	OptRelayPort     = 135 // RFC 8357
	OptAddrRegEnable = 148 // RFC 9686
)

const (
	EnterpriseMS  = 311 // in options 16 and 17, [MS-DHCPE]
	HTypeEthernet = 1   // hardware type in OptLinkLayer and DUIDs
)

// Status codes (RFC 8415 §21.13, RFC 5007, 5460).
const (
	StatusSuccess       = 0
	StatusUnspecFail    = 1
	StatusNoAddrsAvail  = 2
	StatusNoBinding     = 3
	StatusNotOnLink     = 4
	StatusUseMulticast  = 5
	StatusNoPrefixAvail = 6
	StatusUnknownQuery  = 7
	StatusMalformed     = 8
	StatusNotConfigured = 9
	StatusNotAllowed    = 10
	StatusTerminated    = 11
)

// Ports (RFC 8415 §7.2).
const (
	ClientPort = 546
	ServerPort = 547
)

// Multicast addresses (RFC 8415 §7.1).
var (
	AllServersAndRelays = [16]byte{0: 0xff, 1: 0x02, 13: 0x01, 15: 0x02} // ff02::1:2
	AllServers          = [16]byte{0: 0xff, 1: 0x05, 13: 0x01, 15: 0x03} // ff05::1:3
)

// Infinity is a lifetime without end (RFC 8415 §7.7).
const Infinity = 0xffffffff
