// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"xdhcp/bench/load"
)

// plot draws the steps of a ramp: throughput above, latency below.
func (b *bench) plot(name string) error {
	if name == "" || len(b.results) == 0 {
		return nil
	}
	rate, latency := plot.New(), plot.New()
	rate.Title.Text = fmt.Sprintf("%s, %s", b.Mix, b.results[0].Transport)
	rate.X.Label.Text = "offered, exchanges/s"
	rate.Y.Label.Text = "done, exchanges/s"
	latency.X.Label.Text = "offered, exchanges/s"
	latency.Y.Label.Text = "latency, ms"
	latency.Y.Scale = plot.LogScale{}
	latency.Y.Tick.Marker = plot.LogTicks{Prec: -1}
	latency.Legend.Top, latency.Legend.Left = true, true

	err := errors.Join(
		b.line(rate, "", color.Gray{160}, func(r *load.Result) float64 { return r.Offered }),
		b.line(rate, "", color.RGBA{B: 200, A: 255}, func(r *load.Result) float64 { return r.Rate }),
		b.line(latency, "p50", color.RGBA{G: 150, A: 255}, func(r *load.Result) float64 { return ms(r.Whole().P50) }),
		b.line(latency, "p99", color.RGBA{R: 220, G: 130, A: 255}, func(r *load.Result) float64 { return ms(r.Whole().P99) }),
		b.line(latency, "p99.9", color.RGBA{R: 200, A: 255}, func(r *load.Result) float64 { return ms(r.Whole().P999) }),
	)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}

	const width, height = 18 * vg.Centimeter, 20 * vg.Centimeter
	var canvas interface {
		vg.CanvasSizer
		io.WriterTo
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".svg":
		canvas = vgsvg.New(width, height)
	case ".png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.New(width, height)}
	default:
		return fmt.Errorf("plot %s: want a name that ends in .svg or .png", name)
	}
	tiles := draw.Tiles{Rows: 2, Cols: 1, PadY: vg.Centimeter / 2, PadX: vg.Centimeter / 2, PadTop: 5, PadBottom: 5, PadLeft: 5, PadRight: 15}
	for i, row := range plot.Align([][]*plot.Plot{{rate}, {latency}}, tiles, draw.New(canvas)) {
		[]*plot.Plot{rate, latency}[i].Draw(row[0])
	}
	return writeFile(name, func(w io.Writer) error {
		_, err := canvas.WriteTo(w)
		return err
	})
}

func ms(d interface{ Seconds() float64 }) float64 { return 1e3 * d.Seconds() }

// line adds a curve over the offered rate. A logarithmic axis has no place for
// zero, so steps without a value are left out.
func (b *bench) line(p *plot.Plot, name string, c color.Color, y func(*load.Result) float64) error {
	var points plotter.XYs
	for _, r := range b.results {
		if v := y(r); v > 0 {
			points = append(points, plotter.XY{X: r.Offered, Y: v})
		}
	}
	if len(points) == 0 {
		return nil
	}
	sortByX(points)
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, dots.Color = c, c
	dots.Radius = vg.Points(2)
	p.Add(line, dots)
	if name != "" {
		p.Legend.Add(name, line)
	}
	return nil
}

// sortByX puts the points of a search in order: it goes back and forth.
func sortByX(points plotter.XYs) {
	slices.SortFunc(points, func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
}
