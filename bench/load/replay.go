// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// maxRecording is how many bytes of messages a Recording keeps.
const maxRecording = 1 << 30

// Recording is the messages of clients and relays of a capture, in memory.
type Recording struct {
	// Others is how many of its frames were none: answers, other protocols,
	// fragments, frames that were cut off.
	Others int

	bytes []byte
	msgs  []recorded
}

type recorded struct {
	at   time.Duration // from the first message
	off  int
	size int
}

// Len is how many messages there are, and Duration from the first to the last.
func (r *Recording) Len() int { return len(r.msgs) }

func (r *Recording) Duration() time.Duration {
	if len(r.msgs) == 0 {
		return 0
	}
	return r.msgs[len(r.msgs)-1].at
}

// capture is a file of frames.
type capture interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	LinkType() layers.LinkType
}

// ReadCapture reads a capture, pcap or pcapng, of Ethernet.
func ReadCapture(file io.ReadSeeker) (*Recording, error) {
	var in capture
	in, err := pcapgo.NewReader(file)
	if err != nil {
		if _, serr := file.Seek(0, io.SeekStart); serr != nil {
			return nil, fmt.Errorf("capture: %w", serr)
		}
		if in, err = pcapgo.NewNgReader(file, pcapgo.DefaultNgReaderOptions); err != nil {
			return nil, fmt.Errorf("capture: neither pcap nor pcapng: %w", err)
		}
	}
	if in.LinkType() != layers.LinkTypeEthernet {
		return nil, fmt.Errorf("capture: of %v, want Ethernet", in.LinkType())
	}
	r := &Recording{}
	var first time.Time
	for {
		b, info, err := in.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return r, nil
		}
		if err != nil {
			return nil, fmt.Errorf("capture: frame %d: %w", r.Others+len(r.msgs)+1, err)
		}
		if _, ask := kindOf(b); !ask || len(b) < info.Length {
			r.Others++
			continue
		}
		if len(r.bytes)+len(b) > maxRecording {
			return nil, fmt.Errorf("capture: more than %d MiB of messages", maxRecording>>20)
		}
		if len(r.msgs) == 0 {
			first = info.Timestamp
		}
		// Captures of several queues are not always in order; time does not go back.
		at := max(info.Timestamp.Sub(first), r.Duration())
		r.msgs = append(r.msgs, recorded{at, len(r.bytes), len(b)})
		r.bytes = append(r.bytes, b...)
	}
}

// kindOf names the DHCP message in a frame, and says whether a client or a relay
// sends such messages to a server. A message behind relays has its own name.
func kindOf(b []byte) (name string, ask bool) {
	var l eth.Layers
	if eth.Parse(b, &l) != frame.OK {
		return "", false
	}
	m := b[l.Payload:l.End]
	switch {
	case l.V6 && l.DstPort == serverPort6, l.V6 && l.DstPort == clientPort6:
		return kind6(m)
	case !l.V6 && (l.DstPort == dhcp4.ServerPort || l.DstPort == dhcp4.ClientPort):
		return kind4(m)
	}
	return "", false
}

var kinds4 = [...]string{dhcp4.Discover: "discover", dhcp4.Offer: "offer", dhcp4.Request: "request", dhcp4.Decline: "decline",
	dhcp4.Ack: "ack", dhcp4.Nak: "nak", dhcp4.Release: "release", dhcp4.Inform: "inform"}

func kind4(m dhcp4.Msg) (name string, ask bool) {
	var o dhcp4.Options
	if len(m) < dhcp4.OffOptions || binary.BigEndian.Uint32(m[offCookie:]) != dhcp4.Cookie || o.Scan(m) != frame.OK {
		return "", false
	}
	ask = m.Op() == dhcp4.BootRequest
	switch typ := o.Type(m); {
	case typ == 0 && ask:
		return "bootp", ask
	case typ == 0:
		return "bootp reply", ask
	case int(typ) < len(kinds4):
		return kinds4[typ], ask
	}
	return "other", ask
}

