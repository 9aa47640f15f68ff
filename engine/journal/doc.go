// SPDX-License-Identifier: Apache-2.0

// Package journal makes leases durable: a log that is written in groups, with
// snapshots that let old log go, and a history of who had which address when.
//
// A server has one Journal. Open replays the state directory into the lease table;
// Run commits; appenders (workers, the slow path, the reaper) call Append and
// Durable, which never wait for the disk. How a change becomes durable is told,
// step by step, in commit.go; how a snapshot is taken, in snapshot.go; the rules
// about time, in clock.go; what a repair may assume, in repair.go.
//
// # The state directory
//
//	lock                      flock; the holder's pid
//	log/000000000001.log …    segments, 64 MiB each; the newest groups are in the last ones
//	log/*.spare               written files for coming segments
//	log/reserve               8 MiB that let a recovery begin on a full disk
//	snap/0000000000000042.snap   all leases; contains the log up to group 42
//	snap/spare                the file for the next one
//	history/…                 see package history
//
// The disk space is bounded: log for SnapshotEvery bytes, at least half the size of
// a snapshot, plus what is written while one is taken and not yet in the history,
// plus three segments; twice the snapshot (80 to 130 bytes per address that was ever
// leased); the history as configured.
//
// # Format, version 1
//
// All numbers are little endian, all checksums CRC32C. A segment is one page of
// 4096 bytes and then groups, each of whole pages:
//
//	 0          8         16       24      32     40        48         64
//	| xdhcplog | version | log id | index | size | created | boot id  | crc of 0..64 | zeros
//
//	 0      4     8     16    20      24     28     32     33      40
//	| Xgrp | crc | seq | len | epoch | time | boot | kind | zeros | changes … | zeros to the page's end
//
// seq numbers the groups of a log from 1 without a gap. epoch is the number of the
// server's start; each start writes a group of kind 2 (boot id, wall clock, pid)
// before anything else. time is the lease clock's, boot the seconds since the
// machine's start. A group's crc goes over log id and index of the segment, then
// over its own bytes from seq to the end of its changes: what a reused file still
// holds of its earlier life never checks, and neither do bytes that a client made up
// to look like a group. Changes are encoded as lease.Change and lease6.Change say, those of
// both in one stream; bit 6 of the operation tells them apart.
//
// A snapshot is a page and blocks of 64 KiB (the last one shorter). The file may be
// longer: it is used again.
//
//	 0          8         16       24        32     36        40        48     56
//	| xdhcpsnp | version | log id | covered | time | expires | records | size | crc of 0..56 | zeros
//
//	 0      4     8     12     16
//	| Xsnb | crc | len | kind | records: full changes (1), held ranges (2), hold of DHCPv6 (3) | zeros
//
// A block's crc goes over log id and covered, then over its own bytes from len on.
//
// # What recovery concludes
//
// The log is read from the snapshot's covered on. It ends where no group with the
// next number follows. If a group with a higher number is found anywhere behind
// that place, then the missing one was durable, since a group is written only after
// the one before it is synced: the log is damaged, and Open refuses with the place.
// If there is none, what stands at the end was never durable, nobody was told of it,
// and it is cut off. (Damage to the very last group looks the same, and is taken for
// that.)
package journal
