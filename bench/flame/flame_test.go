// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const traces = `File: xdhcpd
Type: cpu
Duration: 4.65s, Total samples = 100ns (21.93%)
-----------+-------------------------------------------------------
60000000ns   internal/runtime/syscall/linux.Syscall6
             syscall.Syscall6
             xdhcp/engine/xsk.(*system).send
             xdhcp/engine/xsk.(*Socket).Flush
             xdhcp/engine/worker.(*Worker).turn
-----------+-------------------------------------------------------
20000000ns   xdhcp/internal/wire/dhcp4.Msg.Reply (inline)
             xdhcp/fastpath.header
             xdhcp/fastpath.(*Handler).encode
             xdhcp/engine/worker.(*Worker).turn
-----------+-------------------------------------------------------
  15000000ns   xdhcp/engine/lease.(*index[go.shape.uint32]).find
             xdhcp/engine/exchange.(*Server).Decide4
             xdhcp/engine/worker.(*Worker).turn
-----------+-------------------------------------------------------
 5000000ns   runtime.futex
             runtime.mcall
`

func TestWhereTheTimeWent(t *testing.T) {
	name := filepath.Join(t.TempDir(), "flame.svg")
	var out bytes.Buffer
	if err := run(strings.NewReader(traces), &out, name, 100_000); err != nil {
		t.Fatal(err)
	}
	// 100 ms for 100,000 messages.
	want := `| part | CPU | ns a message |
| --- | ---: | ---: |
| tx: system calls that transmit | 60.0 % | 600 |
| build | 20.0 % | 200 |
| lease | 15.0 % | 150 |
| Go's runtime: scheduler, timers, memory | 5.0 % | 50 |
| all of it, 0.10 s for 100000 messages | 100 % | 1000 |
`
	if out.String() != want {
		t.Errorf("%s", &out)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]bool{}
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := tok.(xml.CharData); ok {
			texts[string(text)] = true
		}
	}
	for _, title := range []string{"all: 100.00 %", "xdhcp/engine/worker.(*Worker).turn: 95.00 %", "runtime.mcall: 5.00 %",
		"xdhcp/engine/xsk.(*Socket).Flush: 60.00 %", "xdhcp/engine/lease.(*index[go.shape.uint32]).find: 15.00 %"} {
		if !texts[title] {
			t.Errorf("no box %q", title)
		}
	}
}

func TestWhatIsNoTraces(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":      "",
		"no samples":   "File: x\n-----------+----\n",
		"milliseconds": "-----------+---\n10ms  main.main\n",
		"no function":  "-----------+---\n10ns\n",
		"a caller":     "-----------+---\n     main.main\n",
	} {
		if err := run(strings.NewReader(in), io.Discard, "", 0); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}
