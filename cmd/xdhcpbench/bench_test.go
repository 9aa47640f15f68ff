// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"xdhcp/bench/load"
	"xdhcp/internal/nettest"
)

// patience bounds waits for what should happen at once.
const patience = 30 * time.Second

// command runs the program in this process and returns what it has said.
func command(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, &out, &errs); code != want {
		t.Fatalf("%v: exit status %d\n%s%s", args, code, &out, &errs)
	}
	return out.String() + errs.String()
}

// at is the options that name an end of the lab.
func at(e *nettest.End) []string {
	return []string{"-i", e.Name, "--netns", fmt.Sprintf("/proc/self/fd/%d", int(e.Handle))}
}

// withStub is a lab with the stub at work.
func withStub(t *testing.T) *nettest.Pair {
	p := nettest.Veth(t, nettest.ServerAddr("192.0.2.1/24"), nettest.ClientAddr("192.0.2.2/24"))
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"stub"}, at(p.Server)...), in, in)
		in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("stub: exit status %d", code)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.Contains(line, "ready") {
		t.Fatalf("stub says %q, %v", line, err)
	}
	return p
}

var behindRelay = []string{"--relay", "192.0.2.2", "--server", "192.0.2.1"}

func args(parts ...any) (all []string) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			all = append(all, strings.Fields(p)...)
		case []string:
			all = append(all, p...)
		}
	}
	return all
}

