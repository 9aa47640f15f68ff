// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Source answers what operators ask.
type Source interface {
	Status() Status
	// Leases calls yield for each lease until it returns false.
	Leases(yield func(Lease) bool)
	// Watch calls yield for each durable change until ctx ends or it returns false.
	// It calls caughtUp when it knows that it can begin, and whenever there is
	// nothing more for the moment.
	Watch(ctx context.Context, from WatchFrom, caughtUp func(), yield func(Event) bool) error
	// ForceRenew tells the client of an address to renew its lease.
	ForceRenew(ctx context.Context, addr netip.Addr) error
	// Reconfigure tells the client of an address (its length is 128) or a delegated
	// prefix to send a message.
	Reconfigure(ctx context.Context, lease netip.Prefix, send Message6) error
}

// Server serves the control socket.
type Server struct {
	ln   net.Listener
	http *http.Server
}

// Listen makes the socket in the state directory. The caller holds the
// directory's lock, so a socket that lies there is a dead server's.
func Listen(state string, src Source) (*Server, error) {
	dir, done, err := shortPath(state)
	if err != nil {
		return nil, err
	}
	defer done()
	path := filepath.Join(dir, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	// Its short name may be gone by then; the next start removes the socket.
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), ln.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		// An error here is the client going away.
		_ = json.NewEncoder(w).Encode(src.Status())
	})
	mux.HandleFunc("GET /leases", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		enc := json.NewEncoder(w)
		src.Leases(func(l Lease) bool { return r.Context().Err() == nil && enc.Encode(l) == nil })
	})
	mux.HandleFunc("GET /watch", func(w http.ResponseWriter, r *http.Request) { serveWatch(w, r, src) })
	mux.HandleFunc("POST /forcerenew", func(w http.ResponseWriter, r *http.Request) {
		addr, err := netip.ParseAddr(r.FormValue("address"))
		if err == nil {
			err = src.ForceRenew(r.Context(), addr)
		}
		conclude(w, err)
	})
	mux.HandleFunc("POST /reconfigure", func(w http.ResponseWriter, r *http.Request) {
		lease, err := parseLease(r.FormValue("lease"))
		send := Message6(r.FormValue("send"))
		if err == nil && send != Renew6 && send != Rebind6 && send != InformationRequest6 {
			err = fmt.Errorf("%q is no message that a client can be told to send", send)
		}
		if err == nil {
			err = src.Reconfigure(r.Context(), lease, send)
		}
		conclude(w, err)
	})
	return &Server{ln: ln, http: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}, nil
}

// conclude answers a wish.
func conclude(w http.ResponseWriter, err error) {
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusConflict)
		_ = json.NewEncoder(w).Encode(Failure{err.Error()})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.http.Close() })
	defer stop()
	if err := s.http.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// Close ends a server that does not run, or stops one that does.
func (s *Server) Close() { _ = errors.Join(s.http.Close(), s.ln.Close()) }

// ErrNotRunning means that no server listens in the state directory.
var ErrNotRunning = errors.New("no server is running")

// FetchStatus asks the server of the state directory.
func FetchStatus(ctx context.Context, state string) (Status, error) {
	var st Status
	err := get(ctx, state, "/status", func(body io.Reader) error {
		return json.NewDecoder(body).Decode(&st)
	})
	return st, err
}

// FetchLeases asks the server of the state directory for every lease.
func FetchLeases(ctx context.Context, state string, yield func(Lease) bool) error {
	return get(ctx, state, "/leases", func(body io.Reader) error {
		for dec := json.NewDecoder(body); ; {
			var l Lease
			if err := dec.Decode(&l); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if !yield(l) {
				return nil
			}
		}
	})
}

// Failure is why something was not done.
type Failure struct {
	Error string `json:"error"`
}

// ForceRenew asks the server of the state directory to tell the client of an
// address to renew its lease.
func ForceRenew(ctx context.Context, state string, addr netip.Addr) error {
	q := url.Values{"address": {addr.String()}}
	return ask(ctx, state, http.MethodPost, "/forcerenew?"+q.Encode(), func(io.Reader) error { return nil })
}

// Message6 is what a client of DHCPv6 can be told to send.
type Message6 string

const (
	Renew6              Message6 = "renew"
	Rebind6             Message6 = "rebind"
	InformationRequest6 Message6 = "information-request"
)

// parseLease takes an address as a prefix of 128 bits.
func parseLease(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		var a netip.Addr
		if a, err = netip.ParseAddr(text); err == nil && a.Zone() == "" {
			p = netip.PrefixFrom(a, a.BitLen())
		}
	}
	if err != nil || !p.Addr().Is6() || p != p.Masked() || p.Bits() == 0 {
		return netip.Prefix{}, fmt.Errorf("%q is no IPv6 address, nor a prefix", text)
	}
	return p, nil
}

// Reconfigure asks the server of the state directory to tell the client of an
// address or a delegated prefix to send a message.
func Reconfigure(ctx context.Context, state, lease string, send Message6) error {
	q := url.Values{"lease": {lease}, "send": {string(send)}}
	return ask(ctx, state, http.MethodPost, "/reconfigure?"+q.Encode(), func(io.Reader) error { return nil })
}

func get(ctx context.Context, state, path string, read func(io.Reader) error) error {
	return ask(ctx, state, http.MethodGet, path, read)
}

func ask(ctx context.Context, state, method, path string, read func(io.Reader) error) error {
	dir, done, err := shortPath(state)
	if err != nil {
		return err
	}
	defer done()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(dir, SocketName))
		},
	}}
	req, err := http.NewRequestWithContext(ctx, method, "http://xdhcpd"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" && !os.IsPermission(op.Err) {
			return fmt.Errorf("state directory %s: %w", state, ErrNotRunning)
		}
		return fmt.Errorf("ask the server: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNoContent:
	case http.StatusConflict:
		var f Failure
		if err := json.NewDecoder(resp.Body).Decode(&f); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		return errors.New(f.Error)
	default:
		return fmt.Errorf("ask the server for %s: %s", path, resp.Status)
	}
	if err := read(resp.Body); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return nil
}

// shortPath names dir by an open descriptor where its own name would make the
// socket's longer than the 107 bytes that a unix address holds. done closes it.
func shortPath(dir string) (short string, done func(), err error) {
	const longest = 107
	if len(filepath.Join(dir, SocketName)) <= longest {
		return dir, func() {}, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, fmt.Errorf("control socket: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d", f.Fd()), func() { _ = f.Close() }, nil
}
