// SPDX-License-Identifier: Apache-2.0

// Package control is how an operator talks to a running server: HTTP with JSON
// bodies over a unix socket in the state directory.
//
//	GET /status   one Status
//	GET /leases   one Lease per line
//	GET /watch?after=SEQ&leases=1   one Event per line, as they become durable
//	POST /forcerenew?address=ADDRESS   tells a client to renew; 204, or a Failure
//	POST /reconfigure?lease=ADDRESS|PREFIX&send=MESSAGE   tells a client of DHCPv6 to send one; likewise
//
// The socket is mode 0600: who may read the state directory may ask.
package control

import (
	"time"

	"xdhcp/engine/frame"
	"xdhcp/engine/port"
)

// SocketName is the socket's name in the state directory.
const SocketName = "xdhcpd.sock"

// Status is what `xdhcpd status` shows.
type Status struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// Config is the file in force and when it was loaded. ReloadError is why a
	// newer one was refused, empty if none was.
	Config       string    `json:"config"`
	ConfigLoaded time.Time `json:"config_loaded"`
	ReloadError  string    `json:"reload_error,omitempty"`

	Journal    Journal     `json:"journal"`
	Interfaces []port.Info `json:"interfaces"`
	// Fast and Slow count what each path did with its frames, of both families; what of
	// that is DHCPv6 is in DHCPv6. A frame that the fast path punts is counted there as
	// punt, and again in Slow.
	Fast  Path   `json:"fast"`
	Slow  Path   `json:"slow"`
	Pools []Pool `json:"pools"`
	// ForceRenews is how many clients were told to renew.
	ForceRenews uint64 `json:"force_renews"`
	// DDNS is nil where names are not put into the DNS.
	DDNS *DDNS `json:"ddns,omitempty"`
	// BulkLeaseQuery is nil where it is not served.
	BulkLeaseQuery *BulkLeaseQuery `json:"bulk_leasequery,omitempty"`
	// DHCPv6 is nil where it is not served.
	DHCPv6 *DHCPv6 `json:"dhcpv6,omitempty"`
}

// DHCPv6 is how that side of the server is.
type DHCPv6 struct {
	DUID      string  `json:"duid"`      // the server's
	Fast      Path    `json:"fast"`      // of Status.Fast
	Slow      Path    `json:"slow"`      // of Status.Slow
	Delegated uint64  `json:"delegated"` // prefixes among the leases
	Pools     []Pool6 `json:"pools"`
	Routes    *Routes `json:"routes,omitempty"` // nil: none are installed
	// BulkLeaseQuery is nil where it is not served.
	BulkLeaseQuery *BulkLeaseQuery `json:"bulk_leasequery,omitempty"`
	// Reconfigures is how many clients were sent a Reconfigure message. It is sent again
	// until the client obeys, or has not for some minutes.
	Reconfigures         uint64 `json:"reconfigures"`
	ReconfiguresRepeated uint64 `json:"reconfigures_repeated"`
	ReconfiguresObeyed   uint64 `json:"reconfigures_obeyed"`
	ReconfiguresIgnored  uint64 `json:"reconfigures_ignored"`
}

// Pool6 is a Pool of addresses, or of prefixes of one length. Size is 2⁶⁴-1 where
// there are that many or more.
type Pool6 struct {
	Pool
	Length uint8 `json:"length"` // of what is leased: 128 for addresses
}

// Routes is how the routes to delegated prefixes are.
type Routes struct {
	Installed int    `json:"installed"`
	Error     string `json:"error,omitempty"` // the newest
}

// DDNS is what became of clients' names (RFC 4703).
type DDNS struct {
	Waiting   uint64 `json:"waiting"` // addresses that have something to do
	Added     uint64 `json:"added"`   // names put into the DNS
	Removed   uint64 `json:"removed"`
	Conflicts uint64 `json:"conflicts"` // names that belong to others
	NoZone    uint64 `json:"no_zone"`   // names in no configured zone
	Failures  uint64 `json:"failures"`  // updates that failed and were repeated
	GivenUp   uint64 `json:"given_up"`
	Dropped   uint64 `json:"dropped"` // changes that found the queue full; a walk makes up for them
	Walks     uint64 `json:"walks"`   // over all leases
}