func TestRunWritesItsFiles(t *testing.T) {
	p := withStub(t)
	dir := t.TempDir()
	out := command(t, 0, args("run -n 500 -r 5000 -c 1000 --wait 5s --preload --mix renew=80,rebind=20 --json", dir+"/r.json",
		"--csv", dir+"/r.csv", "--record", dir+"/acks", behindRelay, at(p.Client))...)
	for _, want := range []string{"renew 800", "rebind 200", "0.000 % dropped", "AF_XDP"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	var doc struct{ Results []load.Result }
	b, err := os.ReadFile(dir + "/r.json")
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil || len(doc.Results) != 1 || doc.Results[0].Done["renew"] != 800 {
		t.Errorf("%v: %s", err, b)
	}
	if b, err := os.ReadFile(dir + "/r.csv"); err != nil || bytes.Count(b, []byte{'\n'}) != 4 {
		t.Errorf("%v: %s", err, b)
	}
	f, err := os.Open(dir + "/acks")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	acks, err := load.ReadRecord(f)
	if err != nil || len(acks) != 1500 {
		t.Errorf("%d ACKs recorded, %v", len(acks), err)
	}
}

func TestRampDraws(t *testing.T) {
	p := withStub(t)
	for _, kind := range []string{"svg", "png"} {
		name := filepath.Join(t.TempDir(), "ramp."+kind)
		command(t, 0, args("ramp -n 2000 --from 500 --to 2000 --factor 2 --step 200ms --limit 0.5 --wait 5s --plot", name, behindRelay, at(p.Client))...)
		b, err := os.ReadFile(name)
		if err != nil || len(b) < 2000 || !bytes.Contains(b[:100], []byte(map[string]string{"svg": "<svg", "png": "PNG"}[kind])) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	command(t, 1, args("ramp -n 20 --from 100 --to 100 --step 10ms --plot x.pdf", behindRelay, at(p.Client))...)
}

func TestOverAFPacketAndWithTags(t *testing.T) {
	p := withStub(t)
	command(t, 0, args("run -n 100 -w 10 -c 100 --transport packet --wait 5s --vlan 100-101 --vlan 5", at(p.Client))...)
	command(t, 0, args("run -n 100 --avalanche -q --wait 5s --broadcast --client-id", at(p.Client))...)
}

// What pcap writes, replay sends, and a server answers.
func TestPcapAndReplay(t *testing.T) {
	p := withStub(t)
	dir := t.TempDir()
	four := "--pool 10.0.0.0/16 --relay 192.0.2.2 --server 192.0.2.1 -m discover,request"
	for _, tc := range []struct{ write, sent, answers string }{
		{four, "discover 200, request 200", "ack 200, offer 200"},
		{four + " --vlan 5", "discover 200, request 200", "ack 200, offer 200"},
		{"-6 --na --pd --pool 2001:db8::/64 --delegated 2001:db8:8000::/33 --server-duid 000300010202 -m solicit,rebind",
			"rebind 200, solicit 200", "advertise 200, reply 200"},
	} {
		out := command(t, 0, args("pcap -n 200 -r 10000", dir+"/a.pcap", tc.write)...)
		if !strings.Contains(out, "400 frames") {
			t.Errorf("%s", out)
		}
		out = command(t, 0, args("replay --wait 500ms", dir+"/a.pcap", at(p.Client))...)
		if !strings.Contains(out, tc.sent) || !strings.Contains(out, "answers 400: "+tc.answers+"\n") {
			t.Errorf("%s: no %q and %q in\n%s", tc.write, tc.sent, tc.answers, out)
		}
	}
	command(t, 0, args("pcap -n 2", dir+"/a.cfg")...)
	if b, err := os.ReadFile(dir + "/a.cfg"); err != nil || !bytes.HasPrefix(b, []byte("{ 0xff,")) {
		t.Errorf("%s, %v", b, err)
	}
	command(t, 1, args("replay", dir+"/a.cfg", at(p.Client))...)
	command(t, 1, args("replay", dir+"/none", at(p.Client))...)
	command(t, 2, args("replay -r 5 --speed 2", dir+"/a.pcap", at(p.Client))...)
	command(t, 1, args("pcap -n 2 --server-duid x", dir+"/b.pcap")...)
	command(t, 1, args("pcap -n 2 -m renew", dir+"/b.pcap")...)
}

func TestMistakesAreTold(t *testing.T) {
	p := nettest.Veth(t, nettest.ClientAddr("192.0.2.2/24"))
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{args("run -r 1"), 2, "interface"},
		{args("run", at(p.Client)), 1, "--rate, --window, --avalanche"},
		{args("run -r 1 -w 1", at(p.Client)), 2, "can't be used together"},
		{args("run -r 1 --mix boot", at(p.Client)), 1, "boot"},
		{args("run -r 1 --vlan 9-5", at(p.Client)), 1, "9-5"},
		{args("run -r 1 --first-mac x", at(p.Client)), 1, "Ethernet address"},
		{args("run -r 1 --server 192.0.2.1 --relay 192.0.2.2", at(p.Client)), 1, "no answer to ARP for 192.0.2.1"},
		{args("run -r 1 -i nothing0"), 1, "nothing0"},
		{args("run -r 1 --netns nothing -i x"), 1, "namespace nothing"},
		{args("run -r 1 -n 0", at(p.Client)), 1, "0 clients"},
	} {
		if out := command(t, tc.code, tc.args...); !strings.Contains(out, tc.want) {
			t.Errorf("%v: no %q in\n%s", tc.args, tc.want, out)
		}
	}
}

// A server that gives wrong answers makes the run fail.
func TestWrongAnswersAreAnError(t *testing.T) {
	p := withStub(t)
	out := command(t, 1, args("run -n 10 -w 1 -c 10 --wait 50ms --server-id 192.0.2.9", behindRelay, at(p.Client))...)
	if !strings.Contains(out, "wrong-server 10") || !strings.Contains(out, "10 wrong answers") {
		t.Error(out)
	}
}

// The real server passes every check, and what it acknowledges it knows.
func TestAgainstXdhcpd(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr("10.0.0.1/8"), nettest.ClientAddr("10.0.0.2/8"))
	dir := t.TempDir()
	program := filepath.Join(dir, "xdhcpd")
	if out, err := exec.Command("go", "build", "-o", program, "xdhcp/cmd/xdhcpd").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// async: it is the client's end that is tested, not the disk of this machine.
	config := fmt.Sprintf(`interfaces: [%s]
durability: async
subnets:
  - subnet: 10.0.0.0/8
    pools: [10.1.0.0-10.1.255.250]
    lease: {valid: 1h, renew: 30m, rebind: 52m30s}
    options: {routers: [10.0.0.1]}
`, p.Server.Name)
	if err := os.WriteFile(dir+"/xdhcp.yaml", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	server := p.Server.Command(program, "serve", "-c", dir+"/xdhcp.yaml", "--state", dir+"/state")
	log := &nettest.Transcript{}
	server.Stderr = log
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		ready <- line
	}()
	select {
	case line := <-ready:
		if !strings.Contains(line, "ready") {
			t.Fatalf("the server says %q\n%s", line, log)
		}
	case <-time.After(patience):
		t.Fatal("the server is not ready")
	}

	t.Cleanup(func() {
		if t.Failed() {
			status, _ := exec.Command(program, "status", "--state", dir+"/state").CombinedOutput()
			t.Logf("%s\n%s", log, status)
		}
	})
	checks := "--server-id 10.0.0.1 --pool 10.1.0.0/16 --require 1,3,58,59 --wait 1s,2s,4s,8s -q --server 10.0.0.1"
	for _, tc := range []string{
		"run -n 2000 -r 2000 -c 3000 --relay 10.0.0.2",
		"run -n 2000 -r 2000 -c 2000 --relay 10.0.0.2 --preload --mix renew=60,rebind=20,dora=10,release=10",
		"run -n 500 -w 20 -c 1000 --first-mac 02:0e:00:00:00:00 --mix dora=50,renew=25,rebind=25 --preload",
		"run -n 500 -w 20 -c 500 --first-mac 02:0f:00:00:00:00 --broadcast --client-id",
	} {
		if out := command(t, 0, args(tc, checks, at(p.Client))...); !strings.Contains(out, "0.000 % dropped") {
			t.Errorf("%s: %s", tc, out)
		}
	}
	// The crash test's use: what was recorded is what the server lists.
	command(t, 0, args("run -n 300 -w 20 -c 300 --first-mac 02:10:00:00:00:00 --relay 10.0.0.2 --record", dir+"/acks", checks, at(p.Client))...)
	f, err := os.Open(dir + "/acks")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	acks, err := load.ReadRecord(f)
	if err != nil || len(acks) != 300 {
		t.Fatalf("%d ACKs, %v", len(acks), err)
	}
	listed, err := exec.Command(program, "leases", "--state", dir+"/state").Output()
	if err != nil {
		t.Fatalf("leases: %v", err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(listed)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			known[fields[0]] = line
		}
	}
	for _, a := range acks {
		mac := fmt.Sprintf("02:10:00:00:%02x:%02x", a.MAC[4], a.MAC[5])
		if !strings.Contains(known[a.Addr.String()], mac) || a.Lease != 3600 {
			t.Fatalf("%v was acknowledged to %s for %d s, and the server lists %q", a.Addr, mac, a.Lease, known[a.Addr.String()])
		}
	}
}
