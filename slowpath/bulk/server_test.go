// SPDX-License-Identifier: Apache-2.0

package bulk

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// patience bounds every wait for what should happen at once.
const patience = 20 * time.Second

const now = 1_700_000_000

// Message types of RFC 6926 §6.2.1 and RFC 4388 §6.1.
const (
	typeUnassigned = 11
	typeActive     = 13
	typeQuery      = 14
	typeDone       = 15
)

// rig is a server on a loopback port with leases.
type rig struct {
	t      testing.TB
	s      *Server
	brain  *exchange.Server
	policy atomic.Pointer[policy.Policy]
	cancel context.CancelFunc
	ended  chan error
}

func newPolicy(t testing.TB, allow string) *policy.Policy {
	t.Helper()
	a := netip.MustParseAddr
	p, err := policy.Build(policy.Spec{
		Ports: []policy.PortSpec{{Name: "eth1", Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/16")}}},
		Subnets: []policy.SubnetSpec{{
			Prefix: netip.MustParsePrefix("10.0.0.0/16"), Times: policy.Times{Valid: 3600},
			Pools: []policy.PoolSpec{{Ranges: []policy.Range{{First: a("10.0.1.0"), Last: a("10.0.40.255")}}}},
		}},
		LeaseQuery: policy.LeaseQuerySpec{Allow: []netip.Prefix{netip.MustParsePrefix(allow)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const poolSize = 40 * 256

func start(t testing.TB, o Options) *rig {
	t.Helper()
	r := &rig{t: t, ended: make(chan error, 1)}
	p := newPolicy(t, "127.0.0.0/8")
	r.policy.Store(p)
	table, err := lease.New(lease.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	r.brain = &exchange.Server{Table: table, Clients: exchange.NewClients(table)}
	if o.Exchange == nil {
		o.Exchange = r.brain
	}
	o.Policy = r.policy.Load
	r.run(o)
	return r
}

// run starts the server that o describes.
func (r *rig) run(o Options) {
	r.t.Helper()
	o.Log, o.Port = slog.New(slog.DiscardHandler), -1
	o.Clock = func() time.Time { return time.Unix(now+60, 0) }
	r.s = New(o)
	if err := r.s.Listen(); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.s.Run(ctx) }()
	r.t.Cleanup(r.stop)
}

func (r *rig) stop() {
	r.cancel()
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		r.t.Fatal("Run does not end")
	}
	r.ended <- nil // for the next stop
}

// lease binds the n-th address to the n-th client.
func (r *rig) lease(n int) lease.IP4 {
	r.t.Helper()
	addr := lease.IP4(0x0a000100 + n)
	q := exchange.Query{
		Type: exchange.Request, HType: 1, Ciaddr: addr, Src: addr, Dst: 0x0a000001,
		Client: lease.Client{HType: 1, HW: []byte{2, 0, 0, 0, byte(n >> 8), byte(n)}, Relay: []byte{2, 3, 'd', 's', byte('0' + n%10)}},
	}
	var a exchange.Answer
	r.brain.Decide4(r.policy.Load(), &q, now, lease.NewBatch(1), &a)
	if a.Type != exchange.Ack {
		r.t.Fatalf("lease %d: %v", n, a.Reason)
	}
	return addr
}

// conn is a requestor.
type conn struct {
	t testing.TB
	net.Conn
}

func (r *rig) dial() *conn {
	r.t.Helper()
	c, err := net.DialTimeout("tcp", r.s.Addr().String(), patience)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &conn{r.t, c}
}

// query is a DHCPBULKLEASEQUERY made by another library.
func query(xid byte, options ...dhcpv4.Option) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootRequest, TransactionID: dhcpv4.TransactionID{1, 2, 3, xid}, Options: dhcpv4.Options{}}
	m.UpdateOption(dhcpv4.OptMessageType(typeQuery))
	m.UpdateOption(dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(55), []byte{51, 82, 91, 152, 153, 156}))
	for _, o := range options {
		m.UpdateOption(o)
	}
	return m
}

func (c *conn) send(m *dhcpv4.DHCPv4) { c.raw(m.ToBytes()) }

func (c *conn) raw(b []byte) {
	c.t.Helper()
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)); err != nil {
		c.t.Fatal(err)
	}
}

// next reads one answer with another library.
func (c *conn) next() (*dhcpv4.DHCPv4, error) {
	c.t.Helper()
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return nil, err
	}
	m, err := dhcpv4.FromBytes(b)
	if err != nil {
		c.t.Fatalf("%v\n%x", err, b)
	}
	return m, nil
}