// BulkLeaseQuery is what the TCP side of leasequery did (RFC 6926, RFC 5460).
type BulkLeaseQuery struct {
	Open     uint64 `json:"open"` // connections now
	Accepted uint64 `json:"accepted"`
	Refused  uint64 `json:"refused"` // not on the access list
	Full     uint64 `json:"full"`    // one connection too many
	Queries  uint64 `json:"queries"`
	Messages uint64 `json:"messages"` // answers
	Broken   uint64 `json:"broken"`   // connections that ended before their time
}

// Journal is how the durable log does. Durations are in nanoseconds.
type Journal struct {
	Durability string `json:"durability"`        // sync or async
	Error      string `json:"error,omitempty"`   // why nothing is acknowledged any more
	Warning    string `json:"warning,omitempty"` // what will become an error if it goes on
	Direct     bool   `json:"direct"`            // writes go past the page cache

	// Since the start: changes, the groups they were synced in, their encoded
	// bytes, and the bytes written for them.
	Changes uint64 `json:"changes"`
	Groups  uint64 `json:"groups"`
	Bytes   uint64 `json:"bytes"`
	Written uint64 `json:"written"`

	SyncP50 time.Duration `json:"sync_p50"`
	SyncP99 time.Duration `json:"sync_p99"`
	SyncMax time.Duration `json:"sync_max"`

	Segments        int    `json:"segments"`
	LogBytes        int64  `json:"log_bytes"`
	HistoryBytes    int64  `json:"history_bytes"`
	SnapshotRecords uint64 `json:"snapshot_records"`
	SnapshotBytes   int64  `json:"snapshot_bytes"`
	SnapshotRunning bool   `json:"snapshot_running"`

	// ClockHeld is by how much leases end later because the machine's clock was
	// set.
	ClockHeld time.Duration `json:"clock_held"`
}

// Path is what one of the two packet paths did.
type Path struct {
	Verdicts map[string]uint64 `json:"verdicts"`
	Reasons  []Reason          `json:"reasons"`
}

// Reason is a counter and its explanation.
type Reason struct {
	Name     string `json:"name"`
	Count    uint64 `json:"count"`
	Sentence string `json:"sentence"`
}

// Pool is the use of one address pool, in addresses.
type Pool struct {
	Name     string `json:"name"`
	Size     uint64 `json:"size"`
	Bound    uint64 `json:"bound"`
	Offered  uint64 `json:"offered"`
	Declined uint64 `json:"declined"`
	Free     uint64 `json:"free"`
}

// CounterSource is a set of counters by verdict and reason, and of the DHCPv6 among
// what they count.
type CounterSource interface {
	Verdict(frame.Verdict) uint64
	Reason(frame.Reason) uint64
	Verdict6(frame.Verdict) uint64
	Reason6(frame.Reason) uint64
}

// Sum adds up counters, and of DHCPv6 by themselves; Reasons that never happened are
// left out.
func Sum(sources ...CounterSource) (all, v6 Path) {
	all = Path{Verdicts: map[string]uint64{}, Reasons: []Reason{}}
	v6 = Path{Verdicts: map[string]uint64{}, Reasons: []Reason{}}
	for v := frame.Drop; v <= frame.Punt; v++ {
		var n, n6 uint64
		for _, s := range sources {
			n6 += s.Verdict6(v) // first: the sum, which grows, is never less
			n += s.Verdict(v)
		}
		all.Verdicts[v.String()], v6.Verdicts[v.String()] = n, n6
	}
	for r := range frame.NumReasons {
		var n, n6 uint64
		for _, s := range sources {
			n6 += s.Reason6(r)
			n += s.Reason(r)
		}
		if n > 0 {
			all.Reasons = append(all.Reasons, Reason{Name: r.String(), Count: n, Sentence: r.Sentence()})
		}
		if n6 > 0 {
			v6.Reasons = append(v6.Reasons, Reason{Name: r.String(), Count: n6, Sentence: r.Sentence()})
		}
	}
	return all, v6
}
