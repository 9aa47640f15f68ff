// SPDX-License-Identifier: Apache-2.0

// Package lab makes network namespaces and veth pairs between them for programs
// that measure. What a lab makes lives as long as the process that made it and
// carries the process's number where it has a name, so labs do not meet.
//
// Tests use internal/nettest, which fails and cleans up with the test.
package lab

import (
	"fmt"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is a network namespace. It has no name and ends with its descriptor.
type Namespace struct {
	Handle  netns.NsHandle
	Netlink *netlink.Handle // for changes inside
}

// NewNamespace makes an empty namespace. Close it.
func NewNamespace() (*Namespace, error) {
	n := &Namespace{Handle: netns.None()}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread is in the new namespace and ends here
		var err error
		n.Handle, err = netns.New()
		made <- err
	}()
	if err := <-made; err != nil {
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	var err error
	if n.Netlink, err = netlink.NewHandleAt(n.Handle, unix.NETLINK_ROUTE); err != nil {
		n.Handle.Close()
		return nil, fmt.Errorf("netlink in the new namespace: %w", err)
	}
	return n, nil
}

// Close lets the namespace go; with its last process it ends.
func (n *Namespace) Close() error {
	n.Netlink.Close()
	return n.Handle.Close()
}

// Do runs f on a thread in the namespace. Sockets that f opens and processes that
// it starts stay there.
func (n *Namespace) Do(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with its goroutine
		if err := netns.Set(n.Handle); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}
