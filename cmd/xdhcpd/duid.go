// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"xdhcp/internal/config"
)

// duidFile is where in the state directory what the server is known by ever after
// is kept (RFC 8415 §11), in hexadecimal.
const duidFile = "server-duid"

// serverDUID reads the server's DUID from the state directory, and makes it where
// there is none yet. What the configuration has counts instead.
func serverDUID(cfg *config.Config, now time.Time) (duid []byte, err error) {
	if cfg.DHCP6.DUID != nil {
		return cfg.DHCP6.DUID, nil
	}
	duid, err = keptOnce(cfg.State, duidFile, func() []byte { return newDUID(cfg.Interfaces, now) })
	if err == nil && (len(duid) < 3 || len(duid) > 130) {
		err = fmt.Errorf("it has %d octets, not 3 to 130", len(duid))
	}
	if err != nil {
		return nil, fmt.Errorf("server's DUID, %s: %w", filepath.Join(cfg.State, duidFile), err)
	}
	return duid, nil
}

// sampleDUID stands for the server's where nothing is served.
func sampleDUID(cfg *config.Config) []byte {
	if cfg.DHCP6.DUID != nil {
		return cfg.DHCP6.DUID
	}
	return []byte{0, 3, 0, 1, 0, 0, 0, 0, 0, 0}
}

// newDUID is of the kind LLT (RFC 8415 §11.2), of the first interface with a
// hardware address; without one it is a UUID (RFC 6355).
func newDUID(ifaces []config.Interface, now time.Time) []byte {
	for _, ifc := range ifaces {
		i, err := net.InterfaceByName(ifc.Name)
		if err != nil || len(i.HardwareAddr) != 6 {
			continue
		}
		since := now.Unix() - time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		d := binary.BigEndian.AppendUint32([]byte{0, 1, 0, 1}, uint32(since))
		return append(d, i.HardwareAddr...)
	}
	d := make([]byte, 18)
	d[1] = 4
	rand.Read(d[2:])
	d[8], d[10] = d[8]&0x0f|0x40, d[10]&0x3f|0x80 // RFC 9562 §5.4: version 4
	return d
}

// keptOnce reads a file of octets, or makes it. It is there whole and for good
// before the first answer has it in it.
func keptOnce(dir, name string, value func() []byte) ([]byte, error) {
	path := filepath.Join(dir, name)
	for {
		text, err := os.ReadFile(path)
		if err == nil {
			return hex.DecodeString(strings.TrimSpace(string(text)))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := writeOnce(dir, path, hex.EncodeToString(value())+"\n"); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
}

func writeOnce(dir, path, text string) error {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil { // not over another's
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
