// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"xdhcp/bench/load"
)

// chart draws what a search has found: throughput and the 99th percentile of the
// latency over the offered rate, a curve for each contender. Both axes are
// logarithmic: contenders are a thousandfold apart.
func chart(name string, s *scenario, rows []row) error {
	rate, latency := plot.New(), plot.New()
	rate.Title.Text = s.name
	rate.Y.Label.Text = "done, exchanges/s"
	latency.Y.Label.Text = "p99, ms"
	for _, p := range []*plot.Plot{rate, latency} {
		p.X.Label.Text = "offered, exchanges/s"
		for _, a := range []*plot.Axis{&p.X, &p.Y} {
			a.Scale, a.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		}
	}
	rate.Legend.Top, rate.Legend.Left = true, true
	for i, r := range rows {
		if err := errors.Join(
			curve(rate, i, r, r.contender, func(s *load.Result) float64 { return s.Rate }),
			curve(latency, i, r, "", func(s *load.Result) float64 { return 1e3 * s.Whole().P99.Seconds() }),
		); err != nil {
			return err
		}
	}
	canvas := vgsvg.New(20*vg.Centimeter, 24*vg.Centimeter)
	tiles := draw.Tiles{Rows: 2, Cols: 1, PadY: vg.Centimeter / 2, PadTop: 5, PadBottom: 5, PadLeft: 5, PadRight: 15}
	plots := [][]*plot.Plot{{rate}, {latency}}
	for i, at := range plot.Align(plots, tiles, draw.New(canvas)) {
		plots[i][0].Draw(at[0])
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(out)
	return errors.Join(err, out.Close())
}

// curve adds one contender. A logarithmic axis has no place for zero.
func curve(p *plot.Plot, i int, r row, name string, y func(*load.Result) float64) error {
	var points plotter.XYs
	for _, s := range r.steps {
		if v := y(s); v > 0 && s.Offered > 0 {
			points = append(points, plotter.XY{X: s.Offered, Y: v})
		}
	}
	if len(points) == 0 {
		return nil
	}
	slices.SortFunc(points, func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color = plotutil.Color(i)
	dots.Color, dots.Shape = line.Color, plotutil.Shape(i)
	p.Add(line, dots)
	if name != "" {
		p.Legend.Add(name, line, dots)
	}
	return nil
}