var kinds6 = [...]string{dhcp6.Solicit: "solicit", dhcp6.Advertise: "advertise", dhcp6.Request: "request", dhcp6.Confirm: "confirm",
	dhcp6.Renew: "renew", dhcp6.Rebind: "rebind", dhcp6.Reply: "reply", dhcp6.Release: "release", dhcp6.Decline: "decline",
	dhcp6.Reconfigure: "reconfigure", dhcp6.InformationRequest: "information-request", dhcp6.RelayForw: "relay-forward",
	dhcp6.RelayRepl: "relay-reply"}

func kind6(m []byte) (name string, ask bool) {
	if len(m) == 0 {
		return "", false
	}
	typ := m[0]
	if typ == dhcp6.RelayForw || typ == dhcp6.RelayRepl {
		ask = typ == dhcp6.RelayForw
		for len(m) >= dhcp6.LenRelay && (m[0] == dhcp6.RelayForw || m[0] == dhcp6.RelayRepl) {
			m = innerOf(m)
		}
		if len(m) == 0 {
			return kinds6[typ], ask // a relay with nothing in it
		}
		typ = m[0]
	} else {
		ask = typ != dhcp6.Advertise && typ != dhcp6.Reply && typ != dhcp6.Reconfigure
	}
	if int(typ) < len(kinds6) && kinds6[typ] != "" {
		return kinds6[typ], ask
	}
	return "other", ask
}

// innerOf is the message in a relay's, or nil.
func innerOf(m []byte) []byte {
	for o := m[dhcp6.LenRelay:]; len(o) >= 4; {
		n := int(binary.BigEndian.Uint16(o[2:]))
		if len(o) < 4+n {
			return nil
		}
		if binary.BigEndian.Uint16(o) == dhcp6.OptRelayMsg {
			return o[4 : 4+n]
		}
		o = o[4+n:]
	}
	return nil
}

// Replay says how a recording is sent.
type Replay struct {
	// Rate is in messages a second; 0: at the recorded pace, Speed times as fast.
	Rate  float64
	Speed float64 // default 1
	// Times is how often the recording is sent, one after the other; default 1.
	Times int
	// Duration ends the sending early; 0: it is as long as it is.
	Duration time.Duration
	// Wait is how long answers are waited for after the last message. Default 1s.
	Wait time.Duration
	// ServerMAC replaces the destination of frames that go to one station; zero:
	// they go where they went.
	ServerMAC MAC
	// Core is the processor to stay on; -1 for any.
	Core int
}

// ReplayResult is what came of it.
type ReplayResult struct {
	Sent     uint64
	Messages map[string]uint64 // sent, by name
	Answers  map[string]uint64 // received
	Answered uint64            // all of Answers
	TooLong  uint64            // messages that the transport has no frame for
	Took     time.Duration     // of sending
	MaxLag   time.Duration     // the latest that a message was, from due to sent
	Drops    uint64            // answers that the transport had no room for
}

// Run sends the recording until it is over or ctx ends.
func (p Replay) Run(ctx context.Context, r *Recording, t Transport) (*ReplayResult, error) {
	if r.Len() == 0 {
		return nil, errors.New("replay: there is no message of a client in the recording")
	}
	if p.Rate < 0 || p.Speed < 0 || p.Times < 0 || p.Duration < 0 || p.Wait < 0 {
		return nil, errors.New("replay: a rate, a time or a number is negative")
	}
	if p.Speed == 0 {
		p.Speed = 1
	}
	if p.Times == 0 {
		p.Times = 1
	}
	if p.Wait == 0 {
		p.Wait = time.Second
	}
	var (
		res  *ReplayResult
		err  error
		done = make(chan struct{})
	)
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with its goroutine
		if err = stay(p.Core); err != nil {
			return
		}
		s := replaying{Replay: p, r: r, t: t, clock: time.Now}
		res, err = s.run(ctx)
	}()
	<-done
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return res, nil
}

