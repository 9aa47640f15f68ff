// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"xdhcp/engine/frame"
)

// replayed sends a recording to a server in virtual time and returns when each
// message went.
func replayed(t *testing.T, p Replay, r *Recording, server func(*frame.Frame) bool) (*ReplayResult, []time.Duration) {
	t.Helper()
	m := newMemory(server)
	m.now = captureStart
	var at []time.Duration
	m.seen = func([]byte) { at = append(at, m.now.Sub(captureStart)) }
	if p.Speed == 0 {
		p.Speed = 1
	}
	s := replaying{Replay: p, r: r, t: m, clock: func() time.Time {
		m.now = m.now.Add(time.Microsecond)
		return m.now
	}}
	res, err := s.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if int(res.Sent) != len(at) || len(m.spare) != memoryFrames {
		t.Errorf("says %d sent, the transport has seen %d; %d of %d frames are back", res.Sent, len(at), len(m.spare), memoryFrames)
	}
	return res, at
}

// boots is 100 clients' DISCOVER and REQUEST, 1 ms apart.
func boots(t *testing.T) *Recording {
	t.Helper()
	cfg := relayed(100)
	cfg.Pools = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}
	_, _, file := captured(t, &Templates{Config: cfg, Messages: []string{"discover", "request"}})
	r, err := ReadCapture(bytes.NewReader(file))
	if err != nil || r.Len() != 200 || r.Others != 0 || r.Duration() != 199*time.Millisecond {
		t.Fatalf("%d messages, %d others, %v, %v", r.Len(), r.Others, r.Duration(), err)
	}
	return r
}

func TestReplayKeepsThePace(t *testing.T) {
	r := boots(t)
	for name, tc := range map[string]struct {
		p        Replay
		sent     int
		interval time.Duration
	}{
		"recorded":    {Replay{Times: 1}, 200, time.Millisecond},
		"twice":       {Replay{Times: 2}, 400, time.Millisecond},
		"faster":      {Replay{Times: 1, Speed: 4}, 200, time.Millisecond / 4},
		"at a rate":   {Replay{Times: 3, Rate: 10000}, 600, 100 * time.Microsecond},
		"cut short":   {Replay{Times: 100, Duration: 50 * time.Millisecond}, 50, time.Millisecond},
		"slower rate": {Replay{Times: 1, Rate: 100, Duration: time.Second}, 100, 10 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			tc.p.Wait = time.Second
			res, at := replayed(t, tc.p, r, newStub().Answer)
			if int(res.Sent) != tc.sent || int(res.Answered) != tc.sent || res.MaxLag > 50*time.Microsecond {
				t.Errorf("%+v", res)
			}
			for i, v := range at {
				if due := time.Duration(i) * tc.interval; v < due || v > due+50*time.Microsecond {
					t.Fatalf("message %d went at %v, due %v", i, v, due)
				}
			}
		})
	}
	res, _ := replayed(t, Replay{Times: 1, Wait: time.Second}, r, newStub().Answer)
	if res.Messages["discover"] != 100 || res.Messages["request"] != 100 || res.Answers["offer"] != 100 || res.Answers["ack"] != 100 || len(res.Answers) != 2 {
		t.Errorf("%+v", res)
	}
	// A server that says nothing.
	if res, _ := replayed(t, Replay{Times: 1, Wait: time.Second}, r, func(*frame.Frame) bool { return false }); res.Sent != 200 || res.Answered != 0 {
		t.Errorf("%+v", res)
	}
}

func TestReplay6(t *testing.T) {
	cfg := relayed6(50)
	_, _, file := captured(t, &Templates{Config: cfg, Messages: []string{"solicit", "renew"}, ServerDUID: []byte{0, 3, 0, 1, 2, 2, 2, 2, 2, 2}})
	r, err := ReadCapture(bytes.NewReader(file))
	if err != nil || r.Len() != 100 {
		t.Fatalf("%d messages, %v", r.Len(), err)
	}
	res, _ := replayed(t, Replay{Times: 1, Wait: time.Second}, r, newStub().Answer)
	if res.Messages["solicit"] != 50 || res.Messages["renew"] != 50 || res.Answers["advertise"] != 50 || res.Answers["reply"] != 50 {
		t.Errorf("%+v", res)
	}
}

