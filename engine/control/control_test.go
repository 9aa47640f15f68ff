// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
)

type fakeSource struct {
	status Status
	leases []Lease
	forced []string
	events []Event
	ended  error // of the stream
	refuse error
}

func (f *fakeSource) Status() Status { return f.status }
func (f *fakeSource) ForceRenew(_ context.Context, a netip.Addr) error {
	f.forced = append(f.forced, a.String())
	return f.refuse
}
func (f *fakeSource) Reconfigure(_ context.Context, p netip.Prefix, send Message6) error {
	f.forced = append(f.forced, fmt.Sprint(p, " ", send))
	return f.refuse
}
func (f *fakeSource) Leases(yield func(Lease) bool) {
	for _, l := range f.leases {
		if !yield(l) {
			return
		}
	}
}

func (f *fakeSource) Watch(_ context.Context, from WatchFrom, caughtUp func(), yield func(Event) bool) error {
	if from.After == 1 {
		return f.refuse
	}
	caughtUp()
	if from.Leases {
		for _, l := range f.leases {
			yield(Event{Seq: from.After, Event: "lease", Lease: l})
		}
	}
	for _, e := range f.events {
		if (from.Now || e.Seq > from.After) && !yield(e) {
			return nil
		}
	}
	return f.ended
}

// start runs a server on a state directory until the test ends.
func start(t *testing.T, state string, src Source) {
	t.Helper()
	s, err := Listen(state, src)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestStatusAndLeasesComeAsTheyAre(t *testing.T) {
	src := &fakeSource{
		status: Status{Version: "v1", PID: 42, Started: time.Unix(1e9, 0).UTC(), Pools: []Pool{{Name: "p", Size: 10, Free: 10}}},
		leases: []Lease{{Address: "192.0.2.1", State: "bound"}, {Address: "192.0.2.2", State: "offered", Host: "h"}},
	}
	state := t.TempDir()
	start(t, state, src)
	got, err := FetchStatus(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(src.status, got); d != "" {
		t.Errorf("status (-want +got):\n%s", d)
	}
	var leases []Lease
	if err := FetchLeases(t.Context(), state, func(l Lease) bool { leases = append(leases, l); return true }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(src.leases, leases); d != "" {
		t.Errorf("leases (-want +got):\n%s", d)
	}
	info, err := os.Stat(filepath.Join(state, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("the socket's mode is %o, want 600", got)
	}
}

// A unix address holds 107 bytes; state directories can be deeper.
func TestALongStateDirectory(t *testing.T) {
	state := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, state, &fakeSource{status: Status{PID: 7}})
	if st, err := FetchStatus(t.Context(), state); err != nil || st.PID != 7 {
		t.Errorf("status = %+v, %v", st, err)
	}
}

// What the server says to a wish is what the operator reads.
func TestForceRenew(t *testing.T) {
	src := &fakeSource{}
	state := t.TempDir()
	start(t, state, src)
	addr := netip.MustParseAddr("192.0.2.7")
	if err := ForceRenew(t.Context(), state, addr); err != nil {
		t.Error(err)
	}
	src.refuse = errors.New("nobody has a lease of it")
	if err := ForceRenew(t.Context(), state, addr); err == nil || err.Error() != "nobody has a lease of it" {
		t.Errorf("refused: %v", err)
	}
	if d := cmp.Diff([]string{"192.0.2.7", "192.0.2.7"}, src.forced); d != "" {
		t.Error(d)
	}
	if err := ForceRenew(t.Context(), state, netip.Addr{}); err == nil {
		t.Error("no address, and no error")
	}
	if err := ForceRenew(t.Context(), t.TempDir(), addr); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a server: %v", err)
	}
}

// An address and a prefix, with what their client is to send; what is neither is
// refused where it is asked.
func TestReconfigure(t *testing.T) {
	src := &fakeSource{}
	state := t.TempDir()
	start(t, state, src)
	for _, c := range []struct {
		lease string
		send  Message6
	}{{"2001:db8::7", Renew6}, {"2001:db8:100::/56", Rebind6}, {"2001:db8::7/128", InformationRequest6}} {
		if err := Reconfigure(t.Context(), state, c.lease, c.send); err != nil {
			t.Errorf("%s: %v", c.lease, err)
		}
	}
	for _, bad := range []string{"", "x", "192.0.2.1", "::ffff:192.0.2.1/200", "2001:db8::7/56", "fe80::1%eth0", "::/0"} {
		if err := Reconfigure(t.Context(), state, bad, Renew6); err == nil || !strings.Contains(err.Error(), "no IPv6 address") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := Reconfigure(t.Context(), state, "2001:db8::7", "solicit"); err == nil || !strings.Contains(err.Error(), "solicit") {
		t.Errorf("a message that it cannot be told to send: %v", err)
	}
	src.refuse = errors.New("nobody has a lease of it")
	if err := Reconfigure(t.Context(), state, "2001:db8::8", Renew6); err == nil || err.Error() != "nobody has a lease of it" {
		t.Errorf("refused: %v", err)
	}
	want := []string{"2001:db8::7/128 renew", "2001:db8:100::/56 rebind", "2001:db8::7/128 information-request", "2001:db8::8/128 renew"}
	if d := cmp.Diff(want, src.forced); d != "" {
		t.Error(d)
	}
}

func TestNoServerIsNamedAsSuch(t *testing.T) {
	if _, err := FetchStatus(t.Context(), t.TempDir()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a server: %v", err)
	}
}

// The socket of a server that was killed does not keep the next one out.
func TestADeadServersSocketIsReplaced(t *testing.T) {
	state := t.TempDir()
	dead, err := Listen(state, &fakeSource{})
	if err != nil {
		t.Fatal(err)
	}
	dead.ln.Close()
	if _, err := FetchStatus(t.Context(), state); !errors.Is(err, ErrNotRunning) {
		t.Errorf("with a dead server's socket: %v", err)
	}
	start(t, state, &fakeSource{status: Status{PID: 8}})
	if st, err := FetchStatus(t.Context(), state); err != nil || st.PID != 8 {
		t.Errorf("status = %+v, %v", st, err)
	}
}

func TestLeaseOfShowsWhatTheRecordHolds(t *testing.T) {
	// Option 82 with circuit-id "ge1" and remote-id 0xbeef, then a sub-option
	// that runs past the end.
	relay := []byte{1, 3, 'g', 'e', '1', 2, 2, 0xbe, 0xef, 9, 200, 1}
	got := LeaseOf(&lease.Entry{
		Addr: 0xc0000201, Status: lease.Bound, HW: []byte{2, 0, 0, 0, 0, 0xa}, ClientID: []byte{1, 0xff},
		Host: []byte("h\xff"), Relay: relay, Start: 1000, CLTT: 1010, Expires: 4600,
	})
	want := Lease{
		Address: "192.0.2.1", State: "bound", MAC: "02:00:00:00:00:0a", ClientID: "01ff", Host: "h\uFFFD",
		Start: time.Unix(1000, 0).UTC(), CLTT: time.Unix(1010, 0).UTC(), Expires: time.Unix(4600, 0).UTC(),
		Circuit: "676531", Remote: "beef",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := LeaseOf(&lease.Entry{Expires: lease.Never}); !got.Expires.IsZero() {
		t.Errorf("an infinite lease expires at %v", got.Expires)
	}
}

type fakeCounters struct{}

func (fakeCounters) Verdict(v frame.Verdict) uint64 {
	if v == frame.Reply {
		return 3
	}
	return 0
}

func (fakeCounters) Reason(r frame.Reason) uint64 {
	if r == frame.PoolFull || r == frame.NoSubnet {
		return 2
	}
	return 0
}

func (fakeCounters) Verdict6(v frame.Verdict) uint64 { return fakeCounters{}.Verdict(v) / 3 }

func (fakeCounters) Reason6(r frame.Reason) uint64 {
	if r == frame.PoolFull {
		return 1
	}
	return 0
}

func TestSumAddsUpAndExplains(t *testing.T) {
	want := Path{
		Verdicts: map[string]uint64{"drop": 0, "reply": 6, "await": 0, "punt": 0},
		Reasons: []Reason{
			{Name: "no_subnet", Count: 4, Sentence: frame.NoSubnet.Sentence()},
			{Name: "pool_full", Count: 4, Sentence: frame.PoolFull.Sentence()},
		},
	}
	want6 := Path{
		Verdicts: map[string]uint64{"drop": 0, "reply": 2, "await": 0, "punt": 0},
		Reasons:  []Reason{{Name: "pool_full", Count: 2, Sentence: frame.PoolFull.Sentence()}},
	}
	all, six := Sum(fakeCounters{}, fakeCounters{})
	if d := cmp.Diff([]Path{want, want6}, []Path{all, six}); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Events arrive as they are, from where they are asked for; why a stream cannot
// begin, or ends, is what the reader is told.
func TestWatch(t *testing.T) {
	at := time.Unix(1e9, 0).UTC()
	src := &fakeSource{
		leases: []Lease{{Address: "192.0.2.1", State: "bound"}},
		events: []Event{
			{Seq: 5, Event: "grant", At: at, Lease: Lease{Address: "2001:db8::/56", Expires: at, Lease6: Lease6{Type: "pd", DUID: "0003", IAID: 7}}},
			{Seq: 6, Event: "expire", At: at, Lease: Lease{Address: "192.0.2.7"}},
		},
		ended: errors.New("no more"), refuse: errors.New("it is gone"),
	}
	state := t.TempDir()
	start(t, state, src)
	read := func(from WatchFrom) (got []Event, err error) {
		err = FetchEvents(t.Context(), state, from, func(e Event) bool { got = append(got, e); return true })
		return got, err
	}
	got, err := read(WatchFrom{Now: true})
	if d := cmp.Diff(src.events, got); d != "" || err == nil || !strings.Contains(err.Error(), "no more") {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	got, err = read(WatchFrom{After: 5, Leases: true})
	want := []Event{{Seq: 5, Event: "lease", Lease: src.leases[0]}, src.events[1]}
	if d := cmp.Diff(want, got); d != "" || err == nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if got, err := read(WatchFrom{After: 1}); err == nil || err.Error() != "it is gone" || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	if err := FetchEvents(t.Context(), t.TempDir(), WatchFrom{}, nil); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
}