// all reads the answers of one query up to DHCPLEASEQUERYDONE.
func (c *conn) all(xid byte) (answers []*dhcpv4.DHCPv4, done *dhcpv4.DHCPv4) {
	c.t.Helper()
	for {
		m, err := c.next()
		if err != nil {
			c.t.Fatal(err)
		}
		if m.TransactionID != (dhcpv4.TransactionID{1, 2, 3, xid}) || m.OpCode != dhcpv4.OpcodeBootReply {
			c.t.Errorf("%v", m.Summary())
		}
		if m.MessageType() == typeDone {
			return answers, m
		}
		answers = append(answers, m)
	}
}

// closed waits for the end of the connection without a further answer.
func (c *conn) closed() {
	c.t.Helper()
	if m, err := c.next(); err == nil {
		c.t.Errorf("an answer: %s", m.Summary())
	} else if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		c.t.Error("the connection stays open")
	}
}

// §6.1: "Two octets containing the message size in network byte order are
// prepended". §7.7: "A requestor MAY use a single connection to issue multiple
// queries". §8.2: "every configured IP address MUST be returned exactly once".
func TestRFC6926_QueriesOnOneConnection(t *testing.T) {
	r := start(t, Options{})
	for n := range 1000 {
		r.lease(n)
	}
	r.brain.Clients.NoteAll()
	c := r.dial()
	c.send(query(1))
	mac := query(2)
	mac.HWType, mac.ClientHWAddr = 1, net.HardwareAddr{2, 0, 0, 0, 0, 7}
	c.send(mac) // before the first is answered
	c.send(query(3, dhcpv4.OptGeneric(dhcpv4.GenericOptionCode(82), []byte{2, 3, 'd', 's', '4'})))

	answers, done := c.all(1)
	seen := map[string]bool{}
	active := 0
	for i, m := range answers {
		if seen[m.ClientIPAddr.String()] {
			t.Errorf("%v twice", m.ClientIPAddr)
		}
		seen[m.ClientIPAddr.String()] = true
		if m.MessageType() == typeActive {
			active++
		}
		if id := m.Options.Get(dhcpv4.GenericOptionCode(54)); (id != nil) != (i == 0) {
			t.Errorf("answer %d: server identifier %x", i, id)
		}
	}
	if len(answers) != poolSize || active != 1000 || len(done.Options) != 1 {
		t.Errorf("%d addresses, %d active; %s", len(answers), active, done.Summary())
	}
	answers, _ = c.all(2)
	if len(answers) != 1 || !answers[0].ClientIPAddr.Equal(net.IP{10, 0, 1, 7}) || answers[0].ClientHWAddr.String() != "02:00:00:00:00:07" {
		t.Fatalf("by MAC: %v", answers)
	}
	for code, want := range map[uint8][]byte{51: {0, 0, 0xd, 0xd4}, 82: {2, 3, 'd', 's', '7'}, 91: {0, 0, 0, 60}, 152: binary.BigEndian.AppendUint32(nil, now+60), 153: {0, 0, 0, 60}, 156: {2}} {
		if got := answers[0].Options.Get(dhcpv4.GenericOptionCode(code)); !bytes.Equal(got, want) {
			t.Errorf("option %d = %x, want %x", code, got, want)
		}
	}
	if answers, _ = c.all(3); len(answers) != 100 {
		t.Errorf("by remote-id: %d", len(answers))
	}
	if st := r.s.Stats(); st.Queries != 3 || st.Accepted != 1 || st.Messages != poolSize+1+100+3 || st.Broken != 0 {
		t.Errorf("%+v", st)
	}
}

// §8.2: what is not understood is answered with a status-code.
func TestRFC6926_Status(t *testing.T) {
	r := start(t, Options{})
	c := r.dial()
	status := func(xid, want byte) {
		t.Helper()
		answers, done := c.all(xid)
		if v := done.Options.Get(dhcpv4.GenericOptionCode(151)); len(answers) > 0 || len(v) < 2 || v[0] != want || done.Options.Get(dhcpv4.GenericOptionCode(54)) == nil {
			t.Errorf("%d answers, status %q, want %d", len(answers), v, want)
		}
	}
	m := query(1)
	m.ClientIPAddr = net.IP{10, 0, 1, 1}
	c.send(m)
	status(1, 3)
	m = query(2, dhcpv4.OptClientIdentifier([]byte("ab")))
	m.HWType, m.ClientHWAddr = 1, net.HardwareAddr{2, 0, 0, 0, 0, 7}
	c.send(m)
	status(2, 4)
	// §5: "It is not intended as an alternative DHCPv4 communication option".
	m = query(3)
	m.UpdateOption(dhcpv4.OptMessageType(dhcpv4.MessageTypeDiscover))
	c.send(m)
	status(3, 4)
	c.raw(append(query(4).ToBytes()[:240], 53, 1, typeQuery, 55, 200, 1)) // the list ends before its length
	status(4, 3)
	// What has no transaction cannot be answered.
	c.raw([]byte("GET / HTTP/1.1\r\n\r\n"))
	c.closed()
}

