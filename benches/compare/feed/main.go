// Feeds a receiver with the series of many node exporters, by remote write 1.0 as a Prometheus sends it.
//
//	feed -recording FILE -url http://…/api/v1/write -series 10000 -end SECONDS -hours 48 [-every 15s] [-shards 4]
//	     [-flush http://…] posts there at every even hour of the data
//
// Samples come in the order of time, one of each series a scrape, in requests of -batch samples; a series always goes
// through the same shard, each shard has one request under way, and shards are at most a few requests apart. Every scrape
// of an instance has one timestamp on the instance's own grid, as a Prometheus aligns them. Prints one line of JSON:
// what was sent, how long it took, and what was refused. A refusal ends it; 429 and 5xx are sent again.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang/snappy"
)

// window is how much data a flush of the appliance covers by itself when data comes as fast as time passes, in milliseconds.
const window = 2 * 3600 * 1000

// report is what is printed at the end.
type report struct {
	Series   int     `json:"series"`
	Samples  int64   `json:"samples"`
	Requests int64   `json:"requests"`
	Raw      int64   `json:"raw_bytes"`
	Sent     int64   `json:"sent_bytes"`
	Again    int64   `json:"sent_again"`
	Seconds  float64 `json:"seconds"`
	Scrapes  int     `json:"recorded_scrapes"`
	First    int64   `json:"first_ms"`
	Last     int64   `json:"last_ms"`
}

type body struct {
	raw     []byte
	samples int64
}

func main() {
	path := flag.String("recording", "", "file of record.py")
	url := flag.String("url", "", "where to write; none generates only")
	count := flag.Int("series", 10_000, "how many series")
	end := flag.Int64("end", time.Now().Unix(), "end of the data, Unix seconds")
	hours := flag.Float64("hours", 1, "how much time the data covers")
	every := flag.Duration("every", 15*time.Second, "pace of the scrapes")
	shards := flag.Int("shards", 4, "connections")
	batch := flag.Int("batch", 2000, "samples a request")
	flush := flag.String("flush", "", "posted to at every even hour of the data")
	flag.Parse()
	recording, scrapes, err := read(*path)
	if err == nil && (scrapes < 3 || len(recording) == 0) {
		err = fmt.Errorf("%s holds %d scrapes", *path, scrapes)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pace := every.Milliseconds()
	made := newFleet(recording, scrapes, *count, pace)
	steps := int64(*hours * 3600e3 / float64(pace))
	sent := &report{Series: *count, Scrapes: scrapes, First: *end*1000 - steps*pace, Last: *end * 1000}
	begin := time.Now()
	feed(made, sent, steps, pace, *shards, *batch, *url, *flush)
	sent.Seconds = time.Since(begin).Seconds()
	_ = json.NewEncoder(os.Stdout).Encode(sent)
}

// feed generates scrape after scrape, the instances of a scrape in the order of their offsets being of no matter:
// no two share a series.
func feed(made *fleet, sent *report, steps, pace int64, shards, batch int, url, flush string) {
	var group, flushing sync.WaitGroup
	queues := make([]chan body, shards)
	open := make([]body, shards)
	for i := range queues {
		queues[i] = make(chan body, 2)
		group.Go(func() { ship(queues[i], url, sent) })
	}
	for step := range steps {
		if flush != "" && step > 0 && (sent.First+step*pace)/window > (sent.First+(step-1)*pace)/window {
			flushing.Wait()
			flushing.Go(func() { _, _ = post(&http.Client{Timeout: 5 * time.Minute}, flush, nil) })
		}
		number := 0
		for _, one := range made.instances {
			if step > 0 {
				one.scrape(made.scrapes)
			}
			at := sent.First + step*pace + one.offset
			for i := range one.series {
				shard := number % shards
				number++
				open[shard].raw = appendSeries(open[shard].raw, &one.series[i], at)
				if open[shard].samples++; open[shard].samples == int64(batch) {
					queues[shard] <- open[shard]
					open[shard] = body{raw: make([]byte, 0, len(open[shard].raw)+4096)}
				}
			}
		}
	}
	for i := range queues {
		if open[i].samples > 0 {
			queues[i] <- open[i]
		}
		close(queues[i])
	}
	group.Wait()
	flushing.Wait()
}

// appendSeries puts a TimeSeries with one Sample: value in field 1, timestamp in field 2.
func appendSeries(out []byte, series *state, at int64) []byte {
	var sample [24]byte
	own := append(sample[:0], 0x09)
	own = binary.LittleEndian.AppendUint64(own, math.Float64bits(series.value))
	own = append(own, 0x10)
	own = appendVarint(own, uint64(at))
	out = append(out, 0x0a)
	out = appendVarint(out, uint64(len(series.label)+2+len(own)))
	out = append(out, series.label...)
	out = append(out, 0x12, byte(len(own)))
	return append(out, own...)
}

func ship(queue <-chan body, url string, sent *report) {
	client := &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{DisableCompression: true}}
	var packed []byte
	for one := range queue {
		packed = snappy.Encode(packed[:cap(packed)], one.raw)
		atomic.AddInt64(&sent.Samples, one.samples)
		atomic.AddInt64(&sent.Requests, 1)
		atomic.AddInt64(&sent.Raw, int64(len(one.raw)))
		atomic.AddInt64(&sent.Sent, int64(len(packed)))
		for try := 0; url != ""; try++ {
			text, status := post(client, url, packed)
			if status/100 == 2 {
				break
			}
			if try == 100 || status/100 == 4 && status != http.StatusTooManyRequests {
				fmt.Fprintf(os.Stderr, "refused with %d: %s\n", status, text)
				os.Exit(1)
			}
			atomic.AddInt64(&sent.Again, 1)
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// post returns the text and the status of an answer, 599 when there was none.
func post(client *http.Client, url string, packed []byte) (string, int) {
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(packed))
	if err != nil {
		return err.Error(), 499
	}
	request.Header.Set("Content-Encoding", "snappy")
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("User-Agent", "Prometheus/3.14.0")
	request.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	answer, err := client.Do(request)
	if err != nil {
		return err.Error(), 599
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 2000))
	return string(text), answer.StatusCode
}
