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

// Files of the state directory: what RFC 8415 §11 wants a server to be known by
// ever after, and what the keys of Reconfigure follow from. Both in hexadecimal.
const (
	duidFile   = "server-duid"
	secretFile = "reconfigure-secret"
)

// loadIdentity6 reads what the server is known by from the state directory, and
// makes it where there is none yet. A DUID that the configuration has counts
// instead.
func loadIdentity6(cfg *config.Config, now time.Time) (id identity6, err error) {
	if id.duid = cfg.DHCP6.DUID; id.duid == nil {
		if id.duid, err = keptOnce(cfg.State, duidFile, func() []byte { return newDUID(cfg.Interfaces, now) }); err != nil {
			return id, fmt.Errorf("server's DUID: %w", err)
		}
		if len(id.duid) < 3 || len(id.duid) > 130 {
			return id, fmt.Errorf("server's DUID: %s has %d octets, not 3 to 130", filepath.Join(cfg.State, duidFile), len(id.duid))
		}
	}
	id.secret, err = keptOnce(cfg.State, secretFile, func() []byte {
		b := make([]byte, 32)
		rand.Read(b)
		return b
	})
	if err == nil && len(id.secret) < 16 {
		err = errors.New("is too short")
	}
	if err != nil {
		return id, fmt.Errorf("secret for Reconfigure: %s: %w", filepath.Join(cfg.State, secretFile), err)
	}
	return id, nil
}

// sampleIdentity6 stands for a server's where nothing is served.
func sampleIdentity6(cfg *config.Config) identity6 {
	if cfg.DHCP6.DUID != nil {
		return identity6{duid: cfg.DHCP6.DUID, secret: make([]byte, 32)}
	}
	return identity6{duid: []byte{0, 3, 0, 1, 0, 0, 0, 0, 0, 0}, secret: make([]byte, 32)}
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
