// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// Options of a Store; the zero value is the default.
type Options struct {
	// Keep is how many seconds what is over is kept. 0: 366 days.
	Keep uint32
	// MaxBytes bounds the files, but for one that is being merged. 0: 8 GiB.
	MaxBytes int64
	// Pace is called with each piece that is read or written; it may sleep.
	Pace func(n int) error
}

const (
	defaultKeep  = 366 * 24 * 60 * 60
	defaultBytes = 8 << 30

	// fanIn runs of a level become one of the next.
	fanIn = 8
	// A run may be this part of MaxBytes, so that retention drops small parts.
	parts = 8
)

// Position is how far the log is in the history: all groups up to Seq. The next one
// begins at Offset of the segment, unless that is at its end.
type Position struct {
	Seq     uint64
	Segment uint64
	Offset  int64
}

type manifest struct {
	Version  int
	Position Position
	NextFile uint64
	Runs     []Run // oldest first
}

const (
	manifestName    = dirName + "/manifest"
	manifestTemp    = dirName + "/manifest.new"
	manifestVersion = 1
)

// Store writes the history of one state directory. It is not safe for concurrent
// use; readers open Views of their own, at any time and in any process.
type Store struct {
	fs   vfs.FS
	opt  Options
	m    manifest
	size int64
}

// Open reads the manifest and removes what an interrupted merge has left.
func Open(fs vfs.FS, o Options) (*Store, error) {
	if o.Keep == 0 {
		o.Keep = defaultKeep
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultBytes
	}
	if o.Pace == nil {
		o.Pace = func(int) error { return nil }
	}
	if err := fs.Mkdir(dirName); err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	if err := fs.SyncDir("."); err != nil {
		return nil, fmt.Errorf("history: sync state directory: %w", err)
	}
	m, err := readManifest(fs)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	s := &Store{fs: fs, opt: o, m: m}
	infos, err := fs.List(dirName)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	s.m.Runs = slices.DeleteFunc(s.m.Runs, func(r Run) bool { // shed, see Shed
		return !slices.ContainsFunc(infos, func(i vfs.Info) bool { return dirName+"/"+i.Name == r.File })
	})
	for _, i := range infos {
		name := dirName + "/" + i.Name
		known := name == manifestName || slices.ContainsFunc(m.Runs, func(r Run) bool { return r.File == name })
		if known || !strings.HasSuffix(name, ".run") && name != tempRun && name != manifestTemp {
			continue
		}
		if err := fs.Remove(name); err != nil {
			return nil, fmt.Errorf("history: remove leftover: %w", err)
		}
	}
	s.measure()
	return s, nil
}

func readManifest(fs vfs.FS) (m manifest, err error) {
	f, err := fs.Open(manifestName)
	if errors.Is(err, os.ErrNotExist) {
		return manifest{Version: manifestVersion, NextFile: 1}, nil
	}
	if err != nil {
		return m, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return m, err
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(b)) {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%s is damaged: %w", manifestName, err)
	}
	if m.Version != manifestVersion {
		return m, fmt.Errorf("%s: format version %d; this program reads version %d", manifestName, m.Version, manifestVersion)
	}
	return m, nil
}

// Position is how far the log is in the history.
func (s *Store) Position() Position { return s.m.Position }

// Bytes is the size of all runs.
func (s *Store) Bytes() int64 { return s.size }

// Runs describes the files, oldest first.
func (s *Store) Runs() []Run { return slices.Clone(s.m.Runs) }

func (s *Store) measure() {
	s.size = 0
	for _, r := range s.m.Runs {
		s.size += r.Bytes
	}
}

// Add makes a run of what b has collected, which goes up to p. When it returns nil,
// the log up to p is not needed any more.
func (s *Store) Add(b *Builder, p Position) error {
	m := s.m
	m.Runs = slices.Clone(m.Runs)
	if b.Len() > 0 {
		r, err := s.file(&m, func(f vfs.File) (*runWriter, error) { return b.write(f, s.opt.Pace) })
		if err != nil {
			return fmt.Errorf("history: write run: %w", err)
		}
		r.Groups = [2]uint64{m.Position.Seq + 1, p.Seq}
		m.Runs = append(m.Runs, r)
	}
	m.Position = p
	return s.publish(m)
}

// Skip gives up what lies between the position and p.
func (s *Store) Skip(p Position) error {
	m := s.m
	m.Position = p
	return s.publish(m)
}

// file writes a run and gives it its name.
func (s *Store) file(m *manifest, write func(vfs.File) (*runWriter, error)) (r Run, err error) {
	if err := s.fs.Remove(tempRun); err != nil && !errors.Is(err, os.ErrNotExist) {
		return r, err
	}
	f, err := s.fs.Create(tempRun)
	if err != nil {
		return r, err
	}
	defer func() {
		f.Close()
		if err != nil {
			s.fs.Remove(tempRun) // its blocks are wanted back if the disk is full
		}
	}()
	w, err := write(f)
	if err != nil {
		return r, err
	}
	r = Run{File: fmt.Sprintf("%s/%012d.run", dirName, m.NextFile), Newest: w.newest,
		Bytes: int64(w.o.blocks) * blockLen, Spans: w.f.Spans.Entries}
	m.NextFile++
	return r, s.fs.Rename(tempRun, r.File)
}