// §8.1: "Connections not from permitted requestors SHOULD be closed immediately";
// a reload says who is one.
func TestRFC6926_8_1_AccessList(t *testing.T) {
	r := start(t, Options{})
	r.policy.Store(newPolicy(t, "192.0.2.0/24"))
	r.dial().closed()
	r.policy.Store(newPolicy(t, "127.0.0.1/32"))
	c := r.dial()
	c.send(query(1, dhcpv4.OptClientIdentifier([]byte("nobody"))))
	c.all(1)
	if st := r.s.Stats(); st.Refused != 1 || st.Accepted != 1 {
		t.Errorf("%+v", st)
	}
}

// §8.1: "Servers MUST be able to limit the number of concurrently accepted and
// active connections."
func TestRFC6926_8_1_Connections(t *testing.T) {
	r := start(t, Options{Connections: 2})
	nobody := dhcpv4.OptClientIdentifier([]byte("nobody"))
	first, second := r.dial(), r.dial()
	for _, c := range []*conn{first, second} { // both are being served
		c.send(query(1, nobody))
		c.all(1)
	}
	r.dial().closed()
	first.Close()
	// The place is free when the server has seen that.
	for deadline := time.Now().Add(patience); r.s.Stats().Open == 2; {
		if time.Now().After(deadline) {
			t.Fatal("the closed connection is still counted")
		}
		time.Sleep(time.Millisecond)
	}
	third := r.dial()
	third.send(query(1, nobody))
	third.all(1)
	if st := r.s.Stats(); st.Full != 1 || st.Accepted != 3 {
		t.Errorf("%+v", st)
	}
}

// §8.5: "Using a timer to detect when a connection is idle and then closing that
// connection"; a query that never ends likewise (§9).
func TestRFC6926_8_5_Idle(t *testing.T) {
	r := start(t, Options{Timeout: 20 * time.Millisecond})
	r.dial().closed()
	half := r.dial()
	if _, err := half.Write([]byte{1, 0, 1}); err != nil {
		t.Fatal(err)
	}
	half.closed()
}

// blocking is a brain that answers without end.
type blocking struct{ sent atomic.Uint64 }

func (b *blocking) Bulk(_ *policy.Policy, _ *exchange.BulkQuery, _ lease.IP4, _ func() lease.Time, send func(*exchange.Answer) bool) {
	for send(&exchange.Answer{Type: exchange.LeaseUnassigned, Ciaddr: 1}) {
		b.sent.Add(1)
	}
}

// §8.2: "If the connection becomes blocked while the server is attempting to send
// reply messages, the server SHOULD be prepared to terminate the TCP connection".
func TestRFC6926_8_2_AReaderThatDoesNotRead(t *testing.T) {
	b := &blocking{}
	r := start(t, Options{Exchange: b, Timeout: 50 * time.Millisecond})
	c := r.dial()
	c.send(query(1))
	for deadline := time.Now().Add(patience); r.s.Stats().Broken == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("after %d answers the connection is still there", b.sent.Load())
		}
		time.Sleep(time.Millisecond)
	}
	if b.sent.Load() == 0 {
		t.Error("nothing was sent")
	}
}

// §8.5: "A server aborting an in-process request SHOULD attempt to signal that to
// its requestors by using the QueryTerminated status code".
func TestRFC6926_8_5_QueryTerminated(t *testing.T) {
	r := start(t, Options{Exchange: &blocking{}})
	c := r.dial()
	c.send(query(1))
	if _, err := c.next(); err != nil {
		t.Fatal(err)
	}
	r.cancel()
	_, done := c.all(1)
	if v := done.Options.Get(dhcpv4.GenericOptionCode(151)); len(v) < 2 || v[0] != 2 {
		t.Errorf("status %q", v)
	}
	c.closed()
}
