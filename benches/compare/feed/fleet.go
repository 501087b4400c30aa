package main

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A fleet is many copies of the recorded target, each with its own phase, pace and size.
//
// What is kept of the recording: labels, decimals and how the exporter rounds them, which series change and which do
// not, the steps between scrapes and their order. What is not: an instance starts its walk through the recording
// somewhere else, begins each repetition at another place, and scales every step by a random factor between a half
// and one and a half (rounded at random to a whole multiple of what the series' steps are multiples of). Without this,
// a store that looks for repetitions would find the same half hour again and again, which no real target offers; with
// it, changing values carry a little more noise than recorded ones. Large constants, such as the size of memory,
// differ between instances.
type fleet struct {
	recording []recorded
	scrapes   int
	instances []*instance
}

type instance struct {
	offset int64 // milliseconds after the grid of scrapes
	place  int   // in the recording
	left   int   // scrapes until the next jump
	random *rand.Rand
	series []state
}

type state struct {
	of    *recorded
	label []byte // encoded labels of remote write 1.0
	first int64  // where a gauge is anchored
	units int64
	value float64
}

// newFleet makes `count` series; the last instance may be cut.
func newFleet(recording []recorded, scrapes, count int, every int64) *fleet {
	made := &fleet{recording: recording, scrapes: scrapes}
	for left := count; left > 0; {
		number := len(made.instances)
		random := rand.New(rand.NewPCG(uint64(number), 20))
		one := &instance{offset: random.Int64N(every), random: random}
		name := fmt.Sprintf("10.0.%d.%d:9100", number/250, number%250+1)
		one.jump(scrapes)
		for i := 0; i < len(recording) && left > 0; i++ {
			one.series = append(one.series, one.begin(&recording[i], name))
			left--
		}
		made.instances = append(made.instances, one)
	}
	return made
}

func (one *instance) begin(of *recorded, name string) state {
	made := state{of: of, label: encodeLabels(of.labels, name)}
	if of.units == nil {
		made.value = of.values[one.place]
		return made
	}
	switch of.kind {
	case counter:
		made.units = of.units[0] + int64(float64(of.units[0])*one.random.Float64()*4)/of.step*of.step
	case constant:
		made.units = of.units[0]
		if size := math.Abs(float64(made.units)); size > 1e6 && of.scale == 1 {
			made.units = of.units[0] / 4096 * (4096 - one.random.Int64N(1000)*2)
		}
	case gauge:
		made.units = of.units[one.place]
	}
	made.first = made.units
	made.value = of.form(made.units, of.scale)
	return made
}

// jump goes on elsewhere in the recording.
func (one *instance) jump(scrapes int) {
	one.place = 1 + one.random.IntN(scrapes-1)
	one.left = 1 + one.random.IntN(scrapes)
}

// scrape moves all series of an instance to its next scrape.
func (one *instance) scrape(scrapes int) {
	jumped := false
	if one.place++; one.left == 0 || one.place == scrapes {
		one.jump(scrapes)
		jumped = true
	}
	one.left--
	for i := range one.series {
		one.series[i].advance(one.random, one.place, jumped)
	}
}

func (series *state) advance(random *rand.Rand, place int, jumped bool) {
	of := series.of
	switch of.kind {
	case constant:
		return
	case long:
		change := of.values[place] - of.values[place-1]
		series.value += change * (0.5 + random.Float64())
		return
	case gauge:
		if jumped {
			series.units = of.units[place]
			break
		}
		fallthrough
	case counter:
		change := of.units[place] - of.units[place-1]
		if change == 0 {
			return
		}
		series.units += int64(math.Floor(float64(change/of.step)*(0.5+random.Float64())+random.Float64())) * of.step
		if of.kind == gauge && series.units < 0 && series.first >= 0 {
			series.units = of.units[place]
		}
	}
	series.value = of.form(series.units, of.scale)
}

func encodeLabels(labels []label, instance string) []byte {
	var out []byte
	put := func(name, value string) {
		var pair []byte
		pair = appendField(pair, 1, name)
		pair = appendField(pair, 2, value)
		out = appendField(out, 1, string(pair))
	}
	added := []label{{"instance", instance}, {"job", "node"}}
	for _, own := range labels {
		for len(added) > 0 && added[0].name < own.name {
			put(added[0].name, added[0].value)
			added = added[1:]
		}
		put(own.name, own.value)
	}
	for _, one := range added {
		put(one.name, one.value)
	}
	return out
}

func appendField(out []byte, number byte, text string) []byte {
	out = append(out, number<<3|2)
	out = appendVarint(out, uint64(len(text)))
	return append(out, text...)
}

func appendVarint(out []byte, number uint64) []byte {
	for number > 0x7f {
		out = append(out, byte(number)|0x80)
		number >>= 7
	}
	return append(out, byte(number))
}