// What is not a whole message of a client is left out, in pcapng as well.
func TestReadCaptureTakesClientsOnly(t *testing.T) {
	frames, _, _ := captured(t, &Templates{Config: relayed(3)})
	answer := frame.Frame{Data: append(make([]byte, 0, maxFrame), frames[0]...)}
	if !newStub().Answer(&answer) {
		t.Fatal("no answer")
	}
	broken := bytes.Clone(frames[1])
	broken[100] ^= 1 // a checksum is wrong
	var buf bytes.Buffer
	w, err := pcapgo.NewNgWriter(&buf, layers.LinkTypeEthernet)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range [][]byte{frames[0], answer.Data, {1, 2, 3}, broken, frames[1], frames[2][:200], frames[2]} {
		length := len(b)
		if i == 5 {
			length = len(frames[2])
		}
		at := captureStart.Add(time.Duration(i) * time.Millisecond)
		if i == 4 {
			at = captureStart.Add(time.Minute) // the next goes back in time
		}
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(b), Length: length}, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := ReadCapture(bytes.NewReader(buf.Bytes()))
	if err != nil || r.Len() != 3 || r.Others != 4 || r.Duration() != time.Minute {
		t.Errorf("%d messages, %d others, %v, %v", r.Len(), r.Others, r.Duration(), err)
	}
	_, _, file := captured(t, &Templates{Config: relayed(3)})
	if _, err := ReadCapture(bytes.NewReader(file[:len(file)-10])); err == nil {
		t.Error("a file that was cut off is whole")
	}
	for _, file := range []string{"", "no capture at all, but long enough to have a header"} {
		if _, err := ReadCapture(strings.NewReader(file)); err == nil {
			t.Errorf("%q is a capture", file)
		}
	}
	var raw bytes.Buffer
	if err := pcapgo.NewWriter(&raw).WriteFileHeader(65535, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCapture(bytes.NewReader(raw.Bytes())); err == nil || !strings.Contains(err.Error(), "Ethernet") {
		t.Errorf("raw IP: %v", err)
	}
}

func TestReplayTurnsToAnotherServer(t *testing.T) {
	r := boots(t)
	m := newMemory(func(*frame.Frame) bool { return false })
	to := MAC{2, 9, 9, 9, 9, 9}
	m.seen = func(b []byte) {
		if got := decode(t, b).eth.DstMAC; !bytes.Equal(got, to[:]) {
			t.Fatalf("to %v", got)
		}
	}
	res, err := Replay{ServerMAC: to, Rate: 1e9, Wait: time.Nanosecond, Core: -1}.Run(t.Context(), r, m)
	if err != nil || res.Sent != 200 {
		t.Errorf("%+v, %v", res, err)
	}
}

func TestReplayThatCannotBe(t *testing.T) {
	m := newMemory(nil)
	if _, err := (Replay{Core: -1}).Run(t.Context(), &Recording{}, m); err == nil {
		t.Error("an empty recording was sent")
	}
	if _, err := (Replay{Core: -1, Rate: -1}).Run(t.Context(), boots(t), m); err == nil {
		t.Error("at a negative rate")
	}
	// A message that no frame has room for is counted, not cut.
	r := boots(t)
	long := Recording{bytes: append(bytes.Clone(r.bytes[:r.msgs[0].size]), make([]byte, 5000)...), msgs: []recorded{{0, 0, 5000}}}
	res, err := Replay{Core: -1, Wait: time.Nanosecond}.Run(t.Context(), &long, m)
	if err != nil || res.TooLong != 1 || res.Sent != 0 {
		t.Errorf("%+v, %v", res, err)
	}
}
