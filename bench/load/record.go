// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Recorder writes every ACK to a file, a line each:
//
//	2026-01-02T15:04:05.000000006Z 10.0.0.7 02:0d:00:00:00:07 3600
//
// that is when it was received, address (or delegated prefix), hardware address,
// lease time in seconds. Lines are appended, and are with the kernel at the end of every
// batch of received frames. What has been acknowledged, and has not expired
// since, a server must find again after a crash. ReadRecord reads it.
type Recorder struct {
	f   *os.File
	buf []byte
}

// NewRecorder opens the file.
func NewRecorder(name string) (*Recorder, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return &Recorder{f: f}, nil
}

// OnAck is for Config.OnAck.
func (r *Recorder) OnAck(a Ack) {
	b := a.At.UTC().AppendFormat(r.buf, time.RFC3339Nano)
	b = append(b, ' ')
	if a.Prefix.IsValid() {
		b = a.Prefix.AppendTo(b)
	} else {
		b = a.Addr.AppendTo(b)
	}
	b = append(b, ' ')
	for i, v := range a.MAC {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, "0123456789abcdef"[v>>4], "0123456789abcdef"[v&0xf])
	}
	b = strconv.AppendUint(append(b, ' '), uint64(a.Lease), 10)
	r.buf = append(b, '\n')
}

// AfterBatch is for Config.AfterBatch.
func (r *Recorder) AfterBatch() error {
	_, err := r.f.Write(r.buf)
	r.buf = r.buf[:0]
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// Close closes the file.
func (r *Recorder) Close() error { return r.f.Close() }

// ReadRecord reads what a Recorder has written. A last line without an end,
// as a recorder that was killed leaves it, is none.
func ReadRecord(in io.Reader) ([]Ack, error) {
	var acks []Ack
	r := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return acks, nil
		}
		if err != nil {
			return nil, fmt.Errorf("record: %w", err)
		}
		fields := strings.Fields(line)
		if len(fields) != 4 {
			return nil, fmt.Errorf("record: line %d: want four fields", n)
		}
		at, err := time.Parse(time.RFC3339Nano, fields[0])
		if err != nil {
			return nil, fmt.Errorf("record: line %d: %w", n, err)
		}
		var addr netip.Addr
		var prefix netip.Prefix
		if strings.Contains(fields[1], "/") {
			prefix, err = netip.ParsePrefix(fields[1])
		} else {
			addr, err = netip.ParseAddr(fields[1])
		}
		if err != nil {
			return nil, fmt.Errorf("record: line %d: %w", n, err)
		}
		mac, err := net.ParseMAC(fields[2])
		if err != nil || len(mac) != 6 {
			return nil, fmt.Errorf("record: line %d: %q is no hardware address", n, fields[2])
		}
		lease, err := strconv.ParseUint(fields[3], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("record: line %d: lease time: %w", n, err)
		}
		acks = append(acks, Ack{At: at, Addr: addr, Prefix: prefix, MAC: MAC(mac), Lease: uint32(lease)})
	}
}
