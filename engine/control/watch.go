// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// WatchFrom says where a stream of events begins.
type WatchFrom struct {
	// After is the number of the event after which it goes on.
	After uint64
	// Now begins with what comes, whatever After is.
	Now bool
	// Leases sends each lease that there is first, as an event "lease" with the
	// number that the changes after it go on from. A change may be among both.
	Leases bool
}

func (f WatchFrom) query() string {
	q := url.Values{}
	if !f.Now {
		q.Set("after", strconv.FormatUint(f.After, 10))
	}
	if f.Leases {
		q.Set("leases", "1")
	}
	return q.Encode()
}

// serveWatch streams events, one on a line. They are sent when none waits behind
// them, or in large pieces.
func serveWatch(w http.ResponseWriter, r *http.Request, src Source) {
	from := WatchFrom{Now: !r.URL.Query().Has("after"), Leases: r.URL.Query().Get("leases") == "1"}
	if !from.Now {
		var err error
		if from.After, err = strconv.ParseUint(r.URL.Query().Get("after"), 10, 64); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	begun := false
	enc := json.NewEncoder(w)
	flusher := http.NewResponseController(w)
	err := src.Watch(r.Context(), from, func() {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.WriteHeader(http.StatusOK)
		}
		_ = flusher.Flush() // an error is the client going away
	}, func(e Event) bool { return r.Context().Err() == nil && enc.Encode(e) == nil })
	switch {
	case err == nil || r.Context().Err() != nil:
	case begun:
		_ = enc.Encode(Failure{err.Error()})
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusConflict)
		_ = json.NewEncoder(w).Encode(Failure{err.Error()})
	}
}

// FetchEvents asks the server of the state directory for its events, until ctx ends,
// the server does, or yield returns false.
func FetchEvents(ctx context.Context, state string, from WatchFrom, yield func(Event) bool) error {
	return get(ctx, state, "/watch?"+from.query(), func(body io.Reader) error {
		for dec := json.NewDecoder(body); ; {
			var e struct {
				Failure
				Event
			}
			switch err := dec.Decode(&e); {
			case ctx.Err() != nil:
				return nil
			case errors.Is(err, io.EOF):
				return errors.New("the server has ended")
			case err != nil:
				return err
			case e.Error != "":
				return errors.New(e.Error)
			case !yield(e.Event):
				return nil
			}
		}
	})
}