// publish puts a manifest in force; the runs in it are synced. Afterwards the files
// that it does not name are gone.
func (s *Store) publish(m manifest) error {
	j, err := json.MarshalIndent(&m, "", " ")
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	b := vfs.Buffer(int(vfs.RoundUp(int64(len(j)) + 1)))
	for i := copy(b, j); i < len(b); i++ {
		b[i] = '\n' // JSON ends there for every reader
	}
	if err := s.fs.Remove(manifestTemp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("history: %w", err)
	}
	f, err := s.fs.Create(manifestTemp)
	if err != nil {
		return fmt.Errorf("history: create manifest: %w", err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, 0); err != nil {
		return fmt.Errorf("history: write manifest: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("history: sync manifest: %w", err)
	}
	// One directory, whose changes a file system keeps in order; the runs must not
	// come after the manifest that names them all the same.
	if err := s.fs.SyncDir(dirName); err != nil {
		return fmt.Errorf("history: sync directory: %w", err)
	}
	if err := s.fs.Rename(manifestTemp, manifestName); err != nil {
		return fmt.Errorf("history: name manifest: %w", err)
	}
	if err := s.fs.SyncDir(dirName); err != nil {
		return fmt.Errorf("history: sync directory: %w", err)
	}
	old := s.m.Runs
	s.m = m
	s.measure()
	for _, r := range old {
		if slices.ContainsFunc(m.Runs, func(n Run) bool { return n.File == r.File }) {
			continue
		}
		if err := s.fs.Remove(r.File); err != nil {
			return fmt.Errorf("history: remove merged run: %w", err)
		}
	}
	return nil
}

// Maintain merges runs and drops what is too old or too much, until there is nothing
// more to do.
func (s *Store) Maintain(ctx context.Context, now lease.Time) error {
	for ctx.Err() == nil {
		i, n, cutoff := s.plan(now)
		if n == 0 {
			return nil
		}
		if err := s.merge(i, n, cutoff); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// plan chooses n runs from the i-th on to be merged, and what to leave out.
func (s *Store) plan(now lease.Time) (i, n int, cutoff lease.Time) {
	runs := s.m.Runs
	if len(runs) >= 2 {
		expired := lease.Time(0)
		if uint32(now) > s.opt.Keep {
			expired = now - lease.Time(s.opt.Keep)
		}
		if s.size > s.opt.MaxBytes {
			expired = max(expired, runs[0].Newest+1)
		}
		if runs[0].Newest < expired {
			// What seems to be over may go on in a run that is not looked at, unless
			// the newer of the two shows that it was not renewed in time.
			return 0, 2, min(expired, runs[1].Newest)
		}
	}
	// The newest level first: those merges are small and make the next ones whole.
	// Of a level the oldest runs, so that the levels stay in order.
	for end := len(runs); end > 0; {
		begin := end - 1
		for begin > 0 && runs[begin-1].Level == runs[begin].Level {
			begin--
		}
		if end-begin >= fanIn {
			var bytes int64
			for _, r := range runs[begin : begin+fanIn] {
				bytes += r.Bytes
			}
			if bytes <= s.opt.MaxBytes/parts {
				return begin, fanIn, 0
			}
		}
		end = begin
	}
	return 0, 0, 0
}

func (s *Store) merge(i, n int, cutoff lease.Time) error {
	m := s.m
	in := m.Runs[i : i+n]
	var rs []*reader
	defer func() {
		for _, r := range rs {
			r.f.Close()
		}
	}()
	for _, run := range in {
		r, err := openRun(s.fs, run.File)
		if err != nil {
			return fmt.Errorf("history: merge: %w", err)
		}
		rs = append(rs, r)
	}
	run, err := s.file(&m, func(f vfs.File) (*runWriter, error) { return merge(f, rs, cutoff, s.opt.Pace) })
	if err != nil {
		return fmt.Errorf("history: merge: %w", err)
	}
	run.Groups = [2]uint64{in[0].Groups[0], in[n-1].Groups[1]}
	run.Level = in[n-1].Level
	if cutoff == 0 {
		run.Level++
	}
	run.Newest = max(run.Newest, in[n-1].Newest)
	m.Runs = slices.Concat(m.Runs[:i], []Run{run}, m.Runs[i+n:])
	return s.publish(m)
}

// Shed removes the oldest run at once, to make room on a full disk. The identities of
// clients whose lease began in it are lost.
func (s *Store) Shed() (dropped bool, err error) {
	if len(s.m.Runs) == 0 {
		return false, nil
	}
	m := s.m
	m.Runs = slices.Clone(m.Runs[1:])
	gone := s.m.Runs[0].File
	// The manifest needs a page, which may not be there before the run is gone.
	if err := s.fs.Remove(gone); err != nil {
		return false, fmt.Errorf("history: remove oldest run: %w", err)
	}
	s.m.Runs = slices.Clone(m.Runs)
	return true, s.publish(m)
}

// SetAside renames the files of a history that cannot be read, so that it begins anew.
func SetAside(fs vfs.FS) error {
	infos, err := fs.List(dirName)
	if err != nil {
		return err
	}
	for _, i := range infos {
		name := dirName + "/" + i.Name
		if strings.HasSuffix(name, ".damaged") {
			continue
		}
		if err := fs.Rename(name, name+".damaged"); err != nil {
			return err
		}
	}
	return fs.SyncDir(dirName)
}
