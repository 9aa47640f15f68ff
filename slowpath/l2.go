// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// packetSocket transmits whole frames on any interface and receives nothing
// (its protocol is 0).
type packetSocket struct {
	fd int
	to unix.SockaddrLinklayer
}

func openPacket() (*packetSocket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, unix.EPERM) {
			err = fmt.Errorf("%w: CAP_NET_RAW is needed", err)
		}
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	return &packetSocket{fd: fd}, nil
}

func (p *packetSocket) close() { unix.Close(p.fd) }

// Sending waits this often for this long for room in the socket's buffer.
const (
	sendTries  = 3
	sendWaitMs = 1
)

// send transmits one frame on the interface. One goroutine calls it.
func (p *packetSocket) send(index int, data []byte) error {
	p.to.Ifindex = index
	for try := 1; ; try++ {
		err := unix.Sendto(p.fd, data, 0, &p.to)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case !full(err) || try == sendTries:
			return err
		default:
			fds := [1]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLOUT}}
			_, _ = unix.Poll(fds[:], sendWaitMs)
		}
	}
}

// full says whether err is want of room, which passes.
func full(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS)
}

// index finds the interface in the socket's namespace.
func (p *packetSocket) index(name string) (int, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(p.fd, unix.SIOCGIFINDEX, ifr); err != nil {
		return 0, err
	}
	return int(ifr.Uint32()), nil
}

// watcher tells of changes to network interfaces.
type watcher struct{ file *os.File }

func openWatcher() (*watcher, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), "netlink")
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK}); err != nil {
		file.Close()
		return nil, fmt.Errorf("netlink groups: %w", err)
	}
	return &watcher{file: file}, nil
}

// run calls changed after every change until the watcher is closed.
func (w *watcher) run(changed func()) error {
	buf := make([]byte, 64<<10)
	for {
		// What the message says does not matter: the links look for themselves.
		// ENOBUFS says that messages were lost, which is a change too.
		if _, err := w.file.Read(buf); err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR) {
			if errors.Is(err, os.ErrClosed) {
				return nil
			}
			return fmt.Errorf("netlink: %w", err)
		}
		changed()
	}
}

func (w *watcher) close() { w.file.Close() }
