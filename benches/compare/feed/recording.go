package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
)

// kind says how a series goes on after what was recorded.
type kind int

const (
	constant kind = iota // one value all the time
	counter              // never falls while recorded, and some step rises
	gauge                // rises and falls; whole multiples of a power of ten
	long                 // changes, and has more digits than whole units of 15 digits can tell
)

// recorded is what a scrape target exposed of one series.
type recorded struct {
	labels []label // sorted by name, without job and instance
	kind   kind
	scale  float64 // values are units / scale, in the exporter's form
	form   form
	units  []int64 // one a scrape, for those that whole units tell
	step   int64   // what all changes of units are multiples of, 1 when nothing changes
	values []float64
}

type label struct{ name, value string }

// read parses a file of record.py into the series that every scrape has, sorted by labels.
func read(path string) ([]recorded, int, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	inflated, err := gzip.NewReader(file)
	if err != nil {
		return nil, 0, err
	}
	lines := bufio.NewScanner(inflated)
	lines.Buffer(nil, 1<<20)
	values, scrapes := map[string][]float64{}, 0
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "# scrape ") {
			scrapes++
		} else if line != "" && line[0] != '#' {
			cut := strings.LastIndexByte(line, ' ')
			value, err := strconv.ParseFloat(line[cut+1:], 64)
			if err != nil {
				return nil, 0, fmt.Errorf("%q: %w", line, err)
			}
			values[line[:cut]] = append(values[line[:cut]], value)
		}
	}
	// A recording that was stopped ends within a scrape: what is there still counts.
	if err := lines.Err(); err != nil && scrapes < 3 {
		return nil, 0, err
	}
	for len(values) > 0 && !full(values, scrapes) {
		scrapes--
	}
	var made []recorded
	for name, all := range values {
		if len(all) < scrapes {
			continue
		}
		labels, err := parseLabels(name)
		if err != nil {
			return nil, 0, err
		}
		made = append(made, analyse(labels, all[:scrapes]))
	}
	sort.Slice(made, func(a, b int) bool { return less(made[a].labels, made[b].labels) })
	return made, scrapes, nil
}

// full says whether most series have that many scrapes: the last of a recording may be torn.
func full(values map[string][]float64, scrapes int) bool {
	have := 0
	for _, all := range values {
		if len(all) >= scrapes {
			have++
		}
	}
	return have*10 >= len(values)*9 || scrapes == 0
}

func less(a, b []label) bool {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			return a[i].name < b[i].name || a[i].name == b[i].name && a[i].value < b[i].value
		}
	}
	return len(a) < len(b)
}

// parseLabels reads `name{label="value",…}`; the exporter escapes as Go does.
func parseLabels(text string) ([]label, error) {
	name, rest, braces := strings.Cut(text, "{")
	labels := []label{{"__name__", name}}
	for braces && rest != "}" {
		key, after, found := strings.Cut(rest, "=")
		quoted, err := strconv.QuotedPrefix(after)
		if !found || err != nil {
			return nil, fmt.Errorf("labels of %q", text)
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("labels of %q: %w", text, err)
		}
		labels = append(labels, label{key, value})
		rest = strings.TrimPrefix(after[len(quoted):], ",")
	}
	sort.Slice(labels, func(a, b int) bool { return labels[a].name < labels[b].name })
	return labels, nil
}

// A form is how an exporter makes a value of whole units: of milliseconds, say. Not all of them round the
// same way, and what comes of it, such as 13.637559999999999, is part of real data.
type form func(units int64, scale float64) float64

var forms = []form{
	func(units int64, scale float64) float64 { return float64(units) / scale },
	func(units int64, scale float64) float64 { return float64(units) * (1 / scale) },
	func(units int64, scale float64) float64 { return float64(units) / 1000 / (scale / 1000) },
}

// analyse finds the decimals and the kind of a series.
func analyse(labels []label, values []float64) recorded {
	made := recorded{labels: labels, values: values, kind: long, scale: 1, step: 1}
	for decimals := 0; decimals <= 9; decimals++ {
		scale := math.Pow10(decimals)
		for _, form := range forms {
			if units, exact := scaled(values, scale, form); exact {
				made.scale, made.form, made.units = scale, form, units
				made.kind, made.step = classify(units)
				return made
			}
		}
	}
	if same(values) {
		made.kind = constant
	}
	return made
}

func scaled(values []float64, scale float64, form form) ([]int64, bool) {
	units := make([]int64, len(values))
	for i, value := range values {
		if unit := math.Round(value * scale); math.Abs(unit) < 1e15 && form(int64(unit), scale) == value {
			units[i] = int64(unit)
		} else {
			return nil, false
		}
	}
	return units, true
}

func same(values []float64) bool {
	for _, value := range values {
		if value != values[0] {
			return false
		}
	}
	return true
}

func classify(units []int64) (kind, int64) {
	rises, falls, step := 0, 0, int64(0)
	for i := 1; i < len(units); i++ {
		change := units[i] - units[i-1]
		if change > 0 {
			rises++
		} else if change < 0 {
			falls++
			change = -change
		}
		step = gcd(step, change)
	}
	switch {
	case rises+falls == 0:
		return constant, 1
	case falls == 0:
		return counter, step
	default:
		return gauge, step
	}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