// noFrames is how long to wait when messages are due and the transport has no
// frame to give.
const noFrames = 100 * time.Microsecond

// replaying is a Replay under way.
type replaying struct {
	Replay
	r     *Recording
	t     Transport
	clock func() time.Time
	res   ReplayResult
	in    [batch]frame.Frame
	out   [batch]frame.Frame
}

// due is when message number n of all is to be sent.
func (s *replaying) due(n int) time.Duration {
	if s.Rate > 0 {
		return time.Duration(math.Round(float64(n) / s.Rate * 1e9))
	}
	round, k := n/s.r.Len(), n%s.r.Len()
	// The next round begins as long after the last message as messages are apart
	// on average.
	whole := s.r.Duration()
	if s.r.Len() > 1 {
		whole += whole / time.Duration(s.r.Len()-1)
	}
	return time.Duration(float64(time.Duration(round)*whole+s.r.msgs[k].at) / s.Speed)
}

func (s *replaying) run(ctx context.Context) (*ReplayResult, error) {
	s.res.Messages, s.res.Answers = map[string]uint64{}, map[string]uint64{}
	drops := func() uint64 {
		if d, ok := s.t.(Drops); ok {
			return d.Drops()
		}
		return 0
	}
	before := drops()
	total := s.Times * s.r.Len()
	begin := s.clock()
	next := 0
	for next < total && ctx.Err() == nil {
		now := s.clock().Sub(begin)
		if s.Duration > 0 && now >= s.Duration {
			break
		}
		received := s.receive()
		sent, err := s.send(&next, total, now)
		if err != nil {
			return nil, err
		}
		if sent > 0 || received > 0 {
			continue
		}
		pause := s.due(next) - now
		if pause <= 0 {
			pause = noFrames
		}
		if err := s.t.Wait(min(pause, patience)); err != nil {
			return nil, err
		}
	}
	end := s.clock()
	s.res.Took = end.Sub(begin)
	for left := s.Wait; left > 0 && ctx.Err() == nil; left = s.Wait - s.clock().Sub(end) {
		if s.receive() == 0 {
			if err := s.t.Wait(min(left, patience)); err != nil {
				return nil, err
			}
		}
	}
	s.receive()
	s.res.Drops = drops() - before
	return &s.res, nil
}

// send sends the messages that are due, a batch at most.
func (s *replaying) send(next *int, total int, now time.Duration) (n int, err error) {
	due := 0
	for due < batch && *next+due < total && s.due(*next+due) <= now {
		due++
	}
	free := s.t.Alloc(s.out[:due])
	for i := range free {
		m := s.r.msgs[*next%s.r.Len()]
		b := s.r.bytes[m.off : m.off+m.size]
		f := &s.out[i]
		if len(b) > cap(f.Data) {
			s.res.TooLong++
			s.t.Free(s.out[i : i+1])
			*next++
			continue
		}
		f.Data = append(f.Data[:0], b...)
		if b[0]&1 == 0 && s.ServerMAC != (MAC{}) {
			copy(eth.DstMAC(f.Data), s.ServerMAC[:])
		}
		name, _ := kindOf(b)
		s.res.Messages[name]++
		s.res.MaxLag = max(s.res.MaxLag, now-s.due(*next))
		s.out[n] = *f
		n++
		*next++
	}
	if n == 0 {
		return 0, nil
	}
	s.t.Send(s.out[:n])
	s.res.Sent += uint64(n)
	return n, s.t.Flush()
}

// receive counts the answers that are there.
func (s *replaying) receive() int {
	n := s.t.Recv(s.in[:])
	for i := range s.in[:n] {
		if name, ask := kindOf(s.in[i].Data); name != "" && !ask {
			s.res.Answers[name]++
			s.res.Answered++
		}
	}
	s.t.Free(s.in[:n])
	return n
}
