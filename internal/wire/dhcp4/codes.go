// SPDX-License-Identifier: Apache-2.0

package dhcp4

// Message types, the value of option 53 (RFC 2132 §9.6, RFC 3203, 4388, 6926, 7724).
const (
	Discover   = 1
	Offer      = 2
	Request    = 3
	Decline    = 4
	Ack        = 5
	Nak        = 6
	Release    = 7
	Inform     = 8
	ForceRenew = 9

	LeaseQuery       = 10
	LeaseUnassigned  = 11
	LeaseUnknown     = 12
	LeaseActive      = 13
	BulkLeaseQuery   = 14
	LeaseQueryDone   = 15
	ActiveLeaseQuery = 16
	LeaseQueryStatus = 17
	TLS              = 18
)

// Option codes (RFC 2132 and the RFC at the line).
const (
	OptPad               = 0
	OptSubnetMask        = 1
	OptTimeOffset        = 2
	OptRouters           = 3
	OptDNS               = 6
	OptHostName          = 12
	OptDomainName        = 15
	OptInterfaceMTU      = 26
	OptBroadcast         = 28
	OptStaticRoutes      = 33
	OptNTP               = 42
	OptVendorSpecific    = 43
	OptRequestedIP       = 50
	OptLeaseTime         = 51
	OptOverload          = 52
	OptMessageType       = 53
	OptServerID          = 54
	OptParameterList     = 55
	OptMessage           = 56
	OptMaxSize           = 57
	OptRenewTime         = 58
	OptRebindTime        = 59
	OptVendorClass       = 60
	OptClientID          = 61
	OptTFTPServer        = 66
	OptBootFile          = 67
	OptUserClass         = 77  // RFC 3004
	OptRapidCommit       = 80  // RFC 4039
	OptFQDN              = 81  // RFC 4702
	OptRelay             = 82  // RFC 3046
	OptAuthentication    = 90  // RFC 3118
	OptLastTransaction   = 91  // RFC 4388
	OptAssociatedIP      = 92  // RFC 4388
	OptClientArch        = 93  // RFC 4578
	OptClientNDI         = 94  // RFC 4578
	OptClientUUID        = 97  // RFC 4578
	OptIPv6OnlyPreferred = 108 // RFC 8925
	OptCaptivePortal     = 114 // RFC 8910
	OptAutoConfigure     = 116 // RFC 2563
	OptSubnetSelection   = 118 // RFC 3011
	OptDomainSearch      = 119 // RFC 3397
	OptClasslessRoutes   = 121 // RFC 3442
	OptVIVendorClass     = 124 // RFC 3925
	OptVIVendorOpts      = 125 // RFC 3925
	OptForceRenewNonce   = 145 // RFC 6704
	OptVSS               = 221 // RFC 6607
	OptMSClasslessRoutes = 249 // [MS-DHCPE] §2.2.8
	OptMSContinuation    = 250 // [MS-DHCPE] §2.2.9
	OptEnd               = 255
)

// Sub-options of option 82 (RFC 3046 and the RFC at the line).
const (
	SubCircuitID      = 1
	SubRemoteID       = 2
	SubLinkSelection  = 5   // RFC 3527
	SubSubscriberID   = 6   // RFC 3993
	SubRADIUS         = 7   // RFC 4014
	SubAuthentication = 8   // RFC 4030
	SubVendorSpecific = 9   // RFC 4243
	SubRelayFlags     = 10  // RFC 5010
	SubServerOverride = 11  // RFC 5107
	SubRelayID        = 12  // RFC 6925
	SubRelayPort      = 19  // RFC 8357
	SubVSS            = 151 // RFC 6607
	SubVSSControl     = 152 // RFC 6607
)
