// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/insomniacslk/dhcp/dhcpv6"
)

var captureStart = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// captured is a capture of templates, read back.
func captured(t *testing.T, tp *Templates) (frames [][]byte, times []time.Duration, file []byte) {
	t.Helper()
	tp.Start = captureStart
	var buf bytes.Buffer
	n, err := tp.WritePcap(&buf)
	if err != nil {
		t.Fatal(err)
	}
	file = bytes.Clone(buf.Bytes())
	r, err := pcapgo.NewReader(&buf)
	if err != nil || r.LinkType() != layers.LinkTypeEthernet {
		t.Fatalf("%v, %v", r, err)
	}
	for {
		b, info, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil || info.Length != len(b) {
			t.Fatalf("%+v, %v", info, err)
		}
		frames, times = append(frames, b), append(times, info.Timestamp.Sub(captureStart))
	}
	if n != len(frames) {
		t.Errorf("says %d frames, has %d", n, len(frames))
	}
	return frames, times, file
}

func TestTemplatesAsOthersReadThem(t *testing.T) {
	pool := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}
	server := []netip.Addr{serverIP}
	router := MAC{2, 1, 1, 1, 1, 1} // as checkMessage wants it
	rel := relayed(300)
	rel.Pools, rel.LinkMAC = pool, router
	for name, cfg := range map[string]Config{
		"relayed": rel,
		"direct":  {Clients: 300, ServerMAC: MAC{2, 2, 2, 2, 2, 2}, ServerIDs: server, Pools: pool, ClientID: true},
		"QinQ": {Clients: 300, ServerMAC: MAC{2, 2, 2, 2, 2, 2}, ServerIDs: server, Pools: pool,
			Tags: []Tag{{First: 10, Count: 3}, {First: 200, Count: 50}}},
	} {
		t.Run(name, func(t *testing.T) {
			frames, times, _ := captured(t, &Templates{Config: cfg, Messages: names4.messages[:], Rate: 10000})
			if len(frames) != 5*300 {
				t.Fatalf("%d frames", len(frames))
			}
			xids := map[string]int{}
			for i, b := range frames {
				client, what := i%300, names4.messages[i/300]
				f := decode(t, b)
				checkMessage(t, &cfg, fmt.Sprintf("%s of client %d", what, client), what, client,
					net.HardwareAddr{2, 0x0d, 0, 0, byte(client >> 8), byte(client)}, net.IPv4(10, 0, byte(client>>8), byte(client)), f)
				xids[f.dhcp.TransactionID.String()]++
				if want := time.Duration(i) * 100 * time.Microsecond; times[i] != want {
					t.Fatalf("frame %d at %v, want %v", i, times[i], want)
				}
			}
			// DISCOVER and its REQUEST are one transaction (RFC 2131 §4.4.1).
			if len(xids) != 4*300 {
				t.Errorf("%d transactions", len(xids))
			}
		})
	}
}

func TestTemplates6AsOthersReadThem(t *testing.T) {
	cfg := relayed6(300)
	cfg.LinkMAC = MAC{2, 1, 1, 1, 1, 1}
	duid := []byte{0, 3, 0, 1, 2, 2, 2, 2, 2, 2}
	frames, _, _ := captured(t, &Templates{Config: cfg, Messages: names6.messages[:], ServerDUID: duid, DelegatedLen: 60})
	if len(frames) != 5*300 {
		t.Fatalf("%d frames", len(frames))
	}
	types := []dhcpv6.MessageType{dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind, dhcpv6.MessageTypeRelease}
	for i, b := range frames {
		client := i % 300
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
		udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if udp == nil || udp.DstPort != 547 {
			t.Fatalf("%v", p)
		}
		m, err := dhcpv6.FromBytes(udp.Payload)
		if err != nil {
			t.Fatal(err)
		}
		inner, err := m.GetInnerMessage()
		if err != nil || !m.IsRelay() || inner.MessageType != types[i/300] {
			t.Fatalf("frame %d is %v, %v", i, m, err)
		}
		if i < 300 {
			continue
		}
		addr := fmt.Sprintf("2001:db8::%x", client)
		if client == 0 {
			addr = "2001:db8::"
		}
		prefix := netip.PrefixFrom(netip.MustParseAddr(fmt.Sprintf("2001:db8:8000:%x::", client<<4)), 60)
		if got := inner.Options.OneIANA().Options.OneAddress().IPv6Addr.String(); got != addr {
			t.Errorf("frame %d asks for %v, want %v", i, got, addr)
		}
		if got := inner.Options.OneIAPD().Options.Prefixes()[0].Prefix.String(); got != prefix.String() {
			t.Errorf("frame %d asks for %v, want %v", i, got, prefix)
		}
		if got := inner.Options.ServerID(); types[i/300] != dhcpv6.MessageTypeRebind && !bytes.Equal(got.ToBytes(), duid) {
			t.Errorf("frame %d is for the server %v", i, got)
		}
	}
}

// The trafgen file holds the same bytes.
func TestTrafgen(t *testing.T) {
	tp := &Templates{Config: Config{Clients: 20}}
	frames, _, _ := captured(t, tp)
	var text strings.Builder
	if n, err := tp.WriteTrafgen(&text); n != 20 || err != nil {
		t.Fatal(n, err)
	}
	i := 0
	for line := range strings.Lines(text.String()) {
		body, ok := strings.CutPrefix(strings.TrimSpace(line), "{")
		body, ok2 := strings.CutSuffix(body, "}")
		if !ok || !ok2 {
			t.Fatalf("line %q", line)
		}
		var b []byte
		for word := range strings.SplitSeq(body, ",") {
			if word = strings.TrimSpace(word); word == "" {
				continue
			}
			v, err := strconv.ParseUint(word, 0, 8)
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, byte(v))
		}
		if !bytes.Equal(b, frames[i]) {
			t.Errorf("packet %d is % x, want % x", i, b, frames[i])
		}
		i++
	}
	if i != 20 {
		t.Errorf("%d packets", i)
	}
}

func TestTemplatesThatCannotBe(t *testing.T) {
	small := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
	for name, tc := range map[string]struct {
		t    Templates
		want string
	}{
		"no clients":         {Templates{}, "0 clients"},
		"unknown":            {Templates{Config: Config{Clients: 1}, Messages: []string{"solicit"}}, "solicit"},
		"no pool":            {Templates{Config: Config{Clients: 1, Server: serverIP}, Messages: []string{"renew"}}, "need a pool"},
		"no server":          {Templates{Config: Config{Clients: 1, Pools: small}, Messages: []string{"renew"}}, "identifier"},
		"pool too small":     {Templates{Config: Config{Clients: 257, Pools: small, Server: serverIP}, Messages: []string{"renew"}}, "no room"},
		"no DUID":            {Templates{Config: relayed6(1), Messages: []string{"renew"}}, "DUID"},
		"no prefixes":        {Templates{Config: Config{Clients: 1, V6: true, PD: true}, ServerDUID: []byte{0, 3}, Messages: []string{"renew"}}, "range of prefixes"},
		"prefixes too large": {Templates{Config: relayed6(1), ServerDUID: []byte{0, 3}, DelegatedLen: 32, Messages: []string{"renew"}}, "no room"},
	} {
		if _, err := tc.t.WritePcap(io.Discard); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tc.want)
		}
	}
}
